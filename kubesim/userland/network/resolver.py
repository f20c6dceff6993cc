"""Names to addresses, by the container's /etc/hosts and the servers of its /etc/resolv.conf.

Mirrors musl: src/network/lookup_name.c, name_from_hosts and name_from_dns_search; resolv.conf(5).
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.kernel import timeout
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress, canonical_ip
from kubesim.userland.network.dns_message import NO_ERROR, BadDnsMessage, Response, parse_response, query
from kubesim.userland.processes.process_life import Process

DNS_PORT = 53
_SECOND = 1_000_000_000
_TIMEOUT_SECONDS = 5
_ATTEMPTS = 2
_ID_BITS = 16


class NameUnknown(Exception):
    """A name has no address. `str(error)` is the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolverSettings:
    """What /etc/resolv.conf says."""

    servers: tuple[str, ...]
    searches: tuple[str, ...]
    ndots: int = 1
    timeout_seconds: int = _TIMEOUT_SECONDS
    attempts: int = _ATTEMPTS


def resolver_settings(process: Process) -> ResolverSettings:
    """The process's settings; without servers it is the host itself, as resolv.conf(5) says."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    numbers = {"ndots": 1, "timeout": _TIMEOUT_SECONDS, "attempts": _ATTEMPTS}
    for word, *values in _lines(process, "/etc/resolv.conf"):
        if word == "nameserver" and values and (ip := canonical_ip(values[0])) is not None:
            servers.append(ip)
        elif word in ("search", "domain"):
            searches = tuple(values)
        elif word == "options":
            for value in values:
                name, _, number = value.partition(":")
                if name in numbers and number.isdecimal():
                    numbers[name] = int(number)
    return ResolverSettings(
        servers=tuple(servers[:3]) or ("127.0.0.1",),
        searches=searches,
        ndots=numbers["ndots"],
        timeout_seconds=max(numbers["timeout"], 1),
        attempts=max(numbers["attempts"], 1),
    )


async def resolve(process: Process, name: str) -> list[str]:
    """The addresses of a name or of an address in text, IPv4 first. Raises NameUnknown."""
    ip = canonical_ip(name.removeprefix("[").removesuffix("]"))
    if ip is not None:
        return [ip]
    found = [ip for word, *names in _lines(process, "/etc/hosts") if name in names and (ip := canonical_ip(word))]
    if not found:
        found = await _ask_servers(process, name)
    if not found:
        raise NameUnknown(name)
    return sorted(dict.fromkeys(found), key=lambda ip: ":" in ip)


def _lines(process: Process, path: str) -> list[list[str]]:
    """Words of the lines of a file that have any; no file has none."""
    try:
        text = process.files.read(path).decode(errors="replace")
    except FsError:
        return []
    return [words for line in text.splitlines() if (words := line.partition("#")[0].split())]


async def _ask_servers(process: Process, name: str) -> list[str]:
    settings = resolver_settings(process)
    whole = name.rstrip(".")
    searched = [f"{whole}.{domain.strip('.')}" for domain in settings.searches if domain.strip(".")]
    if name.endswith("."):
        names = [whole]
    elif whole.count(".") >= settings.ndots:
        names = [whole, *searched]
    else:
        names = [*searched, whole]
    for candidate in names:
        response = await ask(process, candidate, "A", settings)
        if response is None:
            return []  # nobody answers: the other names would not be answered either
        found = response.ips if response.rcode == NO_ERROR else []
        if found:
            return found
    return []


async def ask(process: Process, name: str, kind: str, settings: ResolverSettings) -> Response | None:
    """What the first server that answers says; None when none does in its time, or the name cannot be asked for."""
    for _ in range(settings.attempts):
        is_silent = False
        for server in settings.servers:
            try:
                return await ask_server(process, SocketAddress(server, DNS_PORT), name, kind, settings.timeout_seconds)
            except FsError as error:
                is_silent = is_silent or error.errno_name == "ETIMEDOUT"
            except ValueError:
                return None
        if not is_silent:
            return None  # every server refused at once, and would again
    return None


async def ask_server(process: Process, server: SocketAddress, name: str, kind: str, timeout_seconds: int) -> Response:
    """What one server says. Raises FsError ECONNREFUSED, ENETUNREACH, ETIMEDOUT; ValueError for an impossible name."""
    message_id = process.draw_bits(_ID_BITS)
    question = query(name, kind, message_id)
    socket = process.network.connect_datagrams(server, uid=process.credentials.uid)
    socket.hold()
    try:
        socket.write_now(question)
        async with timeout(timeout_seconds * _SECOND):
            while True:
                data, _ = await socket.receive()
                try:
                    response = parse_response(data)
                except BadDnsMessage:
                    continue  # as a real resolver: somebody else's bytes are no answer
                if response.id == message_id:
                    return response
    except TimeoutError:
        raise FsError("ETIMEDOUT") from None
    finally:
        socket.release()
