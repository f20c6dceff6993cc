"""`kubesim serve --pull`: images that no fixture holds come from a registry, beside a world that goes on."""

from __future__ import annotations

import base64
import json
import threading

import grpc
import pytest

from kubesim.cri import api, methods
from tests.images.real_image import BUSYBOX, push_busybox
from tests.images.registry_server import digest_of, registry_server

USER, PASSWORD = "me", "s3cret"


@pytest.fixture
def registry():
    with registry_server() as found:
        yield found


class Client:
    """Calls of the CRI on a served socket."""

    def __init__(self, address):
        self._channel = grpc.insecure_channel(address)
        self._pods = 0

    def close(self):
        self._channel.close()

    def call(self, method, request, timeout=60):
        call = self._channel.unary_unary(method.full_name)
        return method.response_type.FromString(call(request.SerializeToString(), timeout=timeout))

    def pull(self, image, timeout=60, **auth):
        request = api.PullImageRequest(image=api.ImageSpec(image=image), auth=api.AuthConfig(**auth))
        return self.call(methods.PULL_IMAGE, request, timeout).image_ref

    def start_pull(self, image):
        """A call that is going on; cancel it."""
        request = api.PullImageRequest(image=api.ImageSpec(image=image))
        call = self._channel.unary_unary(methods.PULL_IMAGE.full_name)
        return call.future(request.SerializeToString(), timeout=120)

    def refusal(self, image, **options):
        with pytest.raises(grpc.RpcError) as caught:
            self.pull(image, **options)
        return caught.value

    def status(self, image):
        return self.call(methods.IMAGE_STATUS, api.ImageStatusRequest(image=api.ImageSpec(image=image))).image

    def sandbox(self):
        self._pods += 1
        metadata = api.PodSandboxMetadata(name=f"pod-{id(self)}-{self._pods}", uid=str(self._pods), namespace="default")
        config = api.PodSandboxConfig(metadata=metadata)
        request = api.RunPodSandboxRequest(config=config)
        return self.call(methods.RUN_POD_SANDBOX, request).pod_sandbox_id, config

    def output_of(self, image, *command):
        """What a command prints in a container of the image."""
        sandbox_id, sandbox = self.sandbox()
        config = api.ContainerConfig(
            metadata=api.ContainerMetadata(name="main"),
            image=api.ImageSpec(image=image),
            command=["sleep", "600"],
            linux=api.LinuxContainerConfig(),
        )
        request = api.CreateContainerRequest(pod_sandbox_id=sandbox_id, config=config, sandbox_config=sandbox)
        container_id = self.call(methods.CREATE_CONTAINER, request).container_id
        self.call(methods.START_CONTAINER, api.StartContainerRequest(container_id=container_id))
        done = self.call(methods.EXEC_SYNC, api.ExecSyncRequest(container_id=container_id, cmd=command, timeout=10))
        assert done.exit_code == 0, done.stderr
        return done.stdout


@pytest.fixture
def client(serve):
    """Starts a server with these arguments and returns its client."""
    started = []

    def start(*arguments):
        server = serve("--pull", *arguments)
        assert "kubesim serves" in server.greeting, server.greeting
        started.append(Client(server.address))
        started[-1].server = server
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(autouse=True)
def no_logins_of_this_machine(monkeypatch, folder):
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "docker"))
    return folder / "docker"


def test_an_image_is_pulled_and_its_files_are_read(client, registry):
    push_busybox(registry, "team/app", "v1", files={"/etc/hello": b"from the registry\n"}, user="1000")
    name = f"{registry.host}/team/app:v1"
    node = client()

    image_ref = node.pull(name)

    image = node.status(name)
    assert image.id == image_ref
    assert list(image.repo_tags) == [name]
    assert image.uid.value == 1000
    assert node.output_of(image_ref, "cat", "/etc/hello") == b"from the registry\n"
    assert node.output_of(image_ref, "id", "-u") == b"1000\n"


def test_a_tag_that_moves_is_resolved_anew_and_a_fixture_wins(client, registry):
    push_busybox(registry, "app", "v1", files={"/n": b"1"})
    node = client()
    first = node.pull(f"{registry.host}/app:v1")
    push_busybox(registry, "app", "v1", files={"/n": b"2"})

    second = node.pull(f"{registry.host}/app:v1")

    assert first != second
    assert node.status(f"{registry.host}/app:v1").id == second
    before = len(registry.asked)
    assert node.pull(BUSYBOX)
    assert len(registry.asked) == before


def test_the_world_goes_on_while_a_pull_waits_and_a_client_that_goes_leaves_nothing(client, registry, folder):
    push_busybox(registry, "app", "v1")
    asked, end = threading.Event(), threading.Event()

    def hang(handler):
        asked.set()
        end.wait(60)

    registry.behave("/blobs/", hang)
    node = client("--state-dir", str(folder / "state"))
    pulling = node.start_pull(f"{registry.host}/app:v1")
    try:
        assert asked.wait(60)
        assert node.call(methods.VERSION, api.VersionRequest()).runtime_name == "containerd"
        assert not node.call(methods.LIST_CONTAINERS, api.ListContainersRequest()).containers
        assert node.output_of(node.pull(BUSYBOX), "echo", "alive") == b"alive\n"
        assert not pulling.done()
        pulling.cancel()
        assert not node.status(f"{registry.host}/app:v1").id
        assert node.server.stop()[0] == 0
    finally:
        end.set()
    assert [one for one in (folder / "state" / "node.images").rglob("*") if one.is_file()] == []


def test_a_server_that_stops_does_not_wait_for_a_registry(client, registry):
    push_busybox(registry, "app", "v1")
    asked, end = threading.Event(), threading.Event()

    def hang(handler):
        asked.set()
        end.wait(60)

    registry.behave("/manifests/", hang)
    node = client()
    pulling = node.start_pull(f"{registry.host}/app:v1")
    try:
        assert asked.wait(60)
        assert node.server.stop()[0] == 0
    finally:
        end.set()
        pulling.cancel()


class TestRestart:
    def test_what_was_pulled_is_there_without_the_registry(self, client, folder):
        with registry_server() as registry:
            push_busybox(registry, "app", "v1", files={"/etc/hello": b"still here\n"})
            name = f"{registry.host}/app:v1"
            node = client("--state-dir", str(folder / "state"))
            image_ref = node.pull(name)
            node.server.stop()

        node = client("--state-dir", str(folder / "state"))

        assert node.status(name).id == image_ref
        assert node.output_of(image_ref, "cat", "/etc/hello") == b"still here\n"

    def test_what_no_image_needs_is_swept(self, client, registry, folder):
        push_busybox(registry, "app", "v1", files={"/n": b"1"})
        other = push_busybox(registry, "other", "v1", files={"/n": b"2"})
        node = client("--state-dir", str(folder / "state"))
        first = node.pull(f"{registry.host}/app:v1")
        node.pull(f"{registry.host}/other:v1")
        request = api.RemoveImageRequest(image=api.ImageSpec(image=f"{registry.host}/other:v1"))
        node.call(methods.REMOVE_IMAGE, request)
        blobs = folder / "state" / "node.images" / "blobs" / "sha256"
        before = {one.name for one in blobs.iterdir()}
        node.server.stop()

        node = client("--state-dir", str(folder / "state"))

        assert digest_of(other).partition(":")[2] in before
        after = {one.name for one in blobs.iterdir()}
        assert digest_of(other).partition(":")[2] not in after
        assert node.output_of(first, "cat", "/n") == b"1"

    def test_without_pull_the_state_says_what_is_missing(self, client, serve, registry, folder):
        push_busybox(registry, "app", "v1")
        node = client("--state-dir", str(folder / "state"))
        node.pull(f"{registry.host}/app:v1")
        node.server.stop()

        server = serve("--state-dir", str(folder / "state"))

        assert "is in no fixture; give the same --images and --pull as before" in server.greeting


class TestLogins:
    def test_the_login_of_the_request(self, client, registry):
        registry.basic = (USER, PASSWORD)
        push_busybox(registry, "app", "v1")
        node = client()

        assert node.pull(f"{registry.host}/app:v1", username=USER, password=PASSWORD)
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        assert node.pull(f"{registry.host}/app:v1", auth=auth)
        refusal = node.refusal(f"{registry.host}/app:v1", username=USER, password="wrong")
        assert "401 Unauthorized" in refusal.details()

    def test_the_login_of_config_json_where_the_request_has_none(self, client, registry, no_logins_of_this_machine):
        registry.basic = (USER, PASSWORD)
        push_busybox(registry, "app", "v1")
        no_logins_of_this_machine.mkdir()
        auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (no_logins_of_this_machine / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))

        assert client().pull(f"{registry.host}/app:v1")


def test_settings(client, registry, folder):
    push_busybox(registry, "library/mine", "latest")
    (folder / "registries.yaml").write_text(json.dumps({"registries": {"docker.io": {"mirrors": [registry.url]}}}))

    assert client("--registries", str(folder / "registries.yaml")).pull("mine")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--registries", "nowhere.yaml"],
            "kubesim: --registries: says how images are pulled, but none are; add --pull",
        ),
        (["--pull", "--registries", "nowhere.yaml"], "kubesim: nowhere.yaml: no such file"),
    ],
)
def test_bad_options(serve, arguments, said):
    server = serve(*arguments)

    assert server.greeting.startswith(said)
    assert server.process.wait(10) == 2


def test_nothing_is_asked_of_registries_without_pull(serve, registry):
    push_busybox(registry, "app", "v1")
    client = Client(serve().address)

    assert client.refusal(f"{registry.host}/app:v1").code() == grpc.StatusCode.NOT_FOUND
    assert registry.asked == []
    client.close()
