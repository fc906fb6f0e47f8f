"""The keys of a Supabase project that exists for a run."""

import jwt

from cronproof.standins.supabase.keys import ALGORITHM, SECRET, key_of


def test_a_key_names_its_role_and_is_the_same_in_every_run() -> None:
    claims = jwt.decode(key_of("anon"), SECRET, algorithms=[ALGORITHM])

    assert (claims["role"], claims["iss"]) == ("anon", "supabase")
    assert key_of("anon") == key_of("anon") != key_of("service_role")
