"""Pulls from Debian's docker-registry, of images that skopeo has pushed there: what a registry and a client of others
make of the same rules. Skipped where the two programs are not installed."""

import base64
import contextlib
import datetime as dt
import gzip
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from kubesim.images.blobs.directory import BlobDirectory
from kubesim.images.registry.errors import RegistryError
from kubesim.images.registry.pull import PullOptions, pull
from kubesim.images.registry.settings import RegistrySettings
from kubesim.policy.docker_cli_config import DockerConfig, HostLogin
from kubesim.policy.image_platform import Platform
from kubesim.policy.image_reference import parse_reference
from kubesim.policy.registry_endpoints import HostRules

from .registry_server import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    as_json,
    descriptor,
    digest_of,
    free_port,
    registry_server,
    server_tls,
)

PROGRAMS = ("docker-registry", "skopeo")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, PROGRAMS)), reason=f"needs the Debian packages {' and '.join(PROGRAMS)}"
)

USER, PASSWORD = "me", "s3cret"
HTPASSWD = "me:$2b$04$KpB4y3E2or7bDUFD7OsLNeFU7cEAzaDH92HUtwyZCd15mekRUJODG\n"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
PLATFORMS = (
    {"os": "linux", "architecture": "amd64"},
    {"os": "linux", "architecture": "arm64", "variant": "v8"},
    {"os": "linux", "architecture": "arm", "variant": "v7"},
)
LAYERS = [gzip.compress(os.urandom(100_000), mtime=0) for _ in PLATFORMS]
READY_SECONDS = 20


class Registry:
    """A running docker-registry."""

    def __init__(self, host, *, tls_verify=False, login=""):
        self.host = host
        self._options = [f"--dest-tls-verify={str(tls_verify).lower()}", *(["--dest-creds", login] if login else [])]

    def push(self, layout, name, *options):
        """Push an image of an OCI layout under the same tag."""
        tag = name.rpartition(":")[2]
        command = ["skopeo", "--insecure-policy", "copy", *options, *self._options]
        subprocess.run(
            [*command, f"oci:{layout}:{tag}", f"docker://{self.host}/{name}"],
            check=True,
            capture_output=True,
            timeout=120,
        )


@contextlib.contextmanager
def docker_registry(directory, **sections):
    """A docker-registry with these sections in its configuration, beside storage and address."""
    directory.mkdir(exist_ok=True)
    port = free_port()
    http = sections.pop("http", {})
    config = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}, "level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "data")}},
        "http": {"addr": f"127.0.0.1:{port}", **http},
        **sections,
    }
    file = directory / "config.yml"
    file.write_text(json.dumps(config))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(file)], stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
        )
        try:
            wait_until_it_listens(process, port, directory / "log")
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_until_it_listens(process, port, log):
    pause = threading.Event()
    for _ in range(READY_SECONDS * 20):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        pause.wait(0.05)
    raise AssertionError(f"docker-registry does not listen: {log.read_text()}")


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """An OCI layout with an image of one platform (`v1`) and one of several (`all`)."""
    path = tmp_path_factory.mktemp("layout")
    blobs = path / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def store(content, media_type, **more):
        (blobs / digest_of(content).partition(":")[2]).write_bytes(content)
        return descriptor(content, media_type, **more)

    images = []
    for platform, layer in zip(PLATFORMS, LAYERS, strict=True):
        diff_id = digest_of(gzip.decompress(layer))
        config = as_json({**platform, "rootfs": {"type": "layers", "diff_ids": [diff_id]}, "config": {"User": "app"}})
        manifest = as_json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": store(config, OCI_CONFIG),
                "layers": [store(layer, "application/vnd.oci.image.layer.v1.tar+gzip")],
            }
        )
        images.append(store(manifest, OCI_MANIFEST, platform=platform))
    several = as_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": images})
    name = "org.opencontainers.image.ref.name"
    entries = [
        {**images[0], "annotations": {name: "v1"}},
        {**store(several, OCI_INDEX), "annotations": {name: "all"}},
    ]
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (path / "index.json").write_bytes(as_json({"schemaVersion": 2, "manifests": entries}))
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory, layout):
    """A registry without TLS and login, with both images in it."""
    with docker_registry(tmp_path_factory.mktemp("plain")) as host:
        registry = Registry(host)
        registry.push(layout, "team/app:v1")
        registry.push(layout, "team/app:all", "--all")
        yield registry


@pytest.fixture
def into(tmp_path):
    return BlobDirectory(tmp_path / "store")


def fetch(text, into, **options):
    return pull(parse_reference(text), into=into, options=PullOptions(**options))


def content_of(into, digest):
    blob = into.find(digest)
    return blob.read_at(0, blob.size_bytes)


def of_layout(layout, digest):
    return Path(layout, "blobs", *digest.split(":")).read_bytes()


def test_an_image_by_tag_and_by_digest(plain, layout, into):
    found = fetch(f"{plain.host}/team/app:v1", into)

    assert found.media_type == OCI_MANIFEST
    assert content_of(into, found.digest) == of_layout(layout, found.digest)
    assert content_of(into, digest_of(LAYERS[0])) == LAYERS[0]
    assert fetch(f"{plain.host}/team/app@{found.digest}", into) == found


@pytest.mark.parametrize("number", range(len(PLATFORMS)))
def test_each_platform_of_an_index(plain, layout, into, number):
    found = fetch(f"{plain.host}/team/app:all", into, platform=Platform(**PLATFORMS[number]))

    assert found.media_type == OCI_INDEX
    assert content_of(into, found.digest) == of_layout(layout, found.digest)
    assert [into.find(digest_of(layer)) is not None for layer in LAYERS] == [one == number for one in range(3)]


def test_a_platform_that_is_not_there(plain, into):
    with pytest.raises(RegistryError) as caught:
        fetch(f"{plain.host}/team/app:all", into, platform=Platform(os="linux", architecture="s390x"))

    assert caught.value.failure.kind == "no-platform"
    assert "there is linux/amd64, linux/arm/v7, linux/arm64/v8" in str(caught.value)
    assert into.digests() == []


def test_dockers_own_media_types(plain, layout, into):
    plain.push(layout, "team/docker:v1", "--format", "v2s2")

    found = fetch(f"{plain.host}/team/docker:v1", into)

    assert found.media_type == DOCKER_MANIFEST
    assert len(into.digests()) == 3


@pytest.mark.parametrize("name", ["team/app:v2", "team/nothing:v1"])
def test_what_is_not_there(plain, into, name):
    with pytest.raises(RegistryError) as caught:
        fetch(f"{plain.host}/{name}", into)

    assert (caught.value.failure.kind, caught.value.failure.answer.status) == ("not-found", 404)
    assert caught.value.failure.answer.message == "manifest unknown"


def test_a_registry_that_has_lost_a_layer(tmp_path, layout, into):
    with docker_registry(tmp_path / "registry") as host:
        Registry(host).push(layout, "app:v1")
        digits = digest_of(LAYERS[0]).partition(":")[2]
        shutil.rmtree(tmp_path / "registry" / "data" / "docker/registry/v2/blobs/sha256" / digits[:2] / digits)
        with pytest.raises(RegistryError) as caught:
            fetch(f"{host}/app:v1", into)

    assert caught.value.failure.kind == "not-found"
    assert caught.value.step == f"blob {digest_of(LAYERS[0])}"
    assert into.digests() == []


def test_a_registry_whose_layer_was_changed(tmp_path, layout, into):
    with docker_registry(tmp_path / "registry") as host:
        Registry(host).push(layout, "app:v1")
        digits = digest_of(LAYERS[0]).partition(":")[2]
        data = tmp_path / "registry" / "data" / "docker/registry/v2/blobs/sha256" / digits[:2] / digits / "data"
        data.write_bytes(LAYERS[0][:-1] + bytes([LAYERS[0][-1] ^ 1]))
        with pytest.raises(RegistryError) as caught:
            fetch(f"{host}/app:v1", into)

    assert caught.value.failure.kind == "digest-mismatch"
    assert into.digests() == []


def test_a_registry_as_a_mirror_of_docker_hub(plain, layout, into):
    plain.push(layout, "library/app:v1")
    settings = RegistrySettings(hosts={"docker.io": HostRules(mirrors=(f"http://{plain.host}",))})

    assert fetch("app:v1", into, settings=settings).media_type == OCI_MANIFEST


def test_basic_login(tmp_path, layout, into):
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}}
    with docker_registry(tmp_path / "registry", auth=auth) as host:
        Registry(host, login=f"{USER}:{PASSWORD}").push(layout, "app:v1")

        found = fetch(f"{host}/app:v1", into, settings=settings_with(host, PASSWORD))
        with pytest.raises(RegistryError) as wrong:
            fetch(f"{host}/app:v1", into, settings=settings_with(host, "another"))
        with pytest.raises(RegistryError) as nobody:
            fetch(f"{host}/app:v1", into)

    assert found.media_type == OCI_MANIFEST
    assert (wrong.value.failure.kind, wrong.value.failure.had_login) == ("unauthorized", True)
    assert (nobody.value.failure.kind, nobody.value.failure.had_login) == ("unauthorized", False)


def test_tls(tmp_path, layout, into):
    _, pem = server_tls(tmp_path)
    tls = {"tls": {"certificate": str(pem), "key": str(tmp_path / "registry.key")}}
    with docker_registry(tmp_path / "registry", http=tls) as host:
        Registry(host).push(layout, "app:v1")

        trusting = RegistrySettings(hosts={host: HostRules(ca_file=str(pem))})
        assert fetch(f"{host}/app:v1", into, settings=trusting).media_type == OCI_MANIFEST
        assert fetch(f"{host}/app:v1", into).media_type == OCI_MANIFEST  # this machine's, so not verified


def test_bearer_tokens_that_the_registry_verifies(tmp_path, layout, into):
    """The token service is ours; whether its tokens are any good, docker-registry decides."""
    _, pem = server_tls(tmp_path)
    with registry_server() as service:
        tokens = TokenService(pem, tmp_path / "registry.key")
        service.behave("/token", tokens.answer)
        auth = {
            "token": {
                "realm": f"{service.url}/token",
                "service": "test registry",
                "issuer": "tests",
                "rootcertbundle": str(pem),
            }
        }
        with docker_registry(tmp_path / "registry", auth=auth) as host:
            Registry(host, login=f"{USER}:{PASSWORD}").push(layout, "team/app:v1")
            service.asked.clear()

            found = fetch(f"{host}/team/app:v1", into, settings=settings_with(host, PASSWORD))

            assert found.media_type == OCI_MANIFEST
            [asked] = service.asked
            assert asked.query == {"service": ["test registry"], "scope": ["repository:team/app:pull"]}
            with pytest.raises(RegistryError) as caught:
                fetch(f"{host}/team/app:v1", into, settings=settings_with(host, "another"))

    assert caught.value.failure.kind == "unauthorized"


def settings_with(host, password):
    return RegistrySettings(config=DockerConfig(auths={host: HostLogin(username=USER, password=password)}))


class TokenService:
    """Gives tokens as distribution/distribution: docs/content/spec/auth/jwt.md says."""

    def __init__(self, certificate, key):
        from cryptography.hazmat.primitives import serialization

        self._certificate = certificate.read_text()
        self._key = serialization.load_pem_private_key(key.read_bytes(), None)

    def answer(self, handler):
        from .registry_server import basic

        asked = handler.registry.asked[-1]
        if asked.authorization != basic(USER, PASSWORD):
            handler.error(401, "UNAUTHORIZED", "who are you")
            return
        token = self._token(asked.query.get("scope", []))
        handler.answer(200, as_json({"token": token}), {"Content-Type": "application/json"})

    def _token(self, scopes):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        der = "".join(line for line in self._certificate.splitlines() if "-----" not in line)
        now = int(dt.datetime.now(dt.UTC).timestamp())
        access = [
            {"type": kind, "name": name, "actions": actions.split(",")}
            for kind, name, actions in (scope.split(":") for scope in scopes)
        ]
        claims = {
            "iss": "tests", "sub": USER, "aud": "test registry", "jti": "1",
            "nbf": now - 60, "iat": now, "exp": now + 600, "access": access,
        }  # fmt: skip
        signed = ".".join(part(one) for one in ({"typ": "JWT", "alg": "ES256", "x5c": [der]}, claims))
        r, s = utils.decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{url_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def part(value):
    return url_base64(as_json(value))


def url_base64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
