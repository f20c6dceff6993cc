"""The settings file and config.json: what is read, and what each mistake is called."""

import base64
import json

import pytest

from kubesim.errors import InputError
from kubesim.images.registry.settings import load_docker_config, load_registry_settings
from kubesim.policy.docker_cli_config import DockerConfig, HostLogin
from kubesim.policy.registry_endpoints import HostRules

from .registry_server import server_tls


def auth(text):
    return base64.b64encode(text.encode()).decode()


class TestSettingsFile:
    @pytest.fixture
    def load(self, tmp_path):
        def load(text):
            path = tmp_path / "registries.yaml"
            path.write_text(text)
            return load_registry_settings(path)

        return load

    @pytest.fixture
    def mistake(self, load, tmp_path):
        def mistake(text):
            with pytest.raises(InputError) as caught:
                load(text)
            return str(caught.value).removeprefix(f"{tmp_path}/")

        return mistake

    def test_all_of_it(self, load, tmp_path):
        _, pem = server_tls(tmp_path)

        found = load(
            """
registries:
  docker.io: {mirrors: ["http://127.0.0.1:5000", "https://mirror.example/proxy"]}
  registry.example:5000: {insecure: true}
  127.0.0.1:5000: {caFile: registry.pem}
"""
        )

        assert found == {
            "docker.io": HostRules(mirrors=("http://127.0.0.1:5000", "https://mirror.example/proxy")),
            "registry.example:5000": HostRules(is_insecure=True),
            "127.0.0.1:5000": HostRules(ca_file=str(pem)),
        }

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("registries:\n  docker.io:\n    mirror: [x]\n", "registries.yaml:3:5: $.registries['docker.io']: unknown"),
            ("registry: {}\n", "registries.yaml:1:1: "),
            ("registries: []\n", "registries.yaml:1:13: $.registries: "),
            (
                "registries:\n  docker.io:\n    mirrors: [mirror.example]\n",
                "registries.yaml:3:15: $.registries['docker.io'].mirrors[0]: 'mirror.example' is no mirror: it has no",
            ),
            (
                "registries:\n  https://docker.io: {}\n",
                "registries.yaml:2:3: $.registries: 'https://docker.io' is no host",
            ),
            ("registries:\n  a: {insecure: 'true'}\n", "registries.yaml:2:"),
            ("registries:\n  a.b: {}\n  a.b: {}\n", "registries.yaml:3:3"),
            (
                "registries:\n  a.b: {caFile: nowhere.pem}\n",
                "registries.yaml:2:17: $.registries['a.b'].caFile: ",
            ),
            ("registries:\n  a.b: {caFile: registries.yaml}\n", "registries.yaml:2:17: $.registries['a.b'].caFile: "),
            (
                "registries:\n  a.b: {caFile: x.pem, insecure: true}\n",
                "registries.yaml:2:17: $.registries['a.b'].caFile: certificates of an insecure registry",
            ),
            ("", "registries.yaml: the file holds no document"),
        ],
    )
    def test_mistakes(self, mistake, text, said):
        assert mistake(text).startswith(said)

    def test_no_such_file(self, tmp_path):
        with pytest.raises(InputError) as caught:
            load_registry_settings(tmp_path / "nowhere.yaml")

        assert "no such file" in str(caught.value)

    def test_what_is_no_file(self, tmp_path):
        with pytest.raises(InputError, match="cannot be read: Is a directory"):
            load_registry_settings(tmp_path)


class TestDockerConfig:
    @pytest.fixture
    def load(self, tmp_path):
        def load(value):
            path = tmp_path / "config.json"
            path.write_text(value if isinstance(value, str) else json.dumps(value))
            return load_docker_config(path)

        return load

    def test_no_such_file_means_no_logins(self, tmp_path):
        assert load_docker_config(tmp_path / "config.json") == DockerConfig()

    def test_all_of_it(self, load):
        found = load(
            {
                "auths": {
                    "https://index.docker.io/v1/": {"auth": auth("me:pass:word")},
                    "quay.io": {"username": "you", "password": "p"},
                    "ghcr.io": {"auth": auth("00000000:"), "identitytoken": "token"},
                    "a.b": {"registrytoken": "bearer"},
                    "stored.example": {},
                },
                "credHelpers": {"gcr.io": "gcloud"},
                "credsStore": "desktop",
                "HttpHeaders": {"User-Agent": "x"},
                "detachKeys": "ctrl-a",
            }
        )

        assert found == DockerConfig(
            auths={
                "https://index.docker.io/v1/": HostLogin(username="me", password="pass:word"),
                "quay.io": HostLogin(username="you", password="p"),
                "ghcr.io": HostLogin(identity_token="token"),
                "a.b": HostLogin(registry_token="bearer"),
                "stored.example": HostLogin(),
            },
            cred_helpers={"gcr.io": "gcloud"},
            creds_store="desktop",
        )

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("{\n  secret", "config.json:2: it is not JSON"),
            ("\xff", "it is not JSON"),
            ([], "$: it is no object"),
            ({"auths": []}, "$.auths: it is no object"),
            ({"auths": {"a": 1}}, "$.auths['a']: it is no object"),
            ({"auths": {"a": {"auth": 1}}}, "$.auths['a'].auth: it is no text of one line"),
            ({"auths": {"a": {"auth": "secret!"}}}, "$.auths['a'].auth: it is not base64 of text"),
            ({"auths": {"a": {"auth": auth("secret")}}}, "$.auths['a'].auth: there is no user name in it"),
            ({"auths": {"a": {"auth": auth(":secret")}}}, "$.auths['a'].auth: there is no user name in it"),
            (
                {"auths": {"a": {"registrytoken": "secret\nX: y"}}},
                "$.auths['a'].registrytoken: it is no text of one line",
            ),
            ({"credHelpers": {"a": 1}}, "$.credHelpers['a']: it is no text of one line"),
            ({"credsStore": ["x"]}, "$.credsStore: it is no text of one line"),
            (" " * 2**20 + "{}", "it has more than 1048576 bytes"),
        ],
    )
    def test_mistakes_are_named_and_secrets_are_not(self, load, value, said):
        with pytest.raises(InputError) as caught:
            load(value)

        assert said in str(caught.value)
        assert "secret" not in str(caught.value)
