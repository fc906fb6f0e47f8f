"""The command `cronproof`, also as `python -m cronproof`."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Runs the command. Ctrl-C while it is loading interrupts it without a traceback."""
    try:
        from cronproof.cli import app  # noqa: PLC0415  (loading takes long enough to be interrupted)

        app.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
