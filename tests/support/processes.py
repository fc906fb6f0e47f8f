"""Processes as tests see them. One can end at any moment, and what is asked of it then raises."""

import contextlib

import psutil


def names_with(text: str) -> list[str]:
    """The names of all processes that run and have the text in their command line."""
    names = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if not has_ended(process) and mentions(process, text):
                names.append(process.name())
    return names


def has_ended(process: psutil.Process) -> bool:
    """Whether the process no longer runs. One that was not waited for (a zombie) does not."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def mentions(process: psutil.Process, text: str) -> bool:
    """Whether the text occurs in the command line of the process."""
    with contextlib.suppress(psutil.Error):
        return any(text in part for part in process.cmdline())
    return False


def pool_of(pid: int) -> list[psutil.Process]:
    """The processes of the pool of a run."""
    return children_with("multiprocessing.spawn", pid)


def children_with(text: str, pid: int) -> list[psutil.Process]:
    """The children whose command line has the text."""
    return [child for child in psutil.Process(pid).children() if mentions(child, text)]
