"""Processes as tests see them. One can end at any moment, and what is asked of it then raises."""

import contextlib

import psutil


def living() -> list[psutil.Process]:
    """Every process that runs. One that has ended but was not waited for (a zombie) does not."""
    return [process for process in psutil.process_iter() if not has_ended(process)]


def has_ended(process: psutil.Process) -> bool:
    """Whether the process no longer runs."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def mentions(process: psutil.Process, text: str) -> bool:
    """Whether the text occurs in the command line of the process."""
    with contextlib.suppress(psutil.Error):
        return any(text in part for part in process.cmdline())
    return False


def children_with(text: str, pid: int) -> list[psutil.Process]:
    """The children whose command line has the text."""
    return [child for child in psutil.Process(pid).children() if mentions(child, text)]
