"""The command `cronproof`, also as `python -m cronproof`."""

import gc
import os
import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """Runs the command. A signal while it is loading interrupts it without a traceback."""
    _open_closed_files()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background process ignores it
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    gc.disable()  # nothing that is loaded is garbage, and to look for some takes a tenth of a second
    try:
        from cronproof.cli import app  # noqa: PLC0415  (loading takes long enough to be interrupted)

        gc.enable()
        app.main()
    except KeyboardInterrupt:
        print("cronproof: interrupted", file=sys.stderr)  # noqa: T201  (the console is not loaded)
        sys.exit(INTERRUPTED)


def _open_closed_files() -> None:
    """Opens /dev/null as each standard file that is closed: else the next file that is opened, such as
    a socket, would take its place.
    """
    for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")]):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115  (a number)


if __name__ == "__main__":
    main()
