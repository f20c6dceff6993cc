"""A WebSocket client of Exec or Attach without sockets: frames, channels, every version of the protocol."""

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.server.streaming.peers import CommandEvent, Input, InputEnded, PeerClosed, PeerError, Ready, Resized
from kubesim.server.websocket.command import WebSocketCommand
from kubesim.server.websocket.frames import Control, Frame, FrameReader, Piece

PROTOCOLS = ["channel.k8s.io", "v4.base64.channel.k8s.io", "v5.channel.k8s.io"]
MASK = b"\x11\x22\x33\x44"


def client_frame(payload: bytes, *, opcode: int = 2, is_final: bool = True, mask: bytes = MASK, bits: int = 0) -> bytes:
    """A frame as clients send it."""
    size = len(payload)
    head = bytes(((0x80 if is_final else 0) | bits | opcode,))
    if size < 126:
        head += bytes((0x80 | size,))
    elif size < 65536:
        head += struct.pack(">BH", 0x80 | 126, size)
    else:
        head += struct.pack(">BQ", 0x80 | 127, size)
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def server_frames(data: bytes) -> list[tuple[int, bytes]]:
    """Opcode and payload of each frame of a server."""
    found = []
    while data:
        opcode, size, at = data[0] & 0x0F, data[1], 2
        assert data[0] & 0x80
        if size == 126:
            (size,), at = struct.unpack_from(">H", data, 2), 4
        elif size == 127:
            (size,), at = struct.unpack_from(">Q", data, 2), 10
        found.append((opcode, data[at : at + size]))
        data = data[at + size :]
    return found


def peer_of(protocol: str = "v4.channel.k8s.io", **streams: bool) -> WebSocketCommand:
    wanted = {"stdin": True, "stdout": True, "stderr": True, **streams}
    peer = WebSocketCommand(protocol, **wanted)
    assert list(peer.receive(b"")) == [Ready()]
    peer.take_output()
    return peer


def merged(events: Iterable[CommandEvent]) -> list[CommandEvent]:
    """Neighbouring pieces of input as one: where they are cut means nothing."""
    found: list[CommandEvent] = []
    for event in events:
        if isinstance(event, Input) and found and isinstance(last := found[-1], Input):
            found[-1] = Input(last.data + event.data)
        else:
            found.append(event)
    return found


@pytest.mark.parametrize(
    ("streams", "greeting"),
    [
        ({"stdout": True, "stderr": True}, b"\1"),
        ({"stdout": False, "stderr": True}, b"\2"),
        ({"stdout": False, "stderr": False}, b"\3"),
    ],
)
def test_the_lowest_channel_that_the_client_reads_is_greeted(streams: dict[str, bool], greeting: bytes) -> None:
    peer = WebSocketCommand("v4.channel.k8s.io", stdin=True, **streams)
    assert server_frames(peer.take_output()) == [(2, greeting)]


@pytest.mark.parametrize(
    ("protocol", "opcode", "frames"),
    [
        ("", 2, [b"\1out", b"\2err", b"\3no"]),
        ("channel.k8s.io", 2, [b"\1out", b"\2err", b"\3no"]),
        ("v5.channel.k8s.io", 2, [b"\1out", b"\2err", b"\3no"]),
        ("base64.channel.k8s.io", 1, [b"1b3V0", b"2ZXJy", b"3bm8="]),
        ("v4.base64.channel.k8s.io", 1, [b"1b3V0", b"2ZXJy", b"3bm8="]),
    ],
)
def test_what_a_client_is_sent(protocol: str, opcode: int, frames: list[bytes]) -> None:
    peer = peer_of(protocol)
    peer.send("stdout", b"out")
    peer.send("stderr", b"err")
    peer.end("stdout")
    peer.finish(b"no")

    assert server_frames(peer.take_output()) == [*((opcode, frame) for frame in frames), (8, b"\x03\xe8")]


def test_nothing_is_sent_that_was_not_asked_for_and_nothing_after_the_end() -> None:
    peer = peer_of(stderr=False)
    peer.send("stderr", b"x")
    peer.finish(b"")
    peer.send("stdout", b"late")

    assert server_frames(peer.take_output()) == [(8, b"\x03\xe8")]


def test_long_output_is_cut() -> None:
    peer = peer_of()
    peer.send("stdout", bytes(140_000))

    assert [len(payload) for _, payload in server_frames(peer.take_output())] == [65537, 65537, 8929]


@pytest.mark.parametrize(
    ("protocol", "messages", "events"),
    [
        ("v4.channel.k8s.io", [b"\0abc", b"\0", b"", b"\1x", b"\3x", b"\x09x"], [Input(b"abc")]),
        ("v4.channel.k8s.io", [b'\4{"Width":80,"Height":24}', b'\4{"width":1}'], [Resized(80, 24), Resized(1, 0)]),
        ("v4.channel.k8s.io", [b'\4{"Width":80,', b'\4"Height":24}'], [Resized(80, 24)]),
        ("v4.channel.k8s.io", [b'\4{"Width":-1}', b'\4{"Width":80,"Height":24}'], []),
        ("v4.channel.k8s.io", [b"\xff\0"], []),
        ("v5.channel.k8s.io", [b"\0abc", b"\xff\0"], [Input(b"abc"), InputEnded()]),
        ("v5.channel.k8s.io", [b"\xff\1", b"\xff\4"], []),
        ("v4.base64.channel.k8s.io", [b"0YWJj", b"0ZA==", b"4" + b64encode(b'{"Width":8,"Height":2}')], [
            Input(b"abcd"), Resized(8, 2),
        ]),
        ("base64.channel.k8s.io", [b"0YW\r\nJj", b"0!!!!", b"0YWJ", b"0YQ=="], [Input(b"abca")]),
        ("base64.channel.k8s.io", [b"0YWJjYQ==YQ==", b"0YWJj-", b"0====YWJj", b"0YQ=\n="], [Input(b"abcaabca")]),
    ],
)  # fmt: skip
def test_what_a_client_says(protocol: str, messages: list[bytes], events: list[CommandEvent]) -> None:
    peer = peer_of(protocol)
    data = b"".join(client_frame(message) for message in messages)

    assert merged(peer.receive(data)) == events


def test_input_that_nobody_asked_for_is_lost() -> None:
    peer = peer_of("v5.channel.k8s.io", stdin=False)
    assert list(peer.receive(client_frame(b"\0abc") + client_frame(b"\xff\0"))) == []


def test_a_ping_between_messages_is_answered_first() -> None:
    peer = peer_of()
    peer.send("stdout", b"before")

    assert list(peer.receive(client_frame(b"are you there", opcode=9) + client_frame(b"\0ab"))) == [Input(b"ab")]
    assert server_frames(peer.take_output()) == [(10, b"are you there"), (2, b"\1before")]


def test_a_close_is_answered_once() -> None:
    peer = peer_of()
    assert list(peer.receive(client_frame(b"\x03\xe8", opcode=8))) == [PeerClosed()]
    peer.finish(b"late")

    assert server_frames(peer.take_output()) == [(8, b"\x03\xe8")]


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (client_frame(b"\0x", opcode=3), [Input(b"x")]),
        (client_frame(b"\0x", bits=0x40), [Input(b"x")]),
        (client_frame(b"\0x", opcode=0), [Input(b"x")]),
        (client_frame(b"\0x", is_final=False) + client_frame(b"\0y"), [Input(b"xy")]),
        (client_frame(b"\0x", is_final=False) + client_frame(b"\1y", opcode=0), [Input(b"x")]),
        (b"\x82\xff\x80" + bytes(6) + b"\2" + bytes(4) + b"\0x", [Input(b"x")]),
        (client_frame(b"", opcode=8) + client_frame(b"\0x"), [PeerClosed()]),
        (b"\x88\xfe\xff\xff" + MASK, [PeerClosed()]),
    ],
    ids=[
        "unknown opcode", "reserved bits", "continuation of nothing", "message in a message", "cut message",
        "highest bit of the length", "behind a close", "close whose payload is missing",
    ],
)  # fmt: skip
def test_what_the_library_of_the_runtimes_makes_of_odd_frames(data: bytes, events: list[CommandEvent]) -> None:
    assert merged(peer_of().receive(data)) == events


def test_a_ping_in_parts_or_too_long_is_answered_with_what_a_pong_can_hold() -> None:
    peer = peer_of()
    data = client_frame(b"x", opcode=9, is_final=False) + client_frame(bytes(300), opcode=9)
    assert list(peer.receive(data)) == []
    assert server_frames(peer.take_output()) == [(10, b"x"), (10, bytes(125))]


@pytest.mark.parametrize(
    ("data", "text", "closes"),
    [
        (b"\x82\x01x", "not masked", [(8, b"\x03\xea"), (8, b"\x03\xe8")]),
        (b"\x82\xff" + struct.pack(">Q", (32 << 20) + 1) + MASK, "at most 33554432", [(8, b"\x03\xe8")]),
    ],
)
def test_what_ends_the_connection(data: bytes, text: str, closes: list[tuple[int, bytes]]) -> None:
    peer = peer_of()
    with pytest.raises(PeerError, match=text):
        list(peer.receive(data))
    assert server_frames(peer.take_output()) == closes


def test_input_behind_its_end_is_lost() -> None:
    peer = peer_of("v5.channel.k8s.io")
    messages = [b"\xff\0", b"\0late", b"\xff\0", b'\4{"Width":1}', b"\xff\4", b'\4{"Width":2}']
    assert list(peer.receive(b"".join(map(client_frame, messages)))) == [InputEnded(), Resized(1, 0)]


@pytest.mark.parametrize("signal", [b"\xff", b"\xff\0\0", b"\xff\5"])
def test_broken_close_signals_end_the_connection(signal: bytes) -> None:
    with pytest.raises(PeerError, match="close signal"):
        list(peer_of("v5.channel.k8s.io").receive(client_frame(signal)))


def test_a_long_message_is_passed_on_as_it_comes() -> None:
    peer = peer_of()
    data = client_frame(b"\0" + bytes(1_000_000))
    total = sum(
        len(event.data)
        for start in range(0, len(data), 1000)
        for event in peer.receive(data[start : start + 1000])
        if isinstance(event, Input)
    )
    assert total == 1_000_000
    assert not peer._channels._reader._buffer


MESSAGES = st.tuples(
    st.sampled_from([0, 1, 2, 3, 4, 7, 9, 255]),
    st.one_of(st.binary(max_size=300), st.sampled_from([b"", b"\0", b'{"Width":80,"Height":24} ', b'{"Width":'])),
    st.booleans(),
    st.binary(min_size=4, max_size=4),
)


@given(
    messages=st.lists(MESSAGES, max_size=8),
    protocol=st.sampled_from(PROTOCOLS),
    cuts=st.lists(st.integers(0, 3000), max_size=30),
)
def test_it_does_not_matter_how_the_bytes_are_cut(
    messages: list[tuple[int, bytes, bool, bytes]], protocol: str, cuts: list[int]
) -> None:
    data = b""
    for channel, content, is_encoded, mask in messages:
        text = b"%d%b" % (channel, b64encode(content)) if is_encoded else bytes((channel,)) + content
        data += client_frame(text, opcode=9 if channel == 7 else 2, mask=mask)
    expected = outcome(protocol, [data])
    assert outcome(protocol, pieces(data, cuts)) == expected
    assert outcome(protocol, [data[at : at + 1] for at in range(len(data))]) == expected


@given(data=st.binary(max_size=400), protocol=st.sampled_from(PROTOCOLS), cuts=st.lists(st.integers(0, 400)))
def test_any_bytes_are_events_or_an_error(data: bytes, protocol: str, cuts: list[int]) -> None:
    expected = outcome(protocol, [data])
    assert outcome(protocol, pieces(data, cuts)) == expected
    assert outcome(protocol, [data[at : at + 1] for at in range(len(data))]) == expected


@given(st.text("AZaz09+/=\r\n-", max_size=40).map(str.encode), st.lists(st.integers(0, 60), max_size=8))
def test_base64_is_understood_up_to_where_it_is_none(text: bytes, cuts: list[int]) -> None:
    data = client_frame(b"0" + text)
    expected = outcome("base64.channel.k8s.io", [data])
    assert outcome("base64.channel.k8s.io", pieces(data, cuts)) == expected
    try:
        whole = b64decode(text.translate(None, b"\r\n"), validate=True)
    except ValueError:
        return
    assert expected[0] == ([Input(whole)] if whole else [])


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in pairwise(places)]


def outcome(protocol: str, parts: list[bytes]) -> tuple[list[CommandEvent], str, bytes]:
    """Events, the error, and what is answered."""
    peer = peer_of(protocol)
    events: list[CommandEvent] = []
    error = ""
    try:
        for part in parts:
            events.extend(peer.receive(part))
            assert len(peer._channels._reader._buffer) < 14
    except PeerError as found:
        error = str(found)
    pongs = server_frames(peer.take_output())
    answer = json.dumps([[opcode, payload.hex()] for opcode, payload in pongs]).encode()
    return merged(events), error, answer


@given(st.binary(max_size=200))
def test_the_reader_gives_back_every_byte_of_a_message(content: bytes) -> None:
    frames: list[Frame] = list(FrameReader().feed(client_frame(content) + client_frame(b"hi", opcode=10)))
    assert frames == [Piece(content, is_first=True, is_last=True), Control(frames[1].opcode, b"hi")]  # type: ignore[union-attr]
