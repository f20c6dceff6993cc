"""Mirrors: who is asked first, and what becomes of one that cannot."""

import pytest

from kubesim.images.registry.settings import RegistrySettings
from kubesim.policy.docker_cli_config import DockerConfig, HostLogin
from kubesim.policy.registry_endpoints import HostRules

from .registry_pulls import LAYER, puller_of
from .registry_server import OCI_MANIFEST, free_port, registry_server


@pytest.fixture
def registry():
    with registry_server() as found:
        yield found


@pytest.fixture
def puller(registry, tmp_path):
    return puller_of(registry, tmp_path)


def test_the_docker_hub_is_asked_by_its_own_host_and_a_mirror_is_told_whose_repository_is_meant(registry, puller):
    registry.push("library/busybox", "latest")
    settings = RegistrySettings(hosts={"docker.io": HostRules(mirrors=(registry.url,))})

    puller("busybox", settings=settings)

    assert registry.paths()[0] == "/v2/library/busybox/manifests/latest"
    assert registry.asked[0].query == {"ns": ["docker.io"]}


class TestMirrors:
    def test_a_mirror_that_fails_is_passed_over_without_waiting(self, registry, puller):
        registry.push("app", "v1", [LAYER])
        with registry_server() as mirror:
            mirror.behave("/", lambda handler: handler.error(503, "X", "out of order"))
            rules = {registry.host: HostRules(mirrors=(f"http://127.0.0.1:{free_port()}", mirror.url))}

            puller(f"{registry.host}/app:v1", settings=RegistrySettings(hosts=rules))

            assert len(mirror.asked) == 3  # the manifest, the config and the layer
        assert puller.waits == []

    def test_a_mirror_that_has_part_of_it(self, registry, puller):
        manifest = registry.push("app", "v1", [LAYER])
        with registry_server() as mirror:
            mirror.put("app", "v1", manifest, OCI_MANIFEST)
            rules = {registry.host: HostRules(mirrors=(f"{mirror.url}/v2/",))}

            puller(f"{registry.host}/app:v1", settings=RegistrySettings(hosts=rules))

        assert all("/blobs/" in path for path in registry.paths())

    def test_all_fail_and_all_are_named(self, registry, puller):
        with registry_server() as mirror:
            mirror.behave("/", lambda handler: handler.error(500, "X", "out of order"))
            rules = {registry.host: HostRules(mirrors=(mirror.url,))}

            error = puller.refusal(f"{registry.host}/app:v1", settings=RegistrySettings(hosts=rules))

        assert error.failure.kind == "not-found"
        assert "404 Not Found: manifest unknown; mirror: " in str(error)
        assert "500 Internal Server Error: out of order" in str(error)

    def test_the_login_of_the_registry_is_not_told_to_its_mirror(self, registry, puller):
        registry.basic = ("me", "secret")
        registry.push("app", "v1")
        with registry_server() as mirror:
            mirror.basic = ("you", "other")
            settings = RegistrySettings(
                hosts={registry.host: HostRules(mirrors=(mirror.url,))},
                config=DockerConfig(auths={registry.host: HostLogin(username="me", password="secret")}),
            )

            puller(f"{registry.host}/app:v1", settings=settings)

            assert {one.authorization for one in mirror.asked} == {""}
