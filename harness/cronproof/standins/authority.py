"""A certificate authority for one run: only its processes trust it, and it is deleted afterwards."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import trustme

from cronproof.standins.hosts import find_certified


@dataclass(frozen=True)
class Authority:
    """Files in the run's folder. A process that trusts only `bundle` accepts no real host."""

    bundle: Path
    certificate: Path
    """The certificate for all hosts with stand-ins, and its key."""

    @classmethod
    def made(cls, folder: Path, hosts: Mapping[str, str]) -> Authority:
        """Creates an authority and its certificate in a folder. `hosts`: the service at each."""
        authority = trustme.CA(organization_name="cronproof")
        made = cls(folder / "authority.pem", folder / "certificate.pem")
        authority.cert_pem.write_to_path(str(made.bundle))
        authority.issue_cert(
            *find_certified(hosts), "localhost", "127.0.0.1"
        ).private_key_and_cert_chain_pem.write_to_path(str(made.certificate))
        return made

    def context(self) -> ssl.SSLContext:
        """Returns the TLS context of a stand-in, or of Postgres on this machine."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context
