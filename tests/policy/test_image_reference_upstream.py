"""The inputs of upstream's own tests, with what upstream expects of each.

Inputs and expectations are those of distribution/reference: reference_test.go and normalize_test.go. What these test
of types that have no counterpart here (WithTag, Field, FamiliarMatch) is left out. One expectation differs: sha512 is
a known algorithm in the runtimes, which import it, and not in upstream's test.
"""

import pytest

from kubesim.policy.image_reference import InvalidReference, parse_plain_reference, parse_reference

FF = "sha256:" + "f" * 64
HEX = "1a3f5e7d9c1b3a5f7e9d1c3b5a7f9e1d3c5b7a9f1e3d5d7c9b1a3f5e7d9c1b3a"
REDIS = "sha256:dbcc1c35ac38df41fd2f5e4130b32ffdb93ebae8b3dbe638c23575912276fc9c"
NO_FORMAT = "invalid reference format"
UPPER = "repository name must be lowercase"


@pytest.mark.parametrize(
    ("text", "domain", "name", "tag", "digest"),
    [
        ("test_com", "", "test_com", "", ""),
        ("test.com:tag", "", "test.com", "tag", ""),
        ("test.com:5000", "", "test.com", "5000", ""),
        ("test.com/repo:tag", "test.com", "test.com/repo", "tag", ""),
        ("test:5000/repo", "test:5000", "test:5000/repo", "", ""),
        ("test:5000/repo:tag", "test:5000", "test:5000/repo", "tag", ""),
        (f"test:5000/repo@{FF}", "test:5000", "test:5000/repo", "", FF),
        (f"test:5000/repo:tag@{FF}", "test:5000", "test:5000/repo", "tag", FF),
        ("validname@sha512:" + "f" * 128, "", "validname", "", "sha512:" + "f" * 128),
        ("lowercase:Uppercase", "", "lowercase", "Uppercase", ""),
        ("a/" * 127 + "a:tag-puts-this-over-max", "a", "a/" * 127 + "a", "tag-puts-this-over-max", ""),
        ("sub-dom1.foo.com/bar/baz/quux", "sub-dom1.foo.com", "sub-dom1.foo.com/bar/baz/quux", "", ""),
        (
            "sub-dom1.foo.com/bar/baz/quux:some-long-tag",
            "sub-dom1.foo.com",
            "sub-dom1.foo.com/bar/baz/quux",
            "some-long-tag",
            "",
        ),
        (
            "b.gcr.io/test.example.com/my-app:test.example.com",
            "b.gcr.io",
            "b.gcr.io/test.example.com/my-app",
            "test.example.com",
            "",
        ),
        ("xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "xn--n3h.com/myimage", "xn--n3h.com", ""),
        (f"xn--7o8h.com/myimage:xn--7o8h.com@{FF}", "xn--7o8h.com", "xn--7o8h.com/myimage", "xn--7o8h.com", FF),
        ("foo_bar.com:8080", "", "foo_bar.com", "8080", ""),
        ("foo/foo_bar.com:8080", "foo", "foo/foo_bar.com", "8080", ""),
        ("192.168.1.1", "", "192.168.1.1", "", ""),
        ("192.168.1.1:tag", "", "192.168.1.1", "tag", ""),
        ("192.168.1.1:5000", "", "192.168.1.1", "5000", ""),
        ("192.168.1.1/repo", "192.168.1.1", "192.168.1.1/repo", "", ""),
        ("192.168.1.1:5000/repo", "192.168.1.1:5000", "192.168.1.1:5000/repo", "", ""),
        ("192.168.1.1:5000/repo:5050", "192.168.1.1:5000", "192.168.1.1:5000/repo", "5050", ""),
        ("[2001:db8::1]/repo", "[2001:db8::1]", "[2001:db8::1]/repo", "", ""),
        ("[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]", "[2001:db8:1:2:3:4:5:6]/repo", "tag", ""),
        ("[2001:db8::1]:5000/repo", "[2001:db8::1]:5000", "[2001:db8::1]:5000/repo", "", ""),
        ("[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000", "[2001:db8::1]:5000/repo", "tag", ""),
        (f"[2001:db8::1]:5000/repo@{FF}", "[2001:db8::1]:5000", "[2001:db8::1]:5000/repo", "", FF),
        (f"[2001:db8::1]:5000/repo:tag@{FF}", "[2001:db8::1]:5000", "[2001:db8::1]:5000/repo", "tag", FF),
        ("[2001:db8::]:5000/repo", "[2001:db8::]:5000", "[2001:db8::]:5000/repo", "", ""),
        ("[::1]:5000/repo", "[::1]:5000", "[::1]:5000/repo", "", ""),
        ("example.com/" + "a" * 255 + ":tag", "example.com", "example.com/" + "a" * 255, "tag", ""),
        # TestDomainAndPath, TestParseNamed
        ("test.com/foo", "test.com", "test.com/foo", "", ""),
        ("test_com/foo", "", "test_com/foo", "", ""),
        ("test:8080/foo", "test:8080", "test:8080/foo", "", ""),
        ("test.com:8080/foo", "test.com:8080", "test.com:8080/foo", "", ""),
        ("test-com:8080/foo", "test-com:8080", "test-com:8080/foo", "", ""),
        ("xn--n3h.com:18080/foo", "xn--n3h.com:18080", "xn--n3h.com:18080/foo", "", ""),
        # TestSerialization
        ("example.com:8000/named", "example.com:8000", "example.com:8000/named", "", ""),
        ("example.com:8000/named:tagged", "example.com:8000", "example.com:8000/named", "tagged", ""),
    ],
)
def test_reference_parse(text, domain, name, tag, digest):
    parsed = parse_plain_reference(text)

    assert (parsed.domain, parsed.name, parsed.tag, parsed.digest) == (domain, name, tag, digest)
    assert parsed.normalised == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "repository name must have at least one component"),
        (":justtag", NO_FORMAT),
        (f"@{FF}", NO_FORMAT),
        ("repo@sha256:" + "f" * 34, "invalid checksum digest length"),
        ("validname@invaliddigest:" + "f" * 64, "unsupported digest algorithm"),
        ("Uppercase:tag", UPPER),
        ("test:5000/Uppercase/lowercase:tag", UPPER),
        ("domain/" + "a" * 256 + ":tag", "repository name must not be more than 255 characters"),
        ("aa/asdf$$^/aa", NO_FORMAT),
        ("[2001:db8::1]", NO_FORMAT),
        ("[2001:db8::1]:5000", NO_FORMAT),
        ("[2001:db8::1]:tag", NO_FORMAT),
        ("[fe80::1%eth0]:5000/repo", NO_FORMAT),
        ("[fe80::1%@invalidzone]:5000/repo", NO_FORMAT),
    ],
)
def test_reference_parse_refuses(text, message):
    with pytest.raises(InvalidReference) as error:
        parse_plain_reference(text)

    assert str(error.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "docker/docker", "library/debian", "debian", "localhost/library/debian", "localhost/debian",
        "LOCALDOMAIN/library/debian", "LOCALDOMAIN/debian", "docker.io/docker/docker", "docker.io/library/debian",
        "docker.io/debian", "index.docker.io/docker/docker", "index.docker.io/library/debian",
        "index.docker.io/debian", "127.0.0.1:5000/docker/docker", "127.0.0.1:5000/library/debian",
        "127.0.0.1:5000/debian", "192.168.0.1", "192.168.0.1:80", "192.168.0.1:8/debian", "192.168.0.2:25000/debian",
        "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev",
        "[fc00::1]:5000/docker", "[fc00::1]:5000/docker/docker", "[fc00:1:2:3:4:5:6:7]:5000/library/debian",
        f"docker.io/{HEX}", "Docker/docker", "DOCKER/docker",
        "docker-rules/docker", "docker---rules/docker", "doc/docker", "d/docker", "jess/t", "dock__er/docker",
    ],
)  # fmt: skip
def test_names_that_are_valid(text):
    assert parse_reference(text).tag != ""


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/docker/docker", "docker/Docker", "-docker", "-docker/docker",
        "-docker.io/docker/docker", "docker///docker", "docker.io/docker/Docker", "docker.io/docker///docker",
        "[fc00::1]", "[fc00::1]:5000", "fc00::1:5000/debian", "[fe80::1%eth0]:5000/debian",
        "[2001:db8:3:4::192.0.2.33]:5000/debian", HEX,
        "docker-/docker", "-docker-/docker", "____/____", "_docker/_docker", "dock..er/docker", "dock_.er/docker",
        "dock-.er/docker", "docker/", "-foo",
        "this_is_not_a_valid_namespace_because_its_lenth_is_greater_than_255_" * 4 + "/docker",
    ],
)  # fmt: skip
def test_names_that_are_not(text):
    with pytest.raises(InvalidReference):
        parse_reference(text)


@pytest.mark.parametrize(
    ("path", "familiar", "name", "ambiguous", "domain"),
    [
        ("fooo", "localhost/fooo", "localhost/fooo", "localhost/fooo", "localhost"),
        ("fooo/bar", "localhost/fooo/bar", "localhost/fooo/bar", "localhost/fooo/bar", "localhost"),
        ("fooo", "LOCALDOMAIN/fooo", "LOCALDOMAIN/fooo", "LOCALDOMAIN/fooo", "LOCALDOMAIN"),
        ("fooo/bar", "LOCALDOMAIN/fooo/bar", "LOCALDOMAIN/fooo/bar", "LOCALDOMAIN/fooo/bar", "LOCALDOMAIN"),
        ("fooo/bar", "fooo/bar", "docker.io/fooo/bar", "index.docker.io/fooo/bar", "docker.io"),
        ("library/ubuntu", "ubuntu", "docker.io/library/ubuntu", "library/ubuntu", "docker.io"),
        ("nonlibrary/ubuntu", "nonlibrary/ubuntu", "docker.io/nonlibrary/ubuntu", "", "docker.io"),
        ("other/library", "other/library", "docker.io/other/library", "", "docker.io"),
        ("private/moonbase", "127.0.0.1:8000/private/moonbase", "127.0.0.1:8000/private/moonbase", "", ""),
        ("privatebase", "127.0.0.1:8000/privatebase", "127.0.0.1:8000/privatebase", "", ""),
        ("private/moonbase", "example.com/private/moonbase", "example.com/private/moonbase", "", ""),
        ("privatebase", "example.com/privatebase", "example.com/privatebase", "", ""),
        ("private/moonbase", "example.com:8000/private/moonbase", "example.com:8000/private/moonbase", "", ""),
        ("privatebasee", "example.com:8000/privatebasee", "example.com:8000/privatebasee", "", ""),
        (
            "library/ubuntu-12.04-base",
            "ubuntu-12.04-base",
            "docker.io/library/ubuntu-12.04-base",
            "index.docker.io/library/ubuntu-12.04-base",
            "docker.io",
        ),
        ("library/foo", "foo", "docker.io/library/foo", "docker.io/foo", "docker.io"),
        ("library/foo/bar", "library/foo/bar", "docker.io/library/foo/bar", "", "docker.io"),
        ("store/foo/bar", "store/foo/bar", "docker.io/store/foo/bar", "", "docker.io"),
        ("bar", "Foo/bar", "Foo/bar", "", "Foo"),
        ("bar", "FOO/bar", "FOO/bar", "", "FOO"),
    ],
)
def test_repository_info(path, familiar, name, ambiguous, domain):
    for text in filter(None, (familiar, name, ambiguous)):
        parsed = parse_reference(text)
        assert (parsed.path, parsed.name, parsed.familiar) == (path, name, f"{familiar}:latest"), text
        assert parsed.domain == (domain or name.removesuffix(f"/{path}")), text


@pytest.mark.parametrize(
    ("text", "domain", "path"),
    [
        ("test.com/foo", "test.com", "foo"),
        ("docker/migrator", "docker.io", "docker/migrator"),
        ("test_com/foo", "docker.io", "test_com/foo"),
        ("test.com:8080/foo", "test.com:8080", "foo"),
        ("test-com:8080/foo", "test-com:8080", "foo"),
        ("foo", "docker.io", "library/foo"),
        ("xn--n3h.com/foo", "xn--n3h.com", "foo"),
        ("xn--n3h.com:18080/foo", "xn--n3h.com:18080", "foo"),
        ("docker.io/foo", "docker.io", "library/foo"),
        ("docker.io/library/foo", "docker.io", "library/foo"),
        ("docker.io/library/foo/bar", "docker.io", "library/foo/bar"),
        # TestParseAnyReference
        ("redis", "docker.io", "library/redis"),
        ("redis:latest", "docker.io", "library/redis"),
        ("docker.io/library/redis:latest", "docker.io", "library/redis"),
        (f"redis@{REDIS}", "docker.io", "library/redis"),
        (f"docker.io/library/redis@{REDIS}", "docker.io", "library/redis"),
        ("dmcgowan/myapp", "docker.io", "dmcgowan/myapp"),
        ("dmcgowan/myapp:latest", "docker.io", "dmcgowan/myapp"),
        ("docker.io/mcgowan/myapp:latest", "docker.io", "mcgowan/myapp"),
        (f"dmcgowan/myapp@{REDIS}", "docker.io", "dmcgowan/myapp"),
        (f"docker.io/dmcgowan/myapp@{REDIS}", "docker.io", "dmcgowan/myapp"),
        (REDIS.removeprefix("sha256:")[:-1], "docker.io", "library/" + REDIS.removeprefix("sha256:")[:-1]),
        ("dbcc1", "docker.io", "library/dbcc1"),
    ],
)
def test_split_hostname(text, domain, path):
    parsed = parse_reference(text)

    assert (parsed.domain, parsed.path) == (domain, path)
    assert parsed.digest == (REDIS if "@" in text else "")


BUSYBOX = "sha256:e6693c20186f837fc393390135d8a598a96a833917917789d63766cab6c59582"


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:latest", "docker.io/library/busybox:latest"),
        (f"busybox@{BUSYBOX}", f"docker.io/library/busybox@{BUSYBOX}"),
        ("library/busybox", "docker.io/library/busybox:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("docker.io/library/busybox", "docker.io/library/busybox:latest"),
        ("docker.io/busybox:latest", "docker.io/library/busybox:latest"),
        ("library/busybox:latest", "docker.io/library/busybox:latest"),
        ("docker.io/library/busybox:latest", "docker.io/library/busybox:latest"),
        ("gcr.io/library/busybox", "gcr.io/library/busybox:latest"),
        (f"gcr.io/library/busybox:latest@{BUSYBOX}", f"gcr.io/library/busybox@{BUSYBOX}"),
    ],
)
def test_parse_docker_ref(text, normalised):
    assert parse_reference(text).normalised == normalised
    assert parse_plain_reference(normalised).normalised == normalised
