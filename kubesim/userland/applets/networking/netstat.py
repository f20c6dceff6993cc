"""netstat: the sockets of the network namespace, out of /proc/net; and its routes.

Mirrors busybox: networking/netstat.c. Ports have no names: the images have no /etc/services.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubesim.userland.applets.networking.route import show_routes
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress, from_proc_form
from kubesim.userland.options import Options, parse_options
from kubesim.userland.processes.process_life import Process

LISTEN, CLOSE = 10, 7
STATES = (
    "",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
)
UNIX_TYPES = {"0001": "STREAM", "0002": "DGRAM", "0005": "SEQPACKET"}
UNIX_LISTENS = 0x10000
OWNER_WIDTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    protocol: str
    local: SocketAddress
    peer: SocketAddress
    state: int
    sent_bytes: int
    received_bytes: int
    inode: str

    @property
    def is_server(self) -> bool:
        """Whether it waits for somebody: -l shows these, and nothing else does."""
        return not self.peer.port


async def run(process: Process) -> int:
    """Connected sockets; with -l those that listen, with -a both; with -r the routes."""
    options = parse_options(process.argv, "laentuwxrp")
    if "r" in options:
        return await show_routes(process, is_numeric="n" in options, has_sizes=True)
    which = "servers and established" if "a" in options else "only servers" if "l" in options else "w/o servers"
    are_all = not options.flags & set("tuwx")
    if are_all or options.flags & set("tuw"):
        title = f"{'PID/Program name':<{OWNER_WIDTH}}" if "p" in options else ""
        await process.say(
            f"Active Internet connections ({which})\n"
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State       "
            f"{title}\n"
        )
        owners = _owners(process) if "p" in options else {}
        for letter, table in (("t", "tcp"), ("t", "tcp6"), ("u", "udp"), ("u", "udp6")):
            if are_all or letter in options:
                for row in _rows(process, table):
                    if "a" in options or row.is_server == ("l" in options):
                        await process.say(_line(row, options, owners))
    if are_all or "x" in options:
        await _show_unix(process, options, which)
    return 0


def _rows(process: Process, table: str) -> Iterator[_Row]:
    for line in _table(process, table):
        words = line.split()
        sent, _, received = words[4].partition(":")
        yield _Row(
            protocol=table.removesuffix("6"),
            local=from_proc_form(words[1]),
            peer=from_proc_form(words[2]),
            state=int(words[3], 16),
            sent_bytes=int(sent, 16),
            received_bytes=int(received, 16),
            inode=words[9],
        )


def _table(process: Process, name: str) -> list[str]:
    try:
        return process.files.read(f"/proc/net/{name}").decode().splitlines()[1:]
    except FsError:
        return []


def _line(row: _Row, options: Options, owners: dict[str, str]) -> str:
    is_udp = row.protocol == "udp"
    state = ("ESTABLISHED" if row.state == 1 else "") if is_udp else STATES[row.state]
    queues = f"{row.protocol:<5} {row.received_bytes:6d} {row.sent_bytes:6d}"
    ends = f"{_name(row.local, options):<23} {_name(row.peer, options):<23}"
    owner = owners.get(row.inode, "-")[:OWNER_WIDTH] if "p" in options else ""
    return f"{queues} {ends} {state:<12}{owner}\n"


def _name(address: SocketAddress, options: Options) -> str:
    port = str(address.port) if address.port else "*"
    ip = address.ip
    if "n" not in options:
        ip = {"127.0.0.1": "localhost", "::1": "localhost"}.get(ip, ip)
    return f"{ip}:{port}"


def _owners(process: Process) -> dict[str, str]:
    """Who holds a socket, by inode: `PID/NAME`; of those whose descriptors the process may look at."""
    who = process.credentials
    found: dict[str, str] = {}
    for other in process.neighbours():
        if who.is_root or other.credentials.uid == who.uid:
            for file in other.descriptors().values():
                name = file.tell()
                if name.startswith("socket:["):
                    found.setdefault(name[8:-1], f"{other.pid}/{other.name}")
    return found


async def _show_unix(process: Process, options: Options, which: str) -> None:
    owner = " PID/Program name   " if "p" in options else ""
    await process.say(
        f"Active UNIX domain sockets ({which})\nProto RefCnt Flags       Type       State         I-Node{owner} Path\n"
    )
    for line in _table(process, "unix"):
        words = line.split()
        is_listening = bool(int(words[3], 16) & UNIX_LISTENS)
        is_connected = words[5] == "03"
        if "a" not in options and is_listening != ("l" in options):
            continue
        state = "LISTENING" if is_listening else "CONNECTED" if is_connected else ""
        flags = "[ ACC ]" if is_listening else "[ ]"
        kind = UNIX_TYPES.get(words[4], "UNKNOWN")
        path = words[7] if len(words) > 7 else ""
        padding = f" {'-':<19}" if "p" in options else ""
        await process.say(
            f"unix  {int(words[1], 16):<6} {flags:<11} {kind:<10} {state:<13} {int(words[6]):6d}{padding} {path}\n"
        )
