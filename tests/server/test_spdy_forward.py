"""Port forward over SPDY without sockets: pairs of streams, in any order, complete or not."""

import contextlib
import struct
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.server.spdy.frames import (
    FIN,
    Data,
    Frame,
    FrameReader,
    FrameType,
    GoAway,
    ResetStatus,
    RstStream,
    SynReply,
    control_bytes,
    data_head,
)
from kubesim.server.spdy.headers import HeaderPacker
from kubesim.server.streaming.peers import (
    Arrived,
    ForwardEvent,
    GivenUp,
    HalfClosed,
    Opened,
    PeerClosed,
    PeerError,
)
from kubesim.server.streaming.spdy_forward import EARLY_BYTES_MAX, PAIRING_NS, SpdyForward

START_NS = 1_000


class Client:
    """Makes the bytes of a client, as client-go does: an error stream that it ends, then a data stream."""

    def __init__(self) -> None:
        self._packer = HeaderPacker()

    def open(self, stream_id: int, kind: str, *, port: str = "80", request: str = "", is_last: bool = False) -> bytes:
        headers = [("streamType", kind), ("port", port)] + [("requestID", request)] * bool(request)
        payload = struct.pack(">IIH", stream_id, 0, 0) + self._packer.pack(headers)
        return control_bytes(FrameType.SYN_STREAM, payload, flags=FIN if is_last else 0)

    def pair(self, stream_id: int, *, request: str, port: str = "80") -> bytes:
        error = self.open(stream_id, "error", port=port, request=request) + data(stream_id, b"", is_last=True)
        return error + self.open(stream_id + 2, "data", port=port, request=request)


def data(stream_id: int, content: bytes, *, is_last: bool = False) -> bytes:
    return data_head(stream_id, len(content), is_last=is_last) + content


def reset(stream_id: int) -> bytes:
    return control_bytes(FrameType.RST_STREAM, struct.pack(">II", stream_id, ResetStatus.CANCEL))


def received(peer: SpdyForward, *pieces: bytes) -> list[ForwardEvent]:
    return [event for piece in pieces for event in peer.receive(piece)]


def sent(peer: SpdyForward) -> list[Frame]:
    return list(FrameReader().feed(peer.take_output()))


def kinds(frames: Iterable[Frame]) -> list[tuple[str, int]]:
    return [(type(frame).__name__, frame.stream_id) for frame in frames if isinstance(frame, SynReply | RstStream)]


@pytest.fixture
def peer() -> SpdyForward:
    made = SpdyForward()
    made.expire(START_NS)
    return made


def test_a_connection_from_its_beginning_to_its_end(peer: SpdyForward) -> None:
    client = Client()
    assert received(peer, client.pair(1, request="0")) == [Opened(3, 80)]
    assert kinds(sent(peer)) == [("SynReply", 1), ("SynReply", 3)]
    assert received(peer, data(3, b"GET /")) == [Arrived(3, b"GET /")]
    peer.send(3, b"200 OK")
    peer.end(3)
    assert received(peer, data(3, b"", is_last=True)) == [HalfClosed(3)]
    peer.close(3)
    peer.close(3)
    peer.send(3, b"late")
    assert sent(peer) == [Data(3, b"200 OK", False), Data(3, b"", True), Data(1, b"", True)]


def test_without_an_error_the_error_stream_ends_first(peer: SpdyForward) -> None:
    received(peer, Client().pair(1, request="0"))
    sent(peer)
    peer.close(3)
    assert sent(peer) == [Data(1, b"", True), Data(3, b"", True)]
    assert received(peer, data(3, b"nobody wants it")) == []


@pytest.mark.parametrize(
    ("ends_before", "expected"),
    [
        (False, [Data(1, b"no such port", False), RstStream(3, 5), RstStream(1, 5)]),
        # Its own half of the data stream is ended, so that the client need not be told of a reset.
        (True, [Data(3, b"", True), Data(1, b"no such port", False), RstStream(1, 5)]),
    ],
)
def test_an_error_is_said_and_the_streams_are_reset(
    peer: SpdyForward, ends_before: bool, expected: list[Frame]
) -> None:
    received(peer, Client().pair(1, request="0"))
    sent(peer)
    if ends_before:
        peer.end(3)
    peer.close(3, "no such port")
    assert sent(peer) == expected
    assert received(peer, data(3, b"x"), data(3, b"", is_last=True)) == []


@pytest.mark.parametrize(
    ("kind", "port"),
    [
        ("data", ""),
        ("data", "0"),
        ("data", "65536"),
        ("data", "+80"),
        ("data", "8_0"),
        ("data", "eighty"),
        ("data", "٨٠"),
        ("", "80"),
        ("stdin", "80"),
        ("Data", "80"),
    ],
)
def test_a_wrong_stream_is_reset_instead_of_answered(peer: SpdyForward, kind: str, port: str) -> None:
    client = Client()
    assert received(peer, client.open(1, kind, port=port), data(1, b"x")) == []
    assert sent(peer) == [RstStream(1, ResetStatus.CANCEL)]
    assert received(peer, client.pair(3, request="0", port="0080")) == [Opened(5, 80)]


def test_old_clients_name_no_requests(peer: SpdyForward) -> None:
    client = Client()
    opened = [client.open(number, kind) for number, kind in ((1, "error"), (3, "data"), (5, "error"), (7, "data"))]
    assert received(peer, *opened) == [Opened(3, 80), Opened(7, 80)]
    # Of two that come crosswise neither is complete: 9 and 11 wait for 11 and 9.
    assert received(peer, client.open(9, "data"), client.open(11, "error")) == []


def test_a_pair_that_is_complete_frees_its_id(peer: SpdyForward) -> None:
    client = Client()
    assert received(peer, client.pair(1, request="7"), client.pair(5, request="7")) == [Opened(3, 80), Opened(7, 80)]


@pytest.mark.parametrize("kind", ["error", "data"])
def test_the_same_half_twice_is_said_and_the_pair_still_waits(peer: SpdyForward, kind: str) -> None:
    client = Client()
    other = "data" if kind == "error" else "error"
    assert received(peer, client.open(1, kind, request="7"), client.open(3, kind, request="7")) == []
    said = [frame for frame in sent(peer) if isinstance(frame, Data)]
    text = b"error processing stream for request 7: error stream already assigned"
    assert said == ([Data(1, text, False)] if kind == "error" else [])
    events = received(peer, client.open(5, other, port="81", request="7"))
    assert events == [Opened(5, 81) if kind == "error" else Opened(1, 80)]


def test_half_a_pair_waits_for_thirty_seconds(peer: SpdyForward) -> None:
    client = Client()
    received(peer, client.open(1, "error", request="7"))
    peer.expire(START_NS + 5)
    received(peer, client.open(3, "data", request="8"), data(3, b"early"))
    sent(peer)
    assert peer.expire(START_NS + PAIRING_NS - 1) == START_NS + PAIRING_NS
    assert sent(peer) == []
    assert peer.expire(START_NS + PAIRING_NS) == START_NS + PAIRING_NS + 5
    assert sent(peer) == [Data(1, b"(conn=0xc000000000, request=7) timed out waiting for streams", False)]
    assert peer.expire(START_NS + PAIRING_NS + 5) is None
    assert sent(peer) == []
    # The id is free again, and what came too late waits anew.
    assert received(peer, client.open(5, "data", request="7")) == []
    assert received(peer, client.open(7, "error", request="7")) == [Opened(5, 80)]


def test_what_comes_before_a_pair_is_complete_is_kept(peer: SpdyForward) -> None:
    client = Client()
    first = [client.open(1, "data", request="7"), data(1, b"GET "), data(1, b"/", is_last=True)]
    assert received(peer, *first) == []
    events = received(peer, client.open(3, "error", request="7"))
    assert events == [Opened(1, 80), Arrived(1, b"GET /"), HalfClosed(1)]
    assert received(peer, client.open(5, "data", request="8"), reset(5)) == []
    assert received(peer, client.open(7, "error", request="8")) == [Opened(5, 80), GivenUp(5)]


def test_what_is_kept_is_bounded(peer: SpdyForward) -> None:
    client = Client()
    half = bytes(EARLY_BYTES_MAX // 2)
    received(peer, client.open(1, "data", request="1"), client.open(3, "data", request="3"), data(1, half))
    received(peer, data(3, half))
    sent(peer)
    assert received(peer, data(3, b"x"), data(3, b"y")) == []
    assert sent(peer) == [RstStream(3, ResetStatus.FLOW_CONTROL_ERROR)]
    received(peer, data(1, half))
    assert sent(peer) == []
    assert received(peer, client.open(5, "error", request="3")) == [Opened(3, 80), GivenUp(3)]
    assert received(peer, client.open(7, "error", request="1")) == [Opened(1, 80), Arrived(1, half + half)]
    # All of the room is free again.
    received(peer, client.open(9, "data", request="9"), data(9, half), data(9, half))
    assert received(peer, client.open(11, "error", request="9")) == [Opened(9, 80), Arrived(9, half + half)]


def test_halves_are_bounded_though_their_streams_are_reset(monkeypatch: pytest.MonkeyPatch, peer: SpdyForward) -> None:
    monkeypatch.setattr("kubesim.server.streaming.spdy_forward.HALVES_MAX", 2)
    client = Client()
    for number in (1, 3, 5):
        received(peer, client.open(number, "error", request=str(number)), reset(number))
    assert kinds(sent(peer)) == [("SynReply", 1), ("SynReply", 3), ("RstStream", 5)]


def test_a_reset_of_the_data_stream_gives_the_connection_up(peer: SpdyForward) -> None:
    received(peer, Client().pair(1, request="0"))
    sent(peer)
    assert received(peer, reset(3)) == [GivenUp(3)]
    peer.send(3, b"lost")
    peer.close(3)
    assert sent(peer) == [Data(1, b"", True)]


def test_a_reset_of_the_error_stream_changes_nothing(peer: SpdyForward) -> None:
    client = Client()
    received(peer, client.open(1, "error", request="0"), client.open(3, "data", request="0"))
    sent(peer)
    assert received(peer, reset(1), data(3, b"x")) == [Arrived(3, b"x")]
    peer.close(3, "said to nobody")
    assert sent(peer) == [RstStream(3, ResetStatus.CANCEL)]


def test_a_client_that_goes_away_says_so(peer: SpdyForward) -> None:
    goaway = control_bytes(FrameType.GOAWAY, struct.pack(">II", 0, 0))
    assert received(peer, Client().pair(1, request="0"), goaway) == [Opened(3, 80), PeerClosed()]
    assert not [frame for frame in sent(peer) if isinstance(frame, GoAway)]


def test_what_is_no_spdy_ends_the_connection(peer: SpdyForward) -> None:
    with pytest.raises(PeerError, match="version 2"):
        received(peer, bytes.fromhex("8002000100000000"))


def merged(events: Iterable[ForwardEvent]) -> list[ForwardEvent]:
    """Data of one connection that came in several pieces, in one."""
    result: list[ForwardEvent] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, Arrived) and isinstance(last, Arrived) and last.connection == event.connection:
            result[-1] = Arrived(event.connection, last.data + event.data)
        else:
            result.append(event)
    return result


@given(st.data())
def test_pairs_come_in_any_order(data_: st.DataObject) -> None:
    count = data_.draw(st.integers(1, 8))
    halves = [(request, kind) for request in range(count) for kind in ("error", "data")]
    order = data_.draw(st.permutations(halves))
    client, peer = Client(), SpdyForward()
    peer.expire(START_NS)
    opened: list[ForwardEvent] = []
    wanted: dict[int, int] = {}
    for index, (request, kind) in enumerate(order):
        number = 2 * index + 1
        if kind == "data":
            wanted[request] = number
        piece = client.open(number, kind, port=str(8000 + request), request=f"r{request}")
        if kind == "data":
            piece += data(number, b"%d" % request)
        opened += received(peer, piece)
    assert {event.connection: event.port for event in opened if isinstance(event, Opened)} == {
        number: 8000 + request for request, number in wanted.items()
    }
    assert {event.connection: event.data for event in opened if isinstance(event, Arrived)} == {
        number: b"%d" % request for request, number in wanted.items()
    }
    assert peer.expire(START_NS + PAIRING_NS) is None


@given(st.data())
def test_it_does_not_matter_how_the_bytes_are_cut(data_: st.DataObject) -> None:
    client = Client()
    wire = b"".join(
        [
            client.open(1, "data", request="a"),
            data(1, data_.draw(st.binary(max_size=100))),
            client.open(3, "nothing", request="a"),
            client.open(5, "error", request="a"),
            client.pair(7, request="b"),
            data(9, data_.draw(st.binary(max_size=100)), is_last=data_.draw(st.booleans())),
            data(1, b"", is_last=True),
            reset(9),
            client.open(11, "error", request="c"),
        ]
    )
    cuts = sorted(data_.draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    outcomes = []
    for cut in ([wire], pieces, [wire[i : i + 1] for i in range(len(wire))]):
        peer = SpdyForward()
        peer.expire(START_NS)
        events = merged(received(peer, *cut))
        outcomes.append((events, peer.take_output(), peer.expire(START_NS)))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_any_bytes_are_events_or_an_error(pieces: list[bytes], is_control: bool) -> None:
    peer = SpdyForward()
    events: list[ForwardEvent] = []
    with contextlib.suppress(PeerError):
        for piece in pieces:
            events += peer.receive(b"\x80\x03\x00" + piece if is_control else piece)
    assert all(isinstance(event, PeerClosed) for event in events)
