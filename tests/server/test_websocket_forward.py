"""WebSocket clients of PortForward without sockets: two channels for each port, and SPDY in a tunnel."""

import contextlib
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.server.spdy.frames import Data, FrameReader
from kubesim.server.streaming.peers import Arrived, ForwardEvent, ForwardPeer, HalfClosed, Opened, PeerClosed, PeerError
from kubesim.server.streaming.spdy_forward import PAIRING_NS, SpdyForward
from kubesim.server.websocket.forward import WebSocketForward
from kubesim.server.websocket.tunnel import MESSAGE_BYTES_MAX, TunnelledForward

from .test_spdy_forward import Client, data
from .test_websocket_command import client_frame, server_frames

CLOSED = (8, b"\x03\xe8")
PROTOCOLS = ["", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"]


def peer_of(*ports: int, protocol: str = "v4.channel.k8s.io") -> WebSocketForward:
    """A peer whose connections the session has heard of, and whose client has got the ports."""
    peer = WebSocketForward(protocol, ports)
    assert list(peer.receive(b"")) == [Opened(number, port) for number, port in enumerate(ports)]
    peer.take_output()
    return peer


def merged(events: Iterable[ForwardEvent]) -> list[ForwardEvent]:
    """Neighbouring pieces of one connection as one: where they are cut means nothing."""
    found: list[ForwardEvent] = []
    for event in events:
        last = found[-1] if found else None
        if isinstance(event, Arrived) and isinstance(last, Arrived) and last.connection == event.connection:
            found[-1] = Arrived(event.connection, last.data + event.data)
        else:
            found.append(event)
    return found


# -- channels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "frames"),
    [
        ("", [(2, b"\0\x50\0"), (2, b"\1\x50\0"), (2, b"\2\x90\x1f"), (2, b"\3\x90\x1f")]),
        ("v4.channel.k8s.io", [(2, b"\0\x50\0"), (2, b"\1\x50\0"), (2, b"\2\x90\x1f"), (2, b"\3\x90\x1f")]),
        ("v4.base64.channel.k8s.io", [(1, b"0UAA="), (1, b"1UAA="), (1, b"2kB8="), (1, b"3kB8=")]),
    ],
)
def test_each_channel_begins_with_its_port(protocol: str, frames: list[tuple[int, bytes]]) -> None:
    peer = WebSocketForward(protocol, [80, 8080])
    assert server_frames(peer.take_output()) == frames
    assert list(peer.receive(b"")) == [Opened(0, 80), Opened(1, 8080)]
    assert list(peer.receive(b"")) == []
    assert not peer.is_over


@pytest.mark.parametrize(("protocol", "sent"), list(zip(PROTOCOLS, [b"\2abc", b"\2abc", b"2YWJj"], strict=True)))
def test_what_a_client_says(protocol: str, sent: bytes) -> None:
    peer = peer_of(80, 81, protocol=protocol)
    assert list(peer.receive(client_frame(sent))) == [Arrived(1, b"abc")]


def test_what_goes_nowhere_is_lost() -> None:
    peer = peer_of(80)
    lost = [b"", b"\0", b"\1to the errors", b"\2nobody", b"\xff\0"]
    assert list(peer.receive(b"".join(client_frame(message) for message in lost))) == []


def test_what_a_client_is_sent() -> None:
    peer = peer_of(80, 81)
    peer.send(0, b"abc")
    peer.send(1, b"")
    peer.end(0)
    peer.close(0)
    peer.close(0, "again")
    peer.send(0, b"late")
    assert list(peer.receive(client_frame(b"\0late"))) == []
    assert server_frames(peer.take_output()) == [(2, b"\0abc")]
    assert not peer.is_over
    peer.close(1, "no such port")
    assert server_frames(peer.take_output()) == [(2, b"\3no such port"), CLOSED]
    assert peer.is_over


def test_without_ports_it_is_over_at_once() -> None:
    peer = WebSocketForward("", [])
    assert (list(peer.receive(b"")), server_frames(peer.take_output()), peer.is_over) == ([], [CLOSED], True)


def test_a_close_of_the_client_ends_everything() -> None:
    peer = peer_of(80)
    assert list(peer.receive(client_frame(b"\x03\xe8", opcode=8))) == [PeerClosed()]
    peer.send(0, b"lost")
    assert server_frames(peer.take_output()) == [CLOSED]


def test_a_ping_is_answered_first() -> None:
    peer = peer_of(80)
    peer.send(0, b"abc")
    assert list(peer.receive(client_frame(b"?", opcode=9))) == []
    assert server_frames(peer.take_output()) == [(10, b"?"), (2, b"\0abc")]


def test_many_ports() -> None:
    peer = peer_of(*range(1, 128), protocol="v4.base64.channel.k8s.io")
    peer.send(100, b"abc")
    # Go adds the channel to a digit and writes what comes out as a character.
    assert server_frames(peer.take_output()) == [(1, chr(ord("0") + 200).encode() + b"YWJj")]
    assert peer.expire(0) is None


# -- a tunnel -----------------------------------------------------------------------------------------------


def tunnelled() -> TunnelledForward:
    peer = TunnelledForward(SpdyForward())
    assert peer.expire(1000) is None
    return peer


def inner(frames: list[tuple[int, bytes]]) -> list[Data]:
    """The data frames of SPDY in what a client got."""
    reader = FrameReader()
    found = [frame for opcode, payload in frames if opcode == 2 for frame in reader.feed(payload)]
    return [frame for frame in found if isinstance(frame, Data)]


def test_a_connection_through_a_tunnel() -> None:
    peer, client = tunnelled(), Client()
    opening = client.pair(1, request="0") + data(3, b"GET /", is_last=True)
    messages = client_frame(opening[:25]) + client_frame(opening[25:])
    assert merged(peer.receive(messages)) == [Opened(3, 80), Arrived(3, b"GET /"), HalfClosed(3)]
    peer.send(3, bytes(100_000))
    peer.end(3)
    peer.close(3, "broken")
    frames = server_frames(peer.take_output())
    assert {opcode for opcode, _ in frames} == {2}
    assert max(len(payload) for _, payload in frames) == MESSAGE_BYTES_MAX
    assert b"".join(frame.data for frame in inner(frames)) == bytes(100_000) + b"broken"
    assert not peer.is_over


def test_a_tunnel_keeps_the_time_of_its_pairs() -> None:
    peer = tunnelled()
    assert list(peer.receive(client_frame(Client().open(1, "error", request="7")))) == []
    assert peer.expire(1000) == 1000 + PAIRING_NS
    peer.take_output()
    assert peer.expire(1000 + PAIRING_NS) is None
    (said,) = inner(server_frames(peer.take_output()))
    assert said.data.endswith(b"timed out waiting for streams")


def test_a_ping_and_a_close_of_a_tunnel() -> None:
    peer = tunnelled()
    list(peer.receive(client_frame(Client().pair(1, request="0"))))
    peer.take_output()
    peer.send(3, b"abc")
    said = client_frame(b"?", opcode=9) + client_frame(b"\x03\xe8", opcode=8) + client_frame(b"!", opcode=9)
    assert list(peer.receive(said)) == [PeerClosed()]
    frames = server_frames(peer.take_output())
    assert [opcode for opcode, _ in frames] == [10, 2, 8]
    assert frames[2] == CLOSED
    assert peer.is_over
    assert peer.take_output() == b""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (client_frame(bytes.fromhex("8002000100000000")), "version 2"),
        (b"\x82\x01x", "not masked"),
        (client_frame(b"x", opcode=3), "unknown opcode 3"),
        (client_frame(b"x", bits=0x40), "reserved bits"),
        (client_frame(b"x", opcode=9, is_final=False), "in parts"),
        (client_frame(bytes(126), opcode=9), "longer than 125 bytes"),
        (client_frame(b"x", opcode=0), "continues no message"),
        (client_frame(b"", is_final=False) + client_frame(b""), "within another"),
        (b"\x82\xff\x80" + bytes(11), r"longer than 2\^63"),
    ],
)
def test_what_is_neither_ends_the_tunnel(content: bytes, text: str) -> None:
    peer = tunnelled()
    with pytest.raises(PeerError, match=text):
        list(peer.receive(content))
    assert server_frames(peer.take_output()) == [(8, b"\x03\xea")]


# -- any bytes ----------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(0, 400), max_size=8))
def test_it_does_not_matter_how_the_bytes_are_cut(messages: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(client_frame(message) for message in messages)
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    for protocol in PROTOCOLS:
        whole, cut = peer_of(80, 81, protocol=protocol), peer_of(80, 81, protocol=protocol)
        expected = merged(whole.receive(wire))
        assert merged(event for start, end in pairwise(edges) for event in cut.receive(wire[start:end])) == expected


@given(st.data())
def test_it_does_not_matter_how_a_tunnel_is_cut(data_: st.DataObject) -> None:
    content = data_.draw(st.binary(max_size=60))
    spdy = Client().pair(1, request="0") + data(3, content) + data(3, b"", is_last=True)
    cuts = sorted(data_.draw(st.lists(st.integers(0, len(spdy)), max_size=6)))
    messages = [spdy[start:end] for start, end in pairwise([0, *cuts, len(spdy)])]
    wire = b"".join(client_frame(message) for message in messages)
    expected = [Opened(3, 80), *([Arrived(3, content)] if content else []), HalfClosed(3)]
    for step in (len(wire), 1, 7):
        peer = tunnelled()
        pieces = (wire[start : start + step] for start in range(0, len(wire), step))
        assert merged(event for piece in pieces for event in peer.receive(piece)) == expected


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_events_or_an_error(content: bytes, is_framed: bool) -> None:
    peers: list[ForwardPeer] = [peer_of(80), tunnelled()]
    for peer in peers:
        events: list[ForwardEvent] = []
        with contextlib.suppress(PeerError):
            events += peer.receive(client_frame(content) if is_framed else content)
        assert not [event for event in events if isinstance(event, Opened)]
        assert isinstance(peer.take_output(), bytes)
