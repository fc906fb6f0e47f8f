"""`python -m harness` is the command `cronproof`."""

from harness.cli import main

main()
