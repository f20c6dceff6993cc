"""Image references: upstream's grammar and normalisation."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.image_reference import (
    InvalidDigest,
    InvalidReference,
    Reference,
    check_digest,
    parse_plain_reference,
    parse_reference,
)

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "normalised", "familiar"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("user/app", "docker.io/user/app:latest", "user/app:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("localhost", "docker.io/library/localhost:latest", "localhost:latest"),
        ("myhost/app", "docker.io/myhost/app:latest", "myhost/app:latest"),
        ("my.host/app", "my.host/app:latest", "my.host/app:latest"),
        ("MyHost/app", "MyHost/app:latest", "MyHost/app:latest"),
        ("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest", "[2001:db8::1]:5000/app:latest"),
        ("127.0.0.1/app", "127.0.0.1/app:latest", "127.0.0.1/app:latest"),
        ("index.docker.io/library/x", "docker.io/library/x:latest", "x:latest"),
        ("index.docker.io/x", "docker.io/library/x:latest", "x:latest"),
        ("docker.io/x", "docker.io/library/x:latest", "x:latest"),
        ("foo_bar.com/x", "foo_bar.com/x:latest", "foo_bar.com/x:latest"),
        (f"quay.io/a/b@{DIGEST}", f"quay.io/a/b@{DIGEST}", f"quay.io/a/b@{DIGEST}"),
        (f"quay.io/a/b:t@{DIGEST}", f"quay.io/a/b@{DIGEST}", f"quay.io/a/b@{DIGEST}"),
        (f"x@{DIGEST}", f"docker.io/library/x@{DIGEST}", f"x@{DIGEST}"),
        (DIGEST, f"docker.io/library/sha256:{HEX}", f"sha256:{HEX}"),
        ("a--b/c__d.e_f:T_a.g-1", "docker.io/a--b/c__d.e_f:T_a.g-1", "a--b/c__d.e_f:T_a.g-1"),
    ],
)
def test_normalised(text, normalised, familiar):
    reference = parse_reference(text)

    assert (reference.normalised, reference.familiar) == (normalised, familiar)
    assert parse_reference(normalised) == reference


def test_the_parts_of_a_reference():
    assert parse_reference("quay.io/a/b:t") == Reference(domain="quay.io", path="a/b", tag="t")
    assert parse_reference("quay.io/a/b:t").name == "quay.io/a/b"
    assert parse_reference("foo_bar.com/x").domain == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid reference format"),
        (":", "invalid reference format"),
        ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
        ("quay.io/A/b:t", "invalid reference format: repository name (A/b) must be lowercase"),
        (f"x@SHA256:{HEX}", "invalid reference format: repository name (library/x@SHA256) must be lowercase"),
        ("Foo_bar.com/x", "repository name must be lowercase"),
        ("a b", "invalid reference format"),
        ("x:tag:tag", "invalid reference format"),
        ("x:" + "t" * 129, "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("a-/b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("https://quay.io/a", "invalid reference format"),
        ("x:täg", "invalid reference format"),
        ("x\n", "invalid reference format"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        (f"x@sha256:{HEX[1:]}", "invalid checksum digest length"),
        (f"x@sha256:{'g' * 64}", "invalid reference format"),
        (f"x@sha256:{HEX.upper()}", "invalid checksum digest format"),
        (f"x@md5:{HEX[:32]}", "unsupported digest algorithm"),
        ("a" * 256, "repository name must not be more than 255 characters"),
    ],
)
def test_refused(text, message):
    with pytest.raises(InvalidReference) as error:
        parse_reference(text)

    assert str(error.value) == message


def test_without_normalisation_nothing_is_added():
    assert parse_plain_reference("a/b") == Reference(domain="a", path="b")
    assert parse_plain_reference("b:1") == Reference(domain="", path="b", tag="1")
    assert parse_plain_reference(f"b:1@{DIGEST}") == Reference(domain="", path="b", tag="1", digest=DIGEST)
    with pytest.raises(InvalidReference, match=r"^repository name must have at least one component$"):
        parse_plain_reference("")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid checksum digest format"),
        ("sha256:", "invalid checksum digest format"),
        (":" + HEX, "invalid checksum digest format"),
        (HEX, "invalid checksum digest format"),
        ("sha256:abc", "invalid checksum digest length"),
        ("sha512:" + HEX, "invalid checksum digest length"),
        (f"sha256:{'g' * 64}", "invalid checksum digest format"),
        ("md5:abc", "unsupported digest algorithm"),
        ("sha256+b64:abc", "unsupported digest algorithm"),
        ("MD5:abc", "invalid checksum digest format"),
        ("quay.io/a:tag", "invalid checksum digest format"),
    ],
)
def test_no_digest(text, message):
    with pytest.raises(InvalidDigest) as error:
        check_digest(text)

    assert str(error.value) == message


def test_digests():
    check_digest(DIGEST)
    check_digest("sha512:" + HEX * 2)


# regexp.go as it stands there, which backtracks where ours does not.
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_UPSTREAM_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?"
_PATH_PART = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_UPSTREAM = re.compile(
    rf"((?:{_UPSTREAM_DOMAIN}/)?{_PATH_PART}(?:/{_PATH_PART})*)(?::([\w][\w.-]{{0,127}}))?"
    r"(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*[:][0-9A-Fa-f]{32,}))?",
    re.ASCII,
)


@given(st.text(alphabet="aB0._-:/@[]", max_size=24))
def test_the_grammar_is_upstreams(text):
    match = _UPSTREAM.fullmatch(text)
    try:
        parsed = parse_plain_reference(text)
    except InvalidReference:
        assert match is None
        return

    assert match is not None
    assert (parsed.name, parsed.tag) == (match[1], match[2] or "")


def test_a_huge_name_is_refused_at_once():
    with pytest.raises(InvalidReference):
        parse_reference("a" * 1_000_000 + "!")
    with pytest.raises(InvalidReference):
        parse_reference("a.b-" * 100_000 + "/!")
