"""Errors of connections as Go's net package prints them."""

import pytest

from kubesim.policy.go_net_error import address_text, copy_error, dial_error

ENDS = ("127.0.0.1:46540", "127.0.0.1:7687")


@pytest.mark.parametrize(
    ("network", "target", "reason", "expected"),
    [
        ("tcp4", "127.0.0.1:80", "Connection refused", "dial tcp4 127.0.0.1:80: connect: connection refused"),
        ("tcp", "[::1]:80", "Connection timed out", "dial tcp [::1]:80: connect: connection timed out"),
    ],
)
def test_a_connection_that_was_not_made(network: str, target: str, reason: str, expected: str) -> None:
    assert dial_error(network, target, reason) == expected


READ = "read tcp4 127.0.0.1:46540->127.0.0.1:7687: read: connection reset by peer"
WRITE = "write tcp4 127.0.0.1:46540->127.0.0.1:7687: write: broken pipe"


@pytest.mark.parametrize(
    ("operation", "copy", "reason", "expected"),
    [
        ("read", "", "Connection reset by peer", READ),
        ("read", "writeto", "Connection reset by peer", f"writeto tcp4 127.0.0.1:46540->127.0.0.1:7687: {READ}"),
        ("write", "readfrom", "Broken pipe", f"readfrom tcp4 127.0.0.1:46540->127.0.0.1:7687: {WRITE}"),
    ],
)
def test_a_connection_that_broke(operation: str, copy: str, reason: str, expected: str) -> None:
    assert copy_error(operation, copy, "tcp4", ENDS, reason) == expected


def test_an_address_with_its_port() -> None:
    assert [address_text(host, 80) for host in ("10.0.0.5", "fd00::2")] == ["10.0.0.5:80", "[fd00::2]:80"]
