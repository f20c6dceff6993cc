"""Which logins the kubelet tries for an image. The answers are those of upstream's keyring for the same entries."""

import pytest

from kubesim.policy.docker_config import DockerLogin
from kubesim.policy.image_keyring import ImageKeyring, SecretSource


def keyring(*secrets: dict[str, str]) -> ImageKeyring:
    """Each secret is a table of locations and user names."""
    ring = ImageKeyring()
    for index, entries in enumerate(secrets):
        source = SecretSource(uid=str(index), namespace="default", name=f"s{index}")
        ring.add(source, [DockerLogin(location=where, username=who) for where, who in entries.items()])
    return ring


def users(repository: str, *secrets: dict[str, str]) -> list[str]:
    return [login.username for login in keyring(*secrets).lookup(repository)]


@pytest.mark.parametrize(
    ("location", "repository", "matches"),
    [
        ("quay.io", "quay.io/coreos/etcd", True),
        ("https://quay.io", "quay.io/coreos/etcd", True),
        ("http://quay.io/", "quay.io/coreos/etcd", True),
        ("https://quay.io/v1/", "quay.io/coreos/etcd", True),
        ("quay.io/v2/", "quay.io/coreos/etcd", True),
        ("quay.io/v2", "quay.io/coreos/etcd", False),  # only with the slash
        ("quay.io/v2/coreos", "quay.io/coreos/etcd", True),
        ("quay.io/coreos", "quay.io/coreos/etcd", True),
        ("quay.io/coreos", "quay.io/coreos-dev/etcd", True),  # text, not path elements
        ("quay.io/coreos/", "quay.io/coreos-dev/etcd", False),
        ("quay.io/other", "quay.io/coreos/etcd", False),
        ("io", "quay.io/coreos/etcd", False),
        ("*.io", "quay.io/coreos/etcd", True),
        ("q*y.io", "quay.io/coreos/etcd", True),
        ("*", "quay.io/coreos/etcd", False),  # a star stands for one part of the host
        ("*.*", "quay.io/coreos/etcd", True),
        ("*.quay.io", "quay.io/coreos/etcd", False),
        ("quay.io:443", "quay.io/coreos/etcd", False),
        ("quay.io:", "quay.io/coreos/etcd", True),
        ("reg.example:5000", "reg.example:5000/x", True),
        ("*.example:5000", "reg.example:5000/x", True),
        ("reg.example:*", "reg.example:5000/x", False),  # no pattern in ports: this is no URL
        ("reg.example", "reg.example:5000/x", False),
        ("user:pass@quay.io", "quay.io/x", True),
        ("us er@quay.io", "quay.io/x", False),
        ("quay.io?x=1#y", "quay.io/x", True),
        ("quay.io/%63oreos", "quay.io/coreos/etcd", True),
        ("quay.io/%zz", "quay.io/coreos/etcd", False),
        ("quay.io#%zz", "quay.io/x", False),
        ("quay.io/\x01", "quay.io/x", False),
        ("qu ay.io", "quay.io/x", False),
        ("[::1]", "quay.io/x", False),
        ("[::1]:5000", "quay.io/x", False),
        ("[::1]", "localhost/x", False),
        ("[::1", "quay.io/x", False),
        ("[quay].io", "quay.io/x", False),
        ("localhost", "localhost/x", True),
        ("", "quay.io/x", False),
    ],
)
def test_locations(location, repository, matches):
    assert users(repository, {location: "u"}) == (["u"] if matches else [])


def test_the_more_specific_location_comes_first():
    secret = {"quay.io": "all", "quay.io/coreos/etcd": "etcd", "*.io": "glob", "quay.io/coreos": "coreos"}
    assert users("quay.io/coreos/etcd", secret) == ["etcd", "coreos", "all", "glob"]
    assert users("quay.io/x", secret) == ["all", "glob"]


def test_logins_of_one_location_come_in_the_order_of_the_secrets():
    assert users("quay.io/x", {"quay.io": "old"}, {"https://quay.io": "new"}) == ["old", "new"]


@pytest.mark.parametrize("location", ["index.docker.io", "https://index.docker.io/v1/", "https://index.docker.io/v2/"])
@pytest.mark.parametrize("repository", ["docker.io/library/busybox", "docker.io/a/b", "busybox", "a/b"])
def test_the_default_registry_by_its_old_name(location, repository):
    assert users(repository, {location: "u"}) == ["u"]


def test_the_default_registry_is_the_last_resort():
    assert users("docker.io/library/busybox", {"https://index.docker.io/v1/": "old", "docker.io": "new"}) == ["new"]
    assert users("quay.io/x", {"https://index.docker.io/v1/": "old"}) == []
    assert users("/x", {"https://index.docker.io/v1/": "old"}) == []
    assert users("docker.io/library/busybox", {"https://index.docker.io/v1/x": "old"}) == []


def test_a_login_knows_its_secret():
    (login,) = keyring({"quay.io": "u"}).lookup("quay.io/x")
    assert login.source == SecretSource(uid="0", namespace="default", name="s0")
