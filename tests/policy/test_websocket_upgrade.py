"""Requests for a WebSocket: which get one, and what the others are told."""

import pytest

from kubesim.policy.stream_upgrade import Headers, Refused
from kubesim.policy.websocket_upgrade import WebSocketAccepted, websocket_upgrade

OFFERED = ("", "channel.k8s.io", "v4.channel.k8s.io")
KEY = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
CONNECTION = ("Connection", "keep-alive, Upgrade")
VERSION = ("sec-websocket-version", "13")


@pytest.mark.parametrize(
    ("named", "chosen"),
    [
        ([], ""),
        ([""], ""),
        (["v4.channel.k8s.io"], "v4.channel.k8s.io"),
        (["v5.channel.k8s.io, v4.channel.k8s.io ,channel.k8s.io"], "v4.channel.k8s.io"),
        (["channel.k8s.io", "v4.channel.k8s.io"], "channel.k8s.io"),
    ],
)
def test_the_first_that_the_client_names_and_the_server_knows(named: list[str], chosen: str) -> None:
    accepted = websocket_upgrade(
        "GET", (CONNECTION, KEY, VERSION, *(("Sec-WebSocket-Protocol", name) for name in named)), OFFERED
    )

    assert isinstance(accepted, WebSocketAccepted)
    assert accepted.headers == (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ("Sec-WebSocket-Protocol", chosen),
    )


@pytest.mark.parametrize(
    ("method", "headers", "refused"),
    [
        ("POST", (KEY, VERSION), Refused(405, "bad method", is_bare=True)),
        (
            "GET",
            (("connection", "keep-alive"), CONNECTION, KEY, VERSION),
            Refused(400, "not websocket protocol", is_bare=True),
        ),
        ("GET", (CONNECTION, VERSION), Refused(400, "mismatch challenge/response", is_bare=True)),
        (
            "GET",
            (CONNECTION, KEY, ("Sec-WebSocket-Version", "8")),
            Refused(400, "missing or bad WebSocket Version", (("Sec-WebSocket-Version", "13"),), is_bare=True),
        ),
        (
            "GET",
            (CONNECTION, KEY, VERSION, ("Sec-WebSocket-Protocol", "v5.channel.k8s.io")),
            Refused(403, "", is_bare=True),
        ),
    ],
)
def test_why_a_request_gets_none(method: str, headers: Headers, refused: Refused) -> None:
    assert websocket_upgrade(method, headers, OFFERED) == refused
