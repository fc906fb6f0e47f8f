"""The keys of a Supabase project that exists for a run: JWTs as Supabase signs its legacy keys.

https://supabase.com/docs/guides/api/api-keys: HS256, with the claims `role`, `iss`, `iat`, `exp`.
"""

import jwt

SECRET = "jwt-secret-of-this-run-and-of-nothing-else"  # noqa: S105  (opens nothing but a run's own database)
ALGORITHM = "HS256"
ISSUED_AT = 1_767_225_600  # 2026-01-01: the same key in every run
EXPIRES_AT = ISSUED_AT + 100 * 365 * 24 * 3600


def key_of(role: str) -> str:
    """Returns the key with which a client acts as `role`."""
    claims = {"role": role, "iss": "supabase", "iat": ISSUED_AT, "exp": EXPIRES_AT}
    return jwt.encode(claims, SECRET, ALGORITHM)
