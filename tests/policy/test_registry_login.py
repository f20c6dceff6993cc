"""What is presented to a registry, in both dialects."""

import base64

import pytest

from kubesim.policy.registry_login import (
    ANONYMOUS,
    InvalidLogin,
    Login,
    LoginFields,
    go_url_host,
    login_for_any_host,
    login_for_host,
    registry_host,
)

HOST = "registry.example:5000"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("fields", "containerd", "crio"),
    [
        ({}, ANONYMOUS, ANONYMOUS),
        ({"password": "p"}, ANONYMOUS, ANONYMOUS),
        ({"username": "u", "password": "p"}, Login("u", "p"), Login("u", "p")),
        ({"username": "u", "identity_token": "t"}, Login("u", ""), Login("u", "")),
        ({"identity_token": "t"}, Login("", "t"), ANONYMOUS),
        ({"identity_token": "t", "auth": encoded("a:b")}, Login("", "t"), Login("a", "b")),
        ({"username": "u", "password": "p", "auth": encoded("a:b")}, Login("u", "p"), Login("a", "b")),
        ({"auth": encoded("a:b:c")}, Login("a", "b:c"), Login("a", "b:c")),
        ({"auth": encoded("a:\0b\0\0")}, Login("a", "b"), Login("a", "b")),
        ({"auth": encoded(":b")}, Login("", "b"), ANONYMOUS),
        ({"username": "u", "server_address": f"https://{HOST}"}, Login("u", ""), Login("u", "")),
        ({"username": "u", "server_address": f"https://x@{HOST}/v2/?q#f"}, Login("u", ""), Login("u", "")),
        ({"username": "u", "server_address": "https://other.example"}, ANONYMOUS, Login("u", "")),
        ({"username": "u", "server_address": HOST}, ANONYMOUS, Login("u", "")),
    ],
)
def test_what_is_presented(fields, containerd, crio):
    assert login_for_host(LoginFields(**fields), HOST) == containerd
    assert login_for_any_host(LoginFields(**fields)) == crio


def test_auth_that_cannot_be_read():
    for text, message in (
        ("%", "illegal base64 data at input byte 0"),
        (encoded("nocolon"), r'invalid decoded auth: "nocolon\x00\x00"'),
        (encoded("nocolons"), r'invalid decoded auth: "nocolons\x00"'),
        (base64.b64encode(b"\xff\xfe\xfd").decode(), r'invalid decoded auth: "\xff\xfe\xfd"'),
    ):
        with pytest.raises(InvalidLogin) as error:
            login_for_host(LoginFields(auth=text), HOST)
        assert str(error.value) == message
    with pytest.raises(InvalidLogin, match=r"^illegal base64 data at input byte 0$"):
        login_for_any_host(LoginFields(auth="%"))
    assert login_for_any_host(LoginFields(auth=encoded("nocolon"), username="u")) == ANONYMOUS


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://index.docker.io/v1/", "index.docker.io"),
        ("http://localhost:5000", "localhost:5000"),
        ("//quay.io/x", "quay.io"),
        ("///quay.io/x", ""),
        ("file:///quay.io", ""),
        ("/quay.io", ""),
        ("quay.io", ""),
        ("quay.io/v2", ""),
        ("quay.io:443", ""),  # a scheme and what it is about
        ("https://u:p@quay.io", "quay.io"),
        ("https://quay.io?x=/", "quay.io"),
        ("#https://quay.io", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_url(text, host):
    assert go_url_host(text) == host


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("://quay.io", "missing protocol scheme"),
        ("127.0.0.1:5000", "first path segment in URL cannot contain colon"),
    ],
)
def test_no_url(text, reason):
    with pytest.raises(InvalidLogin) as error:
        go_url_host(text)
    assert str(error.value) == f'parse server address: parse "{text}": {reason}'


def test_the_host_of_a_domain():
    assert registry_host("docker.io") == "registry-1.docker.io"
    assert registry_host("quay.io") == "quay.io"
