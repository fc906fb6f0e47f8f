"""What a process shares with others outside cronproof's control: foreign servers and locked files.

Linux tells it in /proc. Elsewhere nothing is found.
"""

import contextlib
import ipaddress
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import psutil


class Sharing:
    """Looks at what a process and its children share. Made before the process is called."""

    def __init__(self, pid: int) -> None:
        self._pid = str(pid)
        self._sockets: frozenset[str] | None = None
        """The sockets that were looked at, unless one of them was about to be connected."""
        self._locks = set(_locks(pids_of(self._pid)))

    def find_locked_files(self) -> Iterator[str]:
        """Yields the files that it has locked since it was started."""
        for pid, place in _locks(pids_of(self._pid)):
            if (pid, place) not in self._locks:
                yield _path_of(pid, place)

    def find_foreign_server(self, ports: Collection[int]) -> str | None:
        """Returns the address of a server that it is connected to, if that is not one of cronproof's, on
        loopback at these ports. Its own servers and callers do not count.
        """
        pids = list(pids_of(self._pid))
        sockets = frozenset(link for pid in pids for link in _links(pid) if link.startswith("socket:"))
        if sockets == self._sockets:  # to read the connections of the whole machine may take ten milliseconds
            return None
        connections = []
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                connections += psutil.Process(int(pid)).net_connections("tcp")
        statuses = {one.status for one in connections}
        self._sockets = sockets if statuses <= {psutil.CONN_ESTABLISHED, psutil.CONN_LISTEN} else None
        own = {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
        for one in connections:
            if one.status != psutil.CONN_ESTABLISHED or one.laddr.port in own:
                continue
            address = ipaddress.ip_address(one.raddr.ip)
            plain = getattr(address, "ipv4_mapped", None) or address
            if not plain.is_loopback or one.raddr.port not in own | set(ports):
                return f"{plain}:{one.raddr.port}"
        return None


def pids_of(pid: str) -> Iterator[str]:
    """Yields a process and its descendants. Looking at every process of the machine takes longer."""
    yield pid
    with contextlib.suppress(OSError):  # it, or a thread of it, has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from pids_of(child)


def _links(pid: str) -> Iterator[str]:
    """Yields what the open files of a process are."""
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it was closed in between
                yield str(file.readlink())


def _locks(pids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields the files that processes have locked: the process, and the device and number of the file.

    https://man7.org/linux/man-pages/man5/proc_locks.5.html
    """
    among = set(pids)
    with contextlib.suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            _, *words = line.split()
            if len(words) >= 5 and words[0] in {"FLOCK", "POSIX"} and words[3] in among:
                yield words[3], words[4]


def _path_of(pid: str, place: str) -> str:
    """Returns the path of a file that a process has open, by its device and number in /proc/locks."""
    with contextlib.suppress(OSError):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                status = file.stat()
                found = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
                if found == place:
                    return str(file.readlink())
    return place
