"""HTTP/1.1 as bytes: what is read, what is refused, and that pieces make no difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.userland.network.http_message import (
    HEAD_BYTES_MAX,
    BadMessage,
    Body,
    parse_request,
    parse_response,
    request_body,
    response_body,
    split_head,
)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET / HTTP/2.0", 505),
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"G T / HTTP/1.1", 400),
        (b"GET / HTTP/1.1\r\nno colon", 400),
        (b"GET / HTTP/1.1\r\nname : value", 400),
        (b"GET / HTTP/1.1\r\n: value", 400),
        (b"GET / HTTP/1.1\r\na: b\rc: d", 400),
        (b"GET / HTTP/1.1\r\n" + b"\r\n".join([b"a: b"] * 101), 431),
        (b"\xff\xfe", 400),
        (b"", 400),
    ],
)
def test_what_is_no_request_is_refused(raw: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_request(raw)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: -1",
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Content-Length: 9999999999999999999",
    ],
)
def test_a_body_whose_end_is_unclear_is_refused(headers: str) -> None:
    head = parse_request(f"POST / HTTP/1.1\r\n{headers}".encode())
    with pytest.raises(BadMessage):
        request_body(head)


def test_a_head_is_bounded() -> None:
    assert split_head(b"GET / HTTP/1.1\r\n") is None
    assert split_head(b"a\n\nrest") == (b"a", b"rest")
    with pytest.raises(BadMessage) as caught:
        split_head(b"x" * (HEAD_BYTES_MAX + 1))
    assert caught.value.status == 431


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_refusal(raw: bytes) -> None:
    for parse in (parse_request, parse_response):
        try:
            status = 0 if parse(raw).version else -1
        except BadMessage as error:
            status = error.status
        assert status in (0, 400, 431, 505)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
def test_chunks_are_read_the_same_however_they_arrive(parts: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\nnext"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    body = Body(kind="chunked")
    found = b"".join(body.feed(raw[start:end]) for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True))
    assert (found, body.rest, body.is_complete) == (b"".join(parts), b"next", True)


@given(st.binary(max_size=200))
def test_any_bytes_are_chunks_or_a_refusal(raw: bytes) -> None:
    body = Body(kind="chunked")
    try:
        found = body.feed(raw)
    except BadMessage:
        return
    assert len(found) <= len(raw)


def test_a_response_without_a_length_ends_with_the_connection() -> None:
    head = parse_response(b"HTTP/1.1 200 OK")
    body = response_body(head, method="GET")
    assert body.feed(b"all") == b"all"
    assert not body.is_complete
    body.finish()
    assert body.is_complete
    assert response_body(head, method="HEAD").is_complete
    with pytest.raises(BadMessage, match="cut off"):
        Body(kind="length", left=1).finish()
