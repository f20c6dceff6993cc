"""nslookup: the texts are those of Debian's busybox 1.35 before a server that says the same."""

from __future__ import annotations

import struct

import pytest

from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.datagram import DatagramSocket
from kubesim.userland.network.namespace import NetworkNamespace

from .conftest import SECOND, Command, World

POD, DNS = "10.88.0.2", "10.88.0.53"
A, NS, CNAME, PTR, MX, TXT, AAAA = 1, 2, 5, 12, 15, 16, 28
SERVER = f"Server:\t\t{DNS}\nAddress:\t{DNS}:53\n\n"
NOBODY = ";; connection timed out; no servers could be reached\n\n"
NON = "Non-authoritative answer:\n"


def _name(name: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


ZONE = {
    ("a.test", A): [bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])],
    ("a.test", AAAA): [bytes(15) + b"\1"],
    ("a.test", MX): [b"\0\12" + _name("mail.test")],
    ("a.test", NS): [_name("ns.test")],
    ("a.test", TXT): [b"\5hello"],
    ("a.test", 6): [b"unread"],
    ("auth.test", A): [bytes([10, 0, 0, 9])],
    ("cn.test", CNAME): [_name("a.test")],
    ("db.shop.local", A): [bytes([10, 0, 0, 7])],
    ("3.2.1.10.in-addr.arpa", PTR): [_name("host.test")],
    ("10.1.2.3", PTR): [_name("host.test")],
}
RCODES = {"fail.test": 2, "nx.test": 3, "odd.test": 9, "new.test": 12}


def _answer(question: bytes) -> bytes:
    """What the server of these tests says."""
    parts, at = [], 12
    while question[at]:
        parts.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    name, (kind,) = ".".join(parts), struct.unpack_from("!H", question, at + 1)
    values = ZONE.get((name, kind), [])
    flags = 0x8180 | RCODES.get(name, 0) | (0x0400 if name == "auth.test" else 0)
    records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 30, len(value)) + value for value in values)
    return question[:2] + struct.pack("!HHHHH", flags, 1, len(values), 0, 0) + question[12 : at + 5] + records


@pytest.fixture
def pod(world: World) -> NetworkNamespace:
    world.sh(f"mkdir -p /etc; echo nameserver {DNS} > /etc/resolv.conf; echo {POD} a.test > /etc/hosts")
    return world.table.network.add_pod(POD)


class Server:
    """Answers in a pod of its own; `answered` counts, and it is silent for `silent` questions first."""

    def __init__(self, world: World, *, silent: int = 0) -> None:
        self.answered = 0
        self._silent = silent
        network = world.table.network.add_pod(DNS)
        socket = network.bind_datagrams(SocketAddress(DNS, 53), uid=0, is_privileged=True)
        socket.hold()
        world.kernel.spawn(self._serve(socket), name="dns")

    async def _serve(self, socket: DatagramSocket) -> None:
        while True:
            question, source = await socket.receive()
            if self._silent:
                self._silent -= 1
                continue
            self.answered += 1
            socket.send_to(b"no message", source)
            socket.send_to(_answer(question), source)


def _run(world: World, pod: NetworkNamespace, words: str) -> Command:
    return world.sh(f"nslookup {words}", network=pod, seconds=60)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("-type=a a.test", f"{NON}Name:\ta.test\nAddress: 10.0.0.1\nName:\ta.test\nAddress: 10.0.0.2\n\n"),
        ("-type=AAAA a.test", f"{NON}Name:\ta.test\nAddress: ::1\n\n"),
        ("-type=aaaa -type=ns a.test", f"{NON}Name:\ta.test\nAddress: ::1\n\n{NON}a.test\tnameserver = ns.test\n\n"),
        ("-q=mx a.test", f"{NON}a.test\tmail exchanger = 10 mail.test\n\n"),
        ("-query=txt a.test", f'{NON}a.test\ttext = "hello"\n\n'),
        ("-ty=cname cn.test", f"{NON}cn.test\tcanonical name = a.test\n\n"),
        ("-type=ptr 10.1.2.3", f"{NON}10.1.2.3\tname = host.test\n\n"),
        ("10.1.2.3", f"{NON}3.2.1.10.in-addr.arpa\tname = host.test\n\n"),
        ("auth.test", "Name:\tauth.test\nAddress: 10.0.0.9\n\n\n"),
        ("none.test", f"{NON}\n{NON}\n"),
        ("-debug -type=aaaa a.test", f"Query #0 completed in 0ms:\n{NON}Name:\ta.test\nAddress: ::1\n\n"),
        (f"-port=53 -timeout=1 -retry=1 -type=aaaa a.test {DNS}", f"{NON}Name:\ta.test\nAddress: ::1\n\n"),
    ],
)
def test_it_prints_what_the_server_says(world: World, pod: NetworkNamespace, words: str, answer: str) -> None:
    Server(world)
    ended = _run(world, pod, words)
    assert (ended.out, ended.err, ended.code) == (SERVER + answer, "", 0)


@pytest.mark.parametrize(
    ("name", "reason"), [("nx", "NXDOMAIN"), ("fail", "SERVFAIL"), ("odd", "NOTAUTH"), ("new", "12")]
)
def test_a_refusal_is_told_for_each_question(world: World, pod: NetworkNamespace, name: str, reason: str) -> None:
    Server(world)
    ended = _run(world, pod, f"{name}.test")
    refusal = f"** server can't find {name}.test: {reason}\n\n"
    assert (ended.out, ended.err, ended.code) == (SERVER + refusal * 2, "", 1)


def test_a_server_that_failed_is_asked_again_twice(world: World, pod: NetworkNamespace) -> None:
    server = Server(world)
    _run(world, pod, "-type=a fail.test")
    assert server.answered == 3


def test_a_question_that_stays_open_has_no_answer(world: World, pod: NetworkNamespace) -> None:
    server = Server(world, silent=3)
    ended = _run(world, pod, "a.test")
    said = f"{NON}Name:\ta.test\nAddress: ::1\n\n"
    assert (ended.out, ended.code) == (f"{SERVER}*** Can't find a.test: No answer\n\n{said}", 0)
    assert server.answered == 1


def test_a_name_without_dots_is_looked_for_in_the_search_domains(world: World, pod: NetworkNamespace) -> None:
    Server(world)
    world.sh("echo search shop.local other.local >> /etc/resolv.conf")
    ended = _run(world, pod, "-type=a db")
    assert ended.out == f"{SERVER}{NON}Name:\tdb.shop.local\nAddress: 10.0.0.7\n\n{NON}\n"


def test_a_lost_question_is_sent_again_after_half_of_the_time(world: World, pod: NetworkNamespace) -> None:
    Server(world, silent=1)
    began_ns = world.kernel.now_ns
    assert _run(world, pod, "-type=a a.test").code == 0
    assert world.kernel.now_ns - began_ns == 5 * SECOND // 2


@pytest.mark.parametrize(
    ("words", "stderr", "seconds"),
    [
        ("-type=a x 127.0.0.1", "nslookup: read: Connection refused\n" * 2, 5),
        ("-r=1 -t=3 -type=a x 127.0.0.1", "nslookup: read: Connection refused\n", 3),
        ("x.y 127.0.0.1", "nslookup: write to '127.0.0.1': Connection refused\n", 0),
        ("-type=a a..b 127.0.0.1", "nslookup: write to '127.0.0.1': Message too long\n", 0),
        ("a.test 198.51.100.1", "", 5),
    ],
)
def test_nobody_answers(world: World, pod: NetworkNamespace, words: str, stderr: str, seconds: int) -> None:
    began_ns = world.kernel.now_ns
    ended = _run(world, pod, words)
    assert (ended.out, ended.err, ended.code) == (NOBODY, stderr, 1)
    assert (world.kernel.now_ns - began_ns) // SECOND == seconds


@pytest.mark.parametrize(
    ("words", "stderr"),
    [
        ("-type=foo x", 'invalid query type "foo"'),
        ("-type x", 'invalid query type ""'),
        ("-type=soa x", "query type soa is not emulated"),
        ("-port=70000 x", "number 70000 is not in 1..65535 range"),
        ("-port x", "invalid number ''"),
        ("-retry=0 x", "number 0 is not in 1..2147483647 range"),
        ("-timeout=0 x", "number 0 is not in 1..2147483 range"),
        ("-t=a x", "invalid number 'a'"),
        ("x nosuch.invalid", "bad address 'nosuch.invalid'"),
    ],
)
def test_a_wrong_word_is_told(world: World, pod: NetworkNamespace, words: str, stderr: str) -> None:
    ended = _run(world, pod, words)
    assert (ended.out, ended.err, ended.code) == ("", f"nslookup: {stderr}\n", 1)


@pytest.mark.parametrize("words", ["", "a b c", "-stats x", "--type=a x", "x -type=a y", "-", "-- x"])
def test_another_command_line_prints_the_usage(world: World, pod: NetworkNamespace, words: str) -> None:
    ended = _run(world, pod, words)
    assert "Usage: nslookup [-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]" in ended.err
    assert (ended.out, ended.code) == ("", 1)
