"""Transfers that break and go on; what is tried again, and when."""

import socket
import struct

import pytest

from .registry_pulls import LAYER, LAYER_PATH, puller_of
from .registry_server import registry_server


@pytest.fixture
def registry():
    with registry_server() as found:
        found.push("app", "v1", [LAYER])
        yield found


@pytest.fixture
def puller(registry, tmp_path):
    return puller_of(registry, tmp_path)


class TestRetries:
    @pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
    def test_what_may_pass_is_tried_again(self, registry, puller, status):
        registry.behave("/manifests/", lambda handler: handler.error(status, "X", "not now"), times=2)

        puller()

        assert puller.waits == [0.5, 1.0]
        assert puller.layer == LAYER

    def test_not_for_ever(self, registry, puller):
        registry.behave("/manifests/", lambda handler: handler.error(503, "X", "not today"))

        error = puller.refusal()

        assert puller.waits == [0.5, 1.0, 2.0, 4.0]
        assert "503 Service Unavailable: not today" in str(error)

    @pytest.mark.parametrize("status", [400, 403, 404, 418, 501])
    def test_what_will_not_pass_is_not(self, registry, puller, status):
        registry.behave("/manifests/", lambda handler: handler.error(status, "X", "no"))

        assert puller.refusal().failure.answer.status == status
        assert puller.waits == []

    def test_the_server_says_when(self, registry, puller):
        answers = iter(
            [
                {"Retry-After": "7"},
                {"Retry-After": "Sun, 06 Nov 1994 08:49:40 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"},
                {"Retry-After": "soon"},
            ]
        )

        def busy(handler):
            handler.send_response_only(429)
            for name, value in next(answers).items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        registry.behave("/manifests/", busy, times=3)

        puller()

        assert puller.waits == [7.0, 3.0, 2.0]

    def test_the_server_says_not_today(self, registry, puller):
        registry.behave("/manifests/", lambda handler: handler.answer(429, headers={"Retry-After": "86400"}))

        assert puller.refusal().failure.answer.status == 429
        assert puller.waits == []

    def test_a_connection_that_ends_without_an_answer(self, registry, puller):
        registry.behave("/manifests/", lambda handler: handler.raw(b""), times=1)

        puller()

        assert puller.waits == [0.5]


class TestBrokenTransfers:
    def test_it_goes_on_where_it_broke(self, registry, puller):
        half = len(LAYER) // 2

        def break_off(handler):
            handler.answer(200, LAYER[:half], length=len(LAYER))
            handler.close_connection = True

        registry.behave(LAYER_PATH, break_off, times=1)

        puller()

        assert puller.layer == LAYER
        ranges = [one.headers.get("Range") for one in registry.asked if one.path.endswith(LAYER_PATH)]
        assert ranges == [None, f"bytes={half}-"]
        assert puller.waits == [0.5]

    def test_a_server_that_knows_no_ranges_begins_anew(self, registry, puller):
        def break_off(handler):
            handler.answer(200, LAYER[:1000], length=len(LAYER))
            handler.close_connection = True

        registry.behave(LAYER_PATH, break_off, times=1)
        registry.behave(LAYER_PATH, lambda handler: handler.answer(200, LAYER), times=1)

        puller()

        assert puller.layer == LAYER

    def test_a_server_that_goes_on_elsewhere(self, registry, puller):
        def break_off(handler):
            handler.answer(200, LAYER[:1000], length=len(LAYER))
            handler.close_connection = True

        registry.behave(LAYER_PATH, break_off, times=1)
        where = f"bytes 999-{len(LAYER) - 1}/{len(LAYER)}"
        registry.behave(LAYER_PATH, lambda handler: handler.answer(206, LAYER[999:], {"Content-Range": where}))

        assert f"the rest from byte 1000 was asked for, and '{where}' came" in str(puller.refusal())

    def test_one_that_always_breaks(self, registry, puller):
        def break_off(handler):
            offset = int(handler.headers.get("Range", "bytes=0-")[6:-1])
            piece = LAYER[offset : offset + 1000]
            if offset:
                where = f"bytes {offset}-{len(LAYER) - 1}/{len(LAYER)}"
                handler.answer(206, piece, {"Content-Range": where}, length=len(LAYER) - offset)
            else:
                handler.answer(200, piece, length=len(LAYER))
            handler.close_connection = True

        registry.behave(LAYER_PATH, break_off)

        error = puller.refusal()

        assert "the connection ended before the body did" in str(error)
        assert puller.waits == [0.5, 1.0, 2.0, 4.0]

    def test_one_that_breaks_each_mebibyte_gets_there(self, registry, puller):
        """What brings something starts to count anew."""
        size = 2**20

        def break_off(handler):
            offset = int(handler.headers.get("Range", "bytes=0-")[6:-1])
            where = {"Content-Range": f"bytes {offset}-{len(LAYER) - 1}/{len(LAYER)}"} if offset else {}
            handler.answer(206 if offset else 200, LAYER[offset : offset + size], where, length=len(LAYER) - offset)
            handler.close_connection = True

        registry.behave(LAYER_PATH, break_off)

        puller()

        assert puller.layer == LAYER
        assert puller.waits == [0.5, 0.5, 0.5]

    def test_a_connection_that_is_reset(self, registry, puller):
        def reset(handler):
            handler.answer(200, LAYER[:100_000], length=len(LAYER))
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.shutdown(socket.SHUT_RD)
            handler.close_connection = True

        registry.behave(LAYER_PATH, reset, times=1)

        puller()

        assert puller.layer == LAYER
        assert puller.waits == [0.5]

    def test_chunks_that_break_off(self, registry, puller):
        def break_off(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            handler.raw(b"%x\r\n%s" % (len(LAYER), LAYER[:100_000]))

        registry.behave(LAYER_PATH, break_off, times=1)

        puller()

        assert puller.layer == LAYER

    def test_a_body_in_chunks(self, registry, puller):
        def in_chunks(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for start in range(0, len(LAYER), 99_999):
                piece = LAYER[start : start + 99_999]
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            handler.wfile.write(b"0\r\n\r\n")

        registry.behave(LAYER_PATH, in_chunks)

        puller()

        assert puller.layer == LAYER
