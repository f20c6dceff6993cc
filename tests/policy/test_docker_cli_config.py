"""Which entry of config.json is for which registry."""

import pytest

from kubesim.policy.docker_cli_config import NO_LOGIN, DockerConfig, HostLogin, config_login

ONE, TWO, THREE = (HostLogin(username=name, password="p") for name in ("one", "two", "three"))


@pytest.mark.parametrize(
    "key",
    [
        "https://index.docker.io/v1/",
        "https://index.docker.io/v1",
        "index.docker.io",
        "docker.io",
        "registry-1.docker.io",
        "https://registry-1.docker.io/v2/",
        "docker.io/library",
        "docker.io/library/busybox",
    ],
)
@pytest.mark.parametrize("host", ["docker.io", "registry-1.docker.io"])
def test_the_names_of_docker_hub(key, host):
    assert config_login(DockerConfig(auths={key: ONE}), host, "library/busybox") is ONE


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("registry.example:5000", True),
        ("https://registry.example:5000", True),
        ("http://registry.example:5000/", True),
        ("http://registry.example:5000/v2/", True),
        ("registry.example:5000/team", True),
        ("registry.example:5000/team/app", True),
        ("registry.example:5000/team/app/more", False),
        ("registry.example:5000/te", False),
        ("registry.example", False),
        ("registry.example:5001", False),
        ("other.example", False),
        ("", False),
    ],
)
def test_hosts_and_paths(key, expected):
    found = config_login(DockerConfig(auths={key: ONE}), "registry.example:5000", "team/app")

    assert found is (ONE if expected else NO_LOGIN)


def test_the_longest_match_wins():
    auths = {"quay.io/a": TWO, "quay.io": ONE, "quay.io/a/b": THREE}
    config = DockerConfig(auths=auths)

    assert config_login(config, "quay.io", "x") is ONE
    assert config_login(config, "quay.io", "a/c") is TWO
    assert config_login(config, "quay.io", "a/b/c") is THREE


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io"])
def test_a_helper_is_not_run_and_its_host_gets_no_login(key):
    config = DockerConfig(auths={"docker.io": ONE}, cred_helpers={"quay.io": "quay", key: "desktop"})

    found = config_login(config, "registry-1.docker.io", "library/busybox")

    assert found.is_empty
    assert found.unusable == "credHelpers has docker-credential-desktop for docker.io, and kubesim starts no programs"
    assert config_login(config, "ghcr.io", "x") is NO_LOGIN


def test_a_store_is_not_asked():
    config = DockerConfig(auths={"quay.io": HostLogin(), "ghcr.io": ONE}, creds_store="osxkeychain")

    assert config_login(config, "quay.io", "x").unusable == (
        "credsStore keeps the login for quay.io with docker-credential-osxkeychain, and kubesim starts no programs"
    )
    assert config_login(config, "ghcr.io", "x") is ONE
    assert config_login(config, "docker.io", "x") is NO_LOGIN


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (HostLogin(), True),
        (HostLogin(password="p"), True),
        (HostLogin(username="u"), False),
        (HostLogin(identity_token="t"), False),
        (HostLogin(registry_token="t"), False),
    ],
)
def test_whether_there_is_anything_to_present(login, expected):
    assert login.is_empty == expected
