"""What Go clients say of registries."""

import pytest

from kubesim.policy.registry_words import RegistryAnswer, connection_error, distribution_error, registry_errors


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"status": 404, "code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}, "manifest unknown"),
        (
            {"status": 404, "code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "has_detail": True},
            "manifest unknown",
        ),
        ({"status": 404, "code": "NAME_UNKNOWN"}, "name unknown"),
        (
            {"status": 404, "code": "NAME_UNKNOWN", "message": "repository name not known to registry"},
            "name unknown",
        ),
        (
            {"status": 404, "code": "NAME_UNKNOWN", "message": "no such thing", "has_detail": True},
            "name unknown: no such thing",
        ),
        ({"status": 401, "code": "UNAUTHORIZED", "message": "who are you"}, "unauthorized: who are you"),
        (
            {"status": 401, "code": "UNAUTHORIZED", "message": "authentication required", "has_detail": True},
            "authentication required",
        ),
        ({"status": 401, "body": "go away"}, "authentication required"),
        ({"status": 403, "code": "ODD", "message": "no"}, "unknown: no"),
        ({"status": 404, "body": "<html>"}, 'StatusCode: 404, "<html>"'),
        ({"status": 404, "body": "x" * 51}, f'StatusCode: 404, "{"x" * 50}..."'),
        ({"status": 503, "reason": "Service Unavailable"}, "received unexpected HTTP status: 503 Service Unavailable"),
        ({"status": 399}, "received unexpected HTTP status: 399"),
    ],
)
def test_refusals(facts, expected):
    assert distribution_error(RegistryAnswer(**facts)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ""),
        ({"code": "DENIED"}, "denied"),
        ({"code": "DENIED", "message": "requested access to the resource is denied"}, "denied"),
        (
            {"code": "DENIED", "message": "requested access to the resource is denied", "has_detail": True},
            "denied: requested access to the resource is denied",
        ),
        ({"code": "ODD", "message": "no"}, "unknown: no"),
    ],
)
def test_errors_in_a_body(facts, expected):
    assert registry_errors(RegistryAnswer(status=403, **facts)) == expected


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("refused", "dial tcp 10.0.0.1:443: connect: the detail"),
        ("no-route", "dial tcp 10.0.0.1:443: connect: the detail"),
        ("no-such-host", "dial tcp: lookup registry.example: no such host"),
        ("timed-out", "dial tcp 10.0.0.1:443: i/o timeout"),
        ("no-answer", "net/http: timeout awaiting response headers"),
        ("unknown-authority", "tls: failed to verify certificate: x509: certificate signed by unknown authority"),
        ("certificate", "tls: failed to verify certificate: x509: the detail"),
        ("no-tls", "http: server gave HTTP response to HTTPS client"),
        ("ended", "EOF"),
        ("reset", "read tcp 10.0.0.1:443: read: connection reset by peer"),
        ("tls", "remote error: tls: the detail"),
    ],
)
def test_connections(cause, expected):
    found = connection_error(cause, host="registry.example", address="10.0.0.1:443", detail="the detail")

    assert found == expected
