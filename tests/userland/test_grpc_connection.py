"""gRPC's HTTP/2 by hypothesis: any bytes, and a conversation cut into any pieces."""

from __future__ import annotations

from itertools import pairwise

from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubesim.userland.network.grpc_connection import PREFACE, Call, CallGone, GrpcCode, GrpcConnection, Happening

METHODS = {"a.B": ("C",)}
CONVERSATION_CALLS = 3


def conversation() -> bytes:
    """What a client sends for a few calls, of which it drops the last."""
    client = H2Connection(H2Configuration())
    client.initiate_connection()
    for number in range(1, 2 * CONVERSATION_CALLS, 2):
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/a.B/C")]
        client.send_headers(number, [*headers, ("content-type", "application/grpc")])
        client.send_data(number, b"\0\0\0\0\x03m%02d" % number, end_stream=True)
    client.reset_stream(number)
    client.ping(b"12345678")
    return client.data_to_send()


def heard(pieces: list[bytes]) -> tuple[list[Happening], bytes, bool]:
    """What a server makes of it, and answers to all calls at the end."""
    server = GrpcConnection(METHODS)
    happenings = [happening for piece in pieces for happening in server.receive(piece)]
    sent = server.data_to_send()
    for happening in happenings:
        if isinstance(happening, Call):
            server.send_message(happening.number, happening.message)
            server.finish(happening.number, GrpcCode.OK)
    return happenings, sent + server.data_to_send(), server.is_over


@given(st.lists(st.integers(0, len(conversation())), max_size=20))
def test_the_same_in_any_pieces(cuts: list[int]) -> None:
    whole = conversation()
    places = [0, *sorted(cuts), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(places)]
    assert heard(pieces) == heard([whole])


def test_what_a_conversation_is() -> None:
    happenings, _, is_over = heard([conversation()])
    calls = [Call(number=number, service="a.B", method="C", message=b"m%02d" % number) for number in (1, 3, 5)]
    assert (happenings, is_over) == ([*calls, CallGone(number=5)], False)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(conversation()) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@example([(183, 180), (99, 163), (79, 151), (213, 180), (154, 50), (39, 156), (215, 45)])  # h2 has forgotten the stream
def test_a_broken_conversation_never_raises(changes: list[tuple[int, int]]) -> None:
    broken = bytearray(conversation())
    for place, byte in changes:
        broken[place] = byte
    _, sent, _ = heard([bytes(broken)])
    assert sent


@settings(max_examples=300)
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_never_raise(data: bytes, has_preface: bool) -> None:
    _, sent, _ = heard([PREFACE + b"\0\0\0\x04\0\0\0\0\0" + data if has_preface else data])
    assert sent


def test_a_long_frame_is_refused_by_its_head() -> None:
    server = GrpcConnection(METHODS)
    server.receive(PREFACE + b"\0\0\0\x04\0\0\0\0\0")
    assert not server.is_over
    server.receive(b"\x00\x40\x01\x00\x00\x00\x00\x00\x01")
    assert server.is_over
