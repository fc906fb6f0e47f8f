"""A throw-away certificate authority: made for a run, trusted by its processes alone, gone with the run's folder."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from cronproof.standins.hosts import CERTIFIED


@dataclass(frozen=True)
class Authority:
    """Files in the run's folder. `bundle` holds no other authority: whoever trusts it alone reaches no real host."""

    bundle: Path
    certificate: Path
    """Of all hosts that are stood in for, with its key."""

    @classmethod
    def made(cls, folder: Path) -> Authority:
        """A new one."""
        authority = trustme.CA(organization_name="cronproof")
        made = cls(folder / "authority.pem", folder / "certificate.pem")
        authority.cert_pem.write_to_path(str(made.bundle))
        authority.issue_cert(*CERTIFIED, "localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            str(made.certificate)
        )
        return made

    def context(self) -> ssl.SSLContext:
        """What a server needs to be taken for the real one, or for Postgres on this machine."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context
