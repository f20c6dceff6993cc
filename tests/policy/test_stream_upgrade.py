"""Requests to a streaming server: which become a stream, and what the others are told."""

import pytest

from kubesim.policy.stream_upgrade import (
    Headers,
    Refused,
    SpdyAccepted,
    StreamTarget,
    asks_for_websocket,
    spdy_upgrade,
    stream_target,
)

OFFERED = ("v4.channel.k8s.io", "v3.channel.k8s.io")
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"))


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/exec/AbCd", StreamTarget("exec", "AbCd")),
        ("POST", "/attach/AbCd?x=1", StreamTarget("attach", "AbCd")),
        ("POST", "/portforward/AbCd/", StreamTarget("portforward", "AbCd")),
        ("GET", "http://127.0.0.1:80/exec/AbCd?x=1", StreamTarget("exec", "AbCd")),
        ("GET", "https://host", 404),
        ("GET", "/exec", 404),
        ("GET", "/exec/a/b", 404),
        ("GET", "/run/a", 404),
        ("DELETE", "/exec/a", 405),
    ],
)
def test_what_a_path_names(method: str, path: str, answer: StreamTarget | int) -> None:
    found = stream_target(method, path)
    assert (found.status if isinstance(found, Refused) else found) == answer


@pytest.mark.parametrize(
    ("headers", "answer"),
    [
        ((("Connection", "Upgrade"), ("Upgrade", "websocket")), True),
        ((("connection", "keep-alive, Upgrade"), ("UPGRADE", "WebSocket")), True),
        ((("Connection", "keep-alive"), ("Connection", "x-upgraded"), ("Upgrade", "websocket")), True),
        ((("Connection", "keep-alive"), ("Upgrade", "websocket")), False),
        ((("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1")), False),
        ((), False),
    ],
)
def test_who_asks_for_a_websocket(headers: Headers, answer: bool) -> None:
    assert asks_for_websocket(headers) is answer


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io"], "v4.channel.k8s.io"),
        (["v3.channel.k8s.io, v4.channel.k8s.io"], "v3.channel.k8s.io"),
        ([" , v4.channel.k8s.io"], "v4.channel.k8s.io"),
    ],
)
def test_the_first_that_the_client_names_and_the_server_knows(wanted: list[str], chosen: str) -> None:
    headers = (*UPGRADE, *(("X-Stream-Protocol-Version", value) for value in wanted))
    accepted = spdy_upgrade(headers, OFFERED)

    assert accepted == SpdyAccepted(chosen)
    assert isinstance(accepted, SpdyAccepted)
    assert accepted.headers == (
        ("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", chosen),
    )  # fmt: skip


def test_an_older_server_answers_nothing_to_who_names_no_version() -> None:
    for headers in (UPGRADE, (*UPGRADE, ("X-Stream-Protocol-Version", ", "))):
        assert spdy_upgrade(headers, OFFERED, "empty-answer") == Refused(200, "")
    named = (*UPGRADE, ("X-Stream-Protocol-Version", "v4.channel.k8s.io"))
    assert spdy_upgrade(named, OFFERED, "empty-answer") == SpdyAccepted("v4.channel.k8s.io")


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        (
            UPGRADE,
            400,
            "unable to upgrade: header X-Stream-Protocol-Version does not exist in request with 2 headers\n",
        ),
        (
            (*UPGRADE, ("X-Stream-Protocol-Version", ", ")),
            400,
            "unable to upgrade: header X-Stream-Protocol-Version contains [, ], but no valid protocols\n",
        ),
        (
            (*UPGRADE, ("X-Stream-Protocol-Version", "v9,v8")),
            403,
            (
                "unable to upgrade: unable to negotiate protocol: client supports [v9 v8], server accepts "
                "[v4.channel.k8s.io v3.channel.k8s.io]\n"
            ),
        ),
        (
            (("Host", "h"), ("Upgrade", "SPDY/3.1"), ("x-stream-protocol-version", "v4.channel.k8s.io")),
            400,
            (
                'unable to upgrade: missing upgrade headers in request: http.Header{"Upgrade":[]string{"SPDY/3.1"}, '
                '"X-Stream-Protocol-Version":[]string{"v4.channel.k8s.io"}}\n'
            ),
        ),
    ],
)
def test_why_a_request_is_no_stream(headers: Headers, status: int, text: str) -> None:
    refused = spdy_upgrade(headers, OFFERED)

    assert isinstance(refused, Refused)
    assert (refused.status, refused.text) == (status, text)
    assert ("X-Content-Type-Options", "nosniff") in refused.headers
