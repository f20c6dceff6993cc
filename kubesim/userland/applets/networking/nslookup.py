"""nslookup: what name servers say about a name.

Mirrors busybox: networking/nslookup.c with FEATURE_NSLOOKUP_BIG: the servers of /etc/resolv.conf are asked, and
/etc/hosts is not. Records other than those of `_TYPES` are not emulated. An answer takes no time here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from kubesim.kernel import timeout
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import SocketAddress, canonical_ip
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.dns_message import (
    NO_ERROR,
    RCODE_NAMES,
    BadDnsMessage,
    Record,
    Response,
    parse_response,
    query,
)
from kubesim.userland.network.resolver import DNS_PORT, NameUnknown, resolve, resolver_settings
from kubesim.userland.options import UsageError
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

_TYPES = ("ns", "a", "aaaa", "cname", "mx", "txt", "ptr")
_OTHER_TYPES = ("soa", "srv", "any")
_OPTIONS = {
    "type": "type",
    "querytype": "type",
    "port": "port",
    "retry": "retry",
    "debug": "debug",
    "t": "timeout",
    "timeout": "timeout",
}
_MAXIMA = {"port": 65535, "retry": 2**31 - 1, "timeout": 2**31 // 1000}
_TEXTS = {
    "A": "Name:\t{name}\nAddress: {value}\n",
    "AAAA": "Name:\t{name}\nAddress: {value}\n",
    "NS": "{name}\tnameserver = {value}\n",
    "CNAME": "{name}\tcanonical name = {value}\n",
    "PTR": "{name}\tname = {value}\n",
    "MX": "{name}\tmail exchanger = {value}\n",
    "TXT": '{name}\ttext = "{value}"\n',
}
_MILLISECOND = 1_000_000
_ID_BITS = 16
_SERVER_FAILURE = 2


@dataclass(slots=True, kw_only=True)
class _Call:
    """What the command line asks for."""

    host: str
    server: str | None
    types: list[str]
    is_debug: bool = False
    port: int = DNS_PORT
    retry: int = 2
    timeout: int = 5


@dataclass(slots=True, kw_only=True)
class _Question:
    """One query; `response` once a server answered it."""

    name: str
    id: int
    data: bytes | None
    """None when the name cannot be asked for."""
    response: Response | None = None


async def run(process: Process) -> int:
    """Ask the servers in turn until one answers, and print what it says."""
    call = await _read_call(process)
    settings = resolver_settings(process)
    questions = _questions(process, call, settings.searches)
    servers: Sequence[str] = settings.servers
    if call.server is not None:
        try:
            servers = (await resolve(process, call.server))[:1]
        except NameUnknown:
            await process.complain(f"bad address '{call.server}'")
            return 1
    for ip in servers:
        server = SocketAddress(ip, call.port)
        if not await _ask(process, call, server, call.server or ip, questions):
            continue
        address = f"[{ip}]:{call.port}" if ":" in ip else f"{ip}:{call.port}"
        await process.say(f"Server:\t\t{call.server or ip}\nAddress:\t{address}\n\n")
        codes = [await _tell(process, question, number, call) for number, question in enumerate(questions)]
        return max(codes)
    await process.say(";; connection timed out; no servers could be reached\n\n")
    return 1


async def _read_call(process: Process) -> _Call:
    """Options come first, have one dash, and may be cut short: -type=a, -ty=a."""
    words: list[str] = []
    call = _Call(host="", server=None, types=[])
    for word in process.argv[1:]:
        if words or not word.startswith("-"):
            words.append(word)
            continue
        given, _, value = word[1:].partition("=")
        names = [given] if given in _OPTIONS else [name for name in _OPTIONS if given and name.startswith(given)]
        if not names:
            raise UsageError
        await _take_option(process, call, _OPTIONS[names[0]], value)
    if not 1 <= len(words) <= 2:
        raise UsageError
    call.host, call.server = words[0], words[1] if words[1:] else None
    return call


async def _take_option(process: Process, call: _Call, name: str, value: str) -> None:
    if name == "debug":
        call.is_debug = True
    elif name == "type":
        if value.lower() in _OTHER_TYPES:
            await process.complain(f"query type {value} is not emulated")
            raise ProcessExit(1)
        if value.lower() not in _TYPES:
            await process.complain(f'invalid query type "{value}"')
            raise ProcessExit(1)
        if value.upper() not in call.types:
            call.types.append(value.upper())
    else:
        await _take_number(process, call, name, value)


async def _take_number(process: Process, call: _Call, name: str, value: str) -> None:
    if not (value.isascii() and value.isdecimal()):
        await process.complain(f"invalid number '{value}'")
        raise ProcessExit(1)
    if not 1 <= int(value) <= _MAXIMA[name]:
        await process.complain(f"number {value} is not in 1..{_MAXIMA[name]} range")
        raise ProcessExit(1)
    setattr(call, name, int(value))


def _questions(process: Process, call: _Call, searches: Sequence[str]) -> list[_Question]:
    """Without -type an address is asked for its name, and a name for its addresses of both kinds."""
    name, types = call.host, call.types
    if not types:
        ip = canonical_ip(name)
        name, types = (ip_address(ip).reverse_pointer, ["PTR"]) if ip else (name, ["A", "AAAA"])
    found = []
    for kind in types:
        whole = kind == "PTR" or "." in name or not searches
        for candidate in [name] if whole else [f"{name}.{domain}" for domain in searches]:
            message_id = process.draw_bits(_ID_BITS)
            try:
                data = query(candidate, kind, message_id)
            except ValueError:
                data = None
            found.append(_Question(name=candidate, id=message_id, data=data))
    return found


async def _ask(
    process: Process, call: _Call, server: SocketAddress, server_name: str, questions: Sequence[_Question]
) -> bool:
    """Whether the server answers any question. Those that are open are sent again after each part of the time."""
    try:
        socket = process.network.connect_datagrams(server, uid=process.credentials.uid)
    except FsError as error:
        await process.complain(f"connect to '{server_name}': {error.strerror}")
        return False
    socket.hold()
    try:
        for _ in range(call.retry):
            try:
                for question in questions:
                    if question.response is None:
                        _send(socket, question)
            except FsError as error:
                await process.complain(f"write to '{server_name}': {error.strerror}")
                return False
            try:
                async with timeout(call.timeout * 1000 // call.retry * _MILLISECOND):
                    await _receive(process, socket, questions)
            except TimeoutError:
                continue
            break
    finally:
        socket.release()
    return any(question.response is not None for question in questions)


def _send(socket: DatagramSocket, question: _Question) -> None:
    if question.data is None:
        raise FsError("EMSGSIZE")
    socket.write_now(question.data)


async def _receive(process: Process, socket: DatagramSocket, questions: Sequence[_Question]) -> None:
    """Until nothing is open. A server that failed is asked again, twice for each question."""
    failures_left = 2 * len(questions)
    while any(question.response is None for question in questions):
        try:
            data, _ = await socket.receive()
            response = parse_response(data)
        except FsError as error:
            await process.complain(f"read: {error.strerror}")
            continue
        except BadDnsMessage:
            continue
        for question in questions:
            if question.id == response.id and question.response is None:
                if response.rcode == _SERVER_FAILURE and failures_left:
                    failures_left -= 1
                    _send(socket, question)
                else:
                    question.response = response


async def _tell(process: Process, question: _Question, number: int, call: _Call) -> int:
    response = question.response
    if call.is_debug:
        await process.say(f"Query #{number} completed in 0ms:\n")
    if response is None:
        await process.say(f"*** Can't find {question.name}: No answer\n\n")
        return 0
    if response.rcode != NO_ERROR:
        reason = RCODE_NAMES.get(response.rcode, str(response.rcode))
        await process.say(f"** server can't find {question.name}: {reason}\n\n")
        return 1
    head = "" if response.is_authoritative else "Non-authoritative answer:\n"
    await process.say(head + "".join(map(_line, response.records)) + "\n")
    return 0


def _line(record: Record) -> str:
    return _TEXTS[record.kind].format(name=record.name, value=record.value)
