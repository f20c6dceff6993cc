"""Redirections: where they lead, and who is told what on the way."""

import pytest

from kubesim.images.registry.settings import RegistrySettings
from kubesim.policy.docker_cli_config import DockerConfig, HostLogin

from .registry_pulls import LAYER, LAYER_PATH, puller_of
from .registry_server import registry_server


@pytest.fixture
def registry():
    with registry_server() as found:
        found.push("app", "v1", [LAYER])
        yield found


@pytest.fixture
def puller(registry, tmp_path):
    return puller_of(registry, tmp_path)


class TestRedirections:
    @pytest.fixture
    def elsewhere(self):
        with registry_server() as found:
            yield found

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_blobs_from_elsewhere(self, registry, elsewhere, puller, status):
        registry.basic = ("me", "secret")
        registry.behave(
            LAYER_PATH, lambda handler: handler.answer(status, headers={"Location": f"{elsewhere.url}/signed?key=1"})
        )
        elsewhere.behave("/signed", lambda handler: handler.blob(LAYER))
        auths = {registry.host: HostLogin(username="me", password="secret")}

        puller(settings=RegistrySettings(config=DockerConfig(auths=auths)))

        assert puller.layer == LAYER
        assert elsewhere.asked[0].query == {"key": ["1"]}
        assert [one.authorization for one in elsewhere.asked] == [""]

    def test_on_the_same_server_the_authorization_stays(self, registry, puller):
        registry.basic = ("me", "secret")
        registry.behave(
            "/v2/app/manifests/v1", lambda handler: handler.answer(307, headers={"Location": "/v2/x/manifests/v1"})
        )
        registry.push("x", "v1", [LAYER])
        auths = {registry.host: HostLogin(username="me", password="secret")}

        puller(settings=RegistrySettings(config=DockerConfig(auths=auths)))

        assert puller.layer == LAYER

    def test_a_transfer_that_goes_on_elsewhere_asks_for_the_rest_only(self, registry, elsewhere, puller):
        registry.behave(
            LAYER_PATH, lambda handler: handler.answer(307, headers={"Location": f"{elsewhere.url}/signed"})
        )

        def break_off(handler):
            handler.answer(200, LAYER[:1000], length=len(LAYER))
            handler.close_connection = True

        elsewhere.behave("/signed", break_off, times=1)
        elsewhere.behave("/signed", lambda handler: handler.blob(LAYER))

        puller()

        assert [one.headers.get("Range") for one in elsewhere.asked] == [None, "bytes=1000-"]

    def test_a_loop(self, registry, puller):
        registry.behave(LAYER_PATH, lambda handler: handler.answer(307, headers={"Location": handler.path}))

        error = puller.refusal()

        assert error.failure.kind == "redirects"
        assert "redirected more than 10 times" in str(error)

    @pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "http://a b/", "//"])
    def test_to_what_is_no_server(self, registry, puller, location):
        registry.behave(LAYER_PATH, lambda handler: handler.answer(307, headers={"Location": location}))

        assert puller.refusal().failure.kind == "redirects"

    def test_an_elsewhere_that_wants_a_login_gets_none(self, registry, elsewhere, puller):
        registry.behave(
            LAYER_PATH, lambda handler: handler.answer(307, headers={"Location": f"{elsewhere.url}/signed"})
        )
        elsewhere.basic = ("me", "secret")
        auths = {elsewhere.host: HostLogin(username="me", password="secret")}

        error = puller.refusal(settings=RegistrySettings(config=DockerConfig(auths=auths)))

        assert error.failure.answer.status == 401
        assert {one.authorization for one in elsewhere.asked} == {""}
