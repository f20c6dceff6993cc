"""Requests until a connection is a stream: whatever comes gets an answer or waits, and none of it is an exception."""

from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.stream_upgrade import Refused, spdy_upgrade, stream_target
from kubesim.server.streaming.http_head import HttpHead, RequestHead

FIELDS = [
    "Host: a",
    "Connection: Upgrade",
    "Connection: close",
    "Upgrade: SPDY/3.1",
    "Upgrade: websocket",
    "X-Stream-Protocol-Version: v4.channel.k8s.io",
    "Content-Length: 0",
    "Content-Length: 3",
    "Transfer-Encoding: chunked",
    "Expect: 100-continue",
    "Sec-WebSocket-Key: x",
    "Sec-WebSocket-Version: 13",
    "A: é",
]
REQUESTS = st.builds(
    lambda method, path, version, fields: "\r\n".join([f"{method} {path} {version}", *fields, "", ""]).encode(
        "latin-1"
    ),
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "PUT"]),
    st.sampled_from(["/exec/a", "*", "a:1", "http://x/exec/a", "/"]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.0"]),
    st.lists(st.sampled_from(FIELDS), max_size=8),
)


def decided(request: RequestHead) -> Refused | None:
    """None for a request that becomes a stream."""
    target = stream_target(request.method, request.path)
    if isinstance(target, Refused):
        return target
    accepted = spdy_upgrade(request.headers, ("v4.channel.k8s.io",))
    return accepted if isinstance(accepted, Refused) else None


@given(st.lists(REQUESTS, max_size=3), st.binary(max_size=20))
def test_whatever_comes_is_answered(requests: list[bytes], rest: bytes) -> None:
    head = HttpHead()
    head.feed(b"".join(requests) + rest)
    for _ in range(10):
        request = head.next_request()
        if request is None:
            return
        refused = request if isinstance(request, Refused) else decided(request)
        if refused is None:
            assert isinstance(request, RequestHead)
            assert head.switch((("Upgrade", "SPDY/3.1"),)).startswith(b"HTTP/1.1 101 ")
            return
        answer, is_last = head.answer(refused, 0)
        assert answer.startswith(b"HTTP/1.1 ")
        if is_last:
            return
    raise AssertionError("three requests have more than ten answers")
