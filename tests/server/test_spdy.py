"""SPDY/3.1 without sockets: vectors, streams, and bytes that no client sends."""

import struct
import tracemalloc
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.server.spdy import (
    DataArrived,
    Event,
    PeerLeaves,
    ResetStatus,
    SpdyConnection,
    SpdyError,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from kubesim.server.spdy.frames import (
    CONTROL_BYTES_MAX,
    FIN,
    HEADER_BYTES,
    UNIDIRECTIONAL,
    Data,
    FrameReader,
    FrameType,
    RstStream,
    SynReply,
    control_bytes,
    data_head,
)
from kubesim.server.spdy.headers import BLOCK_BYTES_MAX, DICTIONARY, HeaderPacker, HeaderUnpacker

SYN_1 = bytes.fromhex(
    "80030001 00000028 00000001 00000000 0000 78f9e3c6a7c202a62346703a2b294a4dcc851625aca9a08006000000ffff"
)
SYN_3 = bytes.fromhex("80030001 00000019 00000003 00000000 0000 c22a054ccc29f9a52500000000ffff")
REPLY_1 = bytes.fromhex("80030002 00000014 00000001 78f9e3c6a7c202a6230600000000ffff")
REPLY_3 = bytes.fromhex("80030002 0000000c 00000003 020100000000ffff")
PING_1 = bytes.fromhex("80030006 00000004 00000001")
HELLO_3 = bytes.fromhex("00000003 00000005 68656c6c6f")
FIN_3 = bytes.fromhex("00000003 01000000")


class Client:
    """Makes the bytes of a client."""

    def __init__(self) -> None:
        self._packer = HeaderPacker()

    def open(self, stream_id: int, *headers: tuple[str, str], flags: int = 0) -> bytes:
        """A SYN_STREAM frame."""
        payload = struct.pack(">IIH", stream_id, 0, 0) + self._packer.pack(headers)
        return control_bytes(FrameType.SYN_STREAM, payload, flags=flags)

    @staticmethod
    def data(stream_id: int, data: bytes, *, is_last: bool = False) -> bytes:
        """A data frame."""
        return data_head(stream_id, len(data), is_last=is_last) + data


def received(connection: SpdyConnection, *pieces: bytes) -> list[Event]:
    return [event for piece in pieces for event in connection.receive(piece)]


def merged(events: Iterable[Event]) -> list[Event]:
    """Data of one stream that came in several pieces, in one."""
    result: list[Event] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, DataArrived) and isinstance(last, DataArrived) and last.stream_id == event.stream_id:
            result[-1] = DataArrived(event.stream_id, last.data + event.data)
        else:
            result.append(event)
    return result


def replies(*frames: bytes) -> list[tuple[int, bytes]]:
    """Stream and unpacked header block of SYN_REPLY frames."""
    unpacker = zlib.decompressobj(15, DICTIONARY)
    return [(int.from_bytes(frame[8:12], "big"), unpacker.decompress(frame[12:])) for frame in frames]


def test_the_vectors_of_a_go_client() -> None:
    connection = SpdyConnection()
    assert received(connection, SYN_1) == [StreamOpened(1, {"streamtype": "error"})]
    first = connection.take_output()
    assert received(connection, SYN_3) == [StreamOpened(3, {"streamtype": "stdout"})]
    assert replies(first, connection.take_output()) == replies(REPLY_1, REPLY_3) == [(1, b"\0\0\0\0"), (3, b"\0\0\0\0")]
    assert received(connection, HELLO_3, FIN_3) == [DataArrived(3, b"hello"), StreamEnded(3)]
    connection.send(3, b"hello")
    assert connection.take_output() == HELLO_3
    connection.send(3, b"", is_last=True)
    assert connection.take_output() == FIN_3
    assert connection.open_streams_count == 1
    connection.reset(1)
    connection.go_away()
    assert connection.take_output() == bytes.fromhex(
        "80030003 00000008 00000001 00000005 80030007 00000008 00000003 00000000"
    )
    assert connection.open_streams_count == 0


def test_the_dictionary_is_the_one_of_the_draft() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


def test_a_ping_is_answered_first_and_an_answer_is_not() -> None:
    connection = SpdyConnection()
    received(connection, SYN_1)
    ping_3 = control_bytes(FrameType.PING, struct.pack(">I", 3))
    assert received(connection, PING_1, control_bytes(FrameType.PING, struct.pack(">I", 2)), ping_3) == []
    answer = connection.take_output()
    assert answer.startswith(PING_1 + ping_3)
    assert replies(answer.removeprefix(PING_1 + ping_3)) == replies(REPLY_1)


def test_a_stream_ends_side_by_side() -> None:
    client, connection = Client(), SpdyConnection()
    assert received(connection, client.open(1, flags=FIN)) == [StreamOpened(1, {}), StreamEnded(1)]
    assert connection.can_send(1)
    assert received(connection, client.data(1, b"too late", is_last=True)) == []
    connection.send(1, b"all", is_last=True)
    assert not connection.can_send(1)
    assert connection.open_streams_count == 0
    connection.take_output()
    connection.send(1, b"more")
    connection.reset(1)
    assert connection.take_output() == b""


def test_a_client_that_takes_nothing_gets_nothing() -> None:
    client, connection = Client(), SpdyConnection()
    assert received(connection, client.open(1, flags=UNIDIRECTIONAL)) == [StreamOpened(1, {})]
    assert not connection.can_send(1)
    assert received(connection, client.data(1, b"x", is_last=True)) == [DataArrived(1, b"x"), StreamEnded(1)]
    assert connection.open_streams_count == 0


def test_a_reset_ends_both_sides() -> None:
    client, connection = Client(), SpdyConnection()
    received(connection, client.open(1))
    connection.take_output()
    reset = control_bytes(FrameType.RST_STREAM, struct.pack(">II", 1, ResetStatus.CANCEL))
    assert received(connection, reset, reset, client.data(1, b"x")) == [StreamReset(1, ResetStatus.CANCEL)]
    connection.send(1, b"x")
    assert connection.take_output() == b""


def test_a_stream_is_answered_once_the_caller_has_seen_it_or_refused() -> None:
    client, connection = Client(), SpdyConnection()
    for event in connection.receive(b"".join(client.open(number) for number in (1, 3, 5, 7))):
        assert isinstance(event, StreamOpened)
        if event.stream_id == 1:
            connection.refuse(1)
        elif event.stream_id == 3:
            connection.send(3, b"hello")
        elif event.stream_id == 5:
            connection.reset(5)
    output = FrameReader().feed(connection.take_output())
    frames = [(type(frame), frame.stream_id) for frame in output if isinstance(frame, RstStream | SynReply | Data)]
    assert frames == [
        (RstStream, 1),
        (SynReply, 3),
        (Data, 3),
        (SynReply, 5),
        (RstStream, 5),
        (SynReply, 7),
    ]
    assert connection.open_streams_count == 2


def test_a_side_that_has_ended_its_half_says_nothing_of_a_reset() -> None:
    client, connection = Client(), SpdyConnection()
    received(connection, client.open(1))
    connection.send(1, b"", is_last=True)
    connection.take_output()
    connection.reset(1)
    assert connection.take_output() == b""
    assert received(connection, client.data(1, b"x", is_last=True)) == []
    assert connection.open_streams_count == 0


@pytest.mark.parametrize("stream_id", [1, 2, 3, 4], ids=["twice", "even", "twice the last", "even and new"])
def test_ids_that_do_not_grow_are_refused(stream_id: int) -> None:
    client, connection = Client(), SpdyConnection()
    received(connection, client.open(1), client.open(3))
    connection.take_output()
    assert received(connection, client.open(stream_id)) == []
    assert connection.take_output() == control_bytes(FrameType.RST_STREAM, struct.pack(">II", stream_id, 1))
    # The headers of what was refused belong to the compressed stream all the same.
    assert received(connection, client.open(5, ("streamType", "data"))) == [StreamOpened(5, {"streamtype": "data"})]


def test_after_goaway_no_stream_is_taken_and_others_go_on() -> None:
    client, connection = Client(), SpdyConnection()
    goaway = control_bytes(FrameType.GOAWAY, struct.pack(">II", 0, 0))
    assert received(connection, client.open(1), goaway)[1:] == [PeerLeaves()]
    connection.take_output()
    assert received(connection, client.open(3), client.data(1, b"x")) == [DataArrived(1, b"x")]
    assert connection.take_output() == control_bytes(FrameType.RST_STREAM, struct.pack(">II", 3, 3))


def test_what_is_not_used_is_passed_over() -> None:
    client, connection = Client(), SpdyConnection()
    settings = control_bytes(FrameType.SETTINGS, struct.pack(">III", 1, 4, 100))
    window = control_bytes(FrameType.WINDOW_UPDATE, struct.pack(">II", 1, 65536))
    assert received(connection, settings, window, client.open(1)) == [StreamOpened(1, {})]
    packer = client._packer
    later = control_bytes(FrameType.HEADERS, struct.pack(">I", 1) + packer.pack([("more", "of it")]), flags=FIN)
    assert received(connection, later) == [StreamEnded(1)]


def test_long_data_is_cut_into_frames_and_comes_in_pieces() -> None:
    client, connection = Client(), SpdyConnection()
    received(connection, client.open(1))
    connection.take_output()
    text = bytes(range(256)) * 400
    connection.send(1, text, is_last=True)
    other = SpdyConnection()
    received(other, Client().open(1))
    assert merged(received(other, connection.take_output())) == [DataArrived(1, text), StreamEnded(1)]
    frame = client.data(1, text)
    assert [len(event.data) for event in received(other, frame[:1000]) if isinstance(event, DataArrived)] == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (bytes.fromhex("8002000100000000"), "version 2"),
        (bytes.fromhex("8003000500000000"), "unknown type 5"),
        (bytes.fromhex("80030006 00000003 000000"), "PING frame has 3 bytes where 4 belong"),
        (bytes.fromhex("80030006 00000004 00000000"), "PING frame has no id"),
        (bytes.fromhex("80030003 00000008 00000001 00000000"), "has no status"),
        (bytes.fromhex("80030003 00000008 00000000 00000005"), "names the stream 0"),
        (bytes.fromhex("80030001 00000008 00000001 00000000"), "too short for its priority"),
        (bytes.fromhex("80030001 0000000e 00000001 00000000 0000 deadbeef"), "cannot be unpacked"),
        (bytes.fromhex("80030004 00000008 00000002 00000000"), "SETTINGS frame has 4 bytes where 16 belong"),
        (bytes.fromhex("80030001 00010001"), "control frame has 65537 bytes; at most 65536"),
    ],
)
def test_broken_frames_end_the_connection(data: bytes, message: str | None) -> None:
    connection = SpdyConnection()
    if message is None:  # text is a data frame of a stream that nobody opened
        assert received(connection, data) == []
        return
    with pytest.raises(SpdyError, match=message):
        received(connection, data)


def block_of(plain: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 15, 8, zlib.Z_DEFAULT_STRATEGY, DICTIONARY)
    return compressor.compress(plain) + compressor.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        (struct.pack(">I", 1001), "1001 pairs; at most 1000"),
        (b"\0\0", "middle of a length"),
        (struct.pack(">II", 1, 50), "50 bytes does not fit"),
        (struct.pack(">III", 1, 0, 0), "has no name"),
        (struct.pack(">I", 2) + (struct.pack(">I", 1) + b"a") * 4, 'header "a" comes twice'),
        (struct.pack(">I", 0) + b"rest", "4 bytes after its last pair"),
        (bytes(BLOCK_BYTES_MAX + 1), "more than 1048576 bytes"),
    ],
)
def test_broken_header_blocks_are_named(plain: bytes, message: str) -> None:
    with pytest.raises(SpdyError, match=message):
        HeaderUnpacker().unpack(block_of(plain))


def test_a_bomb_is_not_unpacked() -> None:
    block = block_of(bytes(50 * BLOCK_BYTES_MAX))
    assert len(block) < 64 * 1024
    unpacker = HeaderUnpacker()
    tracemalloc.start()
    try:
        with pytest.raises(SpdyError, match="more than 1048576 bytes"):
            unpacker.unpack(block)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * BLOCK_BYTES_MAX


@pytest.mark.parametrize("kind", [FrameType.SYN_REPLY, FrameType.HEADERS])
def test_a_bomb_for_nobody_is_not_unpacked_either(kind: FrameType) -> None:
    block = block_of(bytes(50 * BLOCK_BYTES_MAX))
    with pytest.raises(SpdyError, match="more than 1048576 bytes"):
        received(SpdyConnection(), control_bytes(kind, struct.pack(">I", 9) + block))


def test_the_longest_data_frame_is_passed_on_as_it_comes_and_for_nobody_it_is_lost() -> None:
    client, connection = Client(), SpdyConnection()
    received(connection, client.open(1))
    size = 0xFFFFFF
    for stream_id, expected in ((1, size), (3, 0)):
        pieces = [data_head(stream_id, size, is_last=False), *([bytes(65536)] * (size // 65536)), bytes(size % 65536)]
        got = 0
        for piece in pieces:
            got += sum(len(event.data) for event in connection.receive(piece) if isinstance(event, DataArrived))
            assert not connection._reader._buffer
        assert got == expected
    assert received(connection, client.open(5)) == [StreamOpened(5, {})]


def test_a_long_control_frame_is_refused_by_its_head() -> None:
    for kind in FrameType:
        with pytest.raises(SpdyError, match="a control frame has 16777215 bytes"):
            received(SpdyConnection(), struct.pack(">HHI", 0x8003, kind, 0xFFFFFF))


def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubesim.server.spdy.connection.STREAMS_MAX", 2)
    client, connection = Client(), SpdyConnection()
    events = received(connection, *(client.open(number) for number in (1, 3, 5)))
    assert [event.stream_id for event in events if isinstance(event, StreamOpened)] == [1, 3]
    assert connection.take_output().endswith(control_bytes(FrameType.RST_STREAM, struct.pack(">II", 5, 3)))


names = st.text("abcdefghij-", min_size=1, max_size=8)
values = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(st.dictionaries(names, values, max_size=5), max_size=6))
def test_headers_come_out_as_they_went_in(blocks: list[dict[str, str]]) -> None:
    packer, unpacker = HeaderPacker(), HeaderUnpacker()
    assert [unpacker.unpack(packer.pack(block.items())) for block in blocks] == blocks


@given(st.data())
def test_it_does_not_matter_how_the_bytes_are_cut(data: st.DataObject) -> None:
    client = Client()
    wire = b"".join(
        [
            client.open(1, ("streamType", "error"), flags=FIN),
            client.open(3, ("streamType", "stdin")),
            client.data(3, data.draw(st.binary(max_size=200))),
            PING_1,
            client.data(3, b"", is_last=data.draw(st.booleans())),
            client.open(5, ("port", "80")),
            client.data(5, data.draw(st.binary(max_size=50)), is_last=True),
        ]
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    whole, cut, byte_by_byte = SpdyConnection(), SpdyConnection(), SpdyConnection()
    expected = merged(received(whole, wire))
    assert merged(received(cut, *pieces)) == expected
    assert merged(received(byte_by_byte, *(wire[i : i + 1] for i in range(len(wire))))) == expected
    assert cut.open_streams_count == whole.open_streams_count


control_frames = st.builds(
    lambda kind, flags, payload: control_bytes(kind, payload, flags=flags),
    st.sampled_from(FrameType),
    st.sampled_from([0, FIN, UNIDIRECTIONAL]),
    st.one_of(
        st.builds(lambda number, rest: struct.pack(">I", number) + rest, st.integers(0, 6), st.binary(max_size=12)),
        st.builds(lambda first, second: struct.pack(">II", first, second), st.integers(0, 6), st.integers(0, 6)),
    ),
)
data_frames = st.builds(
    lambda stream_id, content, is_last: Client.data(stream_id, content, is_last=is_last),
    st.integers(0, 6), st.binary(max_size=60), st.booleans(),
)  # fmt: skip
openings = st.permutations([SYN_1, SYN_3]).map(b"".join)


@given(
    st.lists(st.one_of(control_frames, data_frames, openings, st.binary(max_size=30)), max_size=8).map(b"".join),
    st.integers(2, 40),
)
def test_any_bytes_are_events_or_an_error_however_they_are_cut(wire: bytes, step: int) -> None:
    outcomes = []
    for size in (len(wire) or 1, step, 1):
        connection = SpdyConnection()
        events: list[Event] = []
        error = ""
        try:
            for start in range(0, len(wire), size):
                events += connection.receive(wire[start : start + size])
                assert len(connection._reader._buffer) <= CONTROL_BYTES_MAX + HEADER_BYTES
        except SpdyError as found:
            error = str(found)
        assert connection.open_streams_count <= len(events)
        outcomes.append((merged(events), error, connection.take_output()))
    assert outcomes[0] == outcomes[1] == outcomes[2]
