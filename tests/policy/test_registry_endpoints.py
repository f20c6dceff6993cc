"""Whom a pull asks, in which order, and how each is spoken to."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.registry_endpoints import (
    Endpoint,
    HostRules,
    InvalidUrl,
    check_mirror_url,
    endpoint,
    endpoint_of_url,
    endpoints,
    is_host,
    is_local,
    is_same_host,
)

INSECURE = HostRules(is_insecure=True)
TRUSTING = HostRules(ca_file="own.pem")


@pytest.mark.parametrize(
    ("domain", "rules", "scheme", "host", "verifies", "may_fall_back"),
    [
        ("docker.io", HostRules(), "https", "registry-1.docker.io", True, False),
        ("quay.io", HostRules(), "https", "quay.io", True, False),
        ("quay.io:5000", HostRules(), "https", "quay.io:5000", True, False),
        ("quay.io:80", HostRules(), "https", "quay.io:80", True, False),
        ("quay.io", TRUSTING, "https", "quay.io", True, False),
        ("quay.io", INSECURE, "https", "quay.io", False, True),
        ("quay.io:80", INSECURE, "http", "quay.io:80", False, False),
        ("localhost", HostRules(), "https", "localhost", False, False),
        ("localhost:443", HostRules(), "https", "localhost:443", False, False),
        ("localhost:80", HostRules(), "http", "localhost:80", False, False),
        ("localhost:5000", HostRules(), "https", "localhost:5000", False, True),
        ("127.0.0.9:5000", HostRules(), "https", "127.0.0.9:5000", False, True),
        ("[::1]:5000", HostRules(), "https", "[::1]:5000", False, True),
        ("localhost:5000", TRUSTING, "https", "localhost:5000", True, False),
        ("localhost", INSECURE, "https", "localhost", False, True),
        ("10.0.0.1:5000", HostRules(), "https", "10.0.0.1:5000", True, False),
    ],
)
def test_the_registry_itself(domain, rules, scheme, host, verifies, may_fall_back):
    [found] = endpoints(domain, {domain: rules})

    assert (found.scheme, found.host, found.path) == (scheme, host, "/v2")
    assert (found.verifies, found.may_fall_back) == (verifies, may_fall_back)
    assert found.namespace == ""


def test_mirrors_come_first_in_their_order_and_are_told_the_registry():
    rules = {
        "docker.io": HostRules(
            mirrors=("http://127.0.0.1:5000", "https://mirror.example/proxy/", "https://m.example/v2")
        ),
        "mirror.example": INSECURE,
    }

    local, proxy, other, own = endpoints("docker.io", rules)

    assert local.url("library/x", "manifests", "1") == "http://127.0.0.1:5000/v2/library/x/manifests/1?ns=docker.io"
    assert not local.may_fall_back
    assert proxy.url("library/x", "blobs", "sha256:0") == (
        "https://mirror.example/proxy/v2/library/x/blobs/sha256:0?ns=docker.io"
    )
    assert (proxy.verifies, other.verifies) == (False, True)
    assert other.path == "/v2"
    assert own.url("library/x", "manifests", "1") == "https://registry-1.docker.io/v2/library/x/manifests/1"


def test_a_mirror_that_is_the_registry_itself_is_not_told_so():
    found = endpoints("docker.io", {"docker.io": HostRules(mirrors=("https://registry-1.docker.io",))})

    assert [one.namespace for one in found] == ["", ""]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mirror.example", "it has no scheme"),
        ("ftp://mirror.example", "its scheme is 'ftp'"),
        ("https://", "it has no host"),
        ("https://me:secret@mirror.example", "it has a user name in it"),
        ("https://mirror.example:0", "no server listens on port 0"),
        ("https://mirror.example:99999", "'mirror.example:99999' is no host: Port out of range 0-65535"),
        ("https://mirror.example/?x=1", "it has a query or a fragment"),
        ("https://mirror.example/#x", "it has a query or a fragment"),
        ("https://mirror example", "it has a character in it that no URL has"),
        ("https://[::1", "Invalid IPv6 URL"),
    ],
)
def test_mirrors_that_are_none(url, why):
    with pytest.raises(InvalidUrl) as caught:
        check_mirror_url(url)

    assert str(caught.value) == why
    with pytest.raises(InvalidUrl):
        endpoints("docker.io", {"docker.io": HostRules(mirrors=(url,))})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("docker.io", True),
        ("registry.example:5000", True),
        ("[::1]:5000", True),
        ("", False),
        ("https://registry.example", False),
        ("registry.example/app", False),
        ("registry.example:port", False),
        ("Registry.example", False),
        ("me@registry.example", False),
        ("registry example", False),
    ],
)
def test_hosts(text, expected):
    assert is_host(text) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
    ],
)
def test_this_machine(host, expected):
    assert is_local(host) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("https://a.example/x", "https://a.example/y?z", True),
        ("https://a.example/x", "https://A.example:443/y", True),
        ("http://a.example/x", "http://a.example:80/", True),
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://a.example:444/x", False),
        ("https://a.example/x", "https://b.example/x", False),
        ("https://a.example/x", "https://a.example.b.example/x", False),
    ],
)
def test_the_same_server(one, other, expected):
    assert is_same_host(one, other) == expected
    assert is_same_host(other, one) == expected


def test_a_server_that_a_registry_sends_to_keeps_the_scheme_of_its_url():
    assert endpoint_of_url("http://quay.io/x", {"quay.io": INSECURE}).is_plain
    found = endpoint_of_url("https://quay.io/x", {"quay.io": INSECURE})
    assert (found.is_plain, found.verifies, found.may_fall_back) == (False, False, False)
    assert endpoint_of_url("https://cdn.example/x", {"quay.io": INSECURE}).verifies


@pytest.mark.parametrize(
    ("host", "scheme", "address", "has_port"),
    [
        ("quay.io", "https", ("quay.io", 443), False),
        ("quay.io", "http", ("quay.io", 80), False),
        ("quay.io:5000", "https", ("quay.io", 5000), True),
        ("[::1]:5000", "http", ("::1", 5000), True),
    ],
)
def test_addresses(host, scheme, address, has_port):
    found = Endpoint(scheme=scheme, host=host)

    assert (found.address, found.has_port) == (address, has_port)


def test_without_tls_there_is_nothing_to_fall_back_to():
    found = endpoint("https", "localhost:5000", HostRules()).without_tls

    assert (found.scheme, found.may_fall_back) == ("http", False)


@given(st.text(alphabet=":/@[]?#.a1- é\n", max_size=20))
def test_any_text_is_a_url_or_refused(text):
    for check in (check_mirror_url, lambda url: endpoint_of_url(url, {})):
        with contextlib.suppress(InvalidUrl):
            check(text)
    if is_host(text):
        assert endpoints(text, {})
