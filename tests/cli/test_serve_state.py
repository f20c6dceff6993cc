"""`kubesim serve --state-dir`: whatever was answered is there after kill -9, and what was removed stays away."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.message import Message

from kubesim.cri import api, methods
from kubesim.cri.methods import Method
from kubesim.kernel.ids import Prng

Serve = Callable[..., Any]

WORKERS = 4
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
PULLED = "registry.k8s.io/e2e-test-images/echoserver:2.3"
OWN_PIDS = api.LinuxPodSandboxConfig(
    security_context=api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(pid=api.CONTAINER))
)


@dataclass(kw_only=True)
class Known:
    """What the answers say of one object: the states it may be in."""

    name: str
    pod: str = ""
    """The id of a container's pod."""
    may_be: set[str]

    def is_(self, state: str) -> bool:
        return self.may_be == {state}


@dataclass
class Model:
    """What the answers say of the node."""

    pods: dict[str, Known] = field(default_factory=dict)
    containers: dict[str, Known] = field(default_factory=dict)
    asked_names: set[str] = field(default_factory=set)
    """Names of objects whose creation was asked for and not answered."""
    image: set[bool] = field(default_factory=lambda: {False})
    """Whether the image may be there that comes and goes."""
    answers: int = 0


class Client:
    """Asks a server for this and that, and notes each answer, until the server is killed."""

    def __init__(self, channel: grpc.aio.Channel, model: Model, prng: Prng, round_: int) -> None:
        self._channel = channel
        self.model = model
        self._prng = prng
        self._round = round_
        self._names = 0
        self.on_answer: Callable[[], object] = lambda: None

    async def ask(self, method: Method, request: Message) -> Any:
        call = self._channel.unary_unary(method.full_name)
        data = await call(request.SerializeToString(), timeout=60, wait_for_ready=False)
        self.model.answers += 1
        return method.response_type.FromString(data)

    async def change(self, known: list[tuple[Known, str]], method: Method, request: Message) -> None:
        """Make a call that brings objects into these states; until it is answered they may be there or not."""
        before = [(it, set(it.may_be)) for it, _ in known]
        for it, state in known:
            it.may_be.add(state)
        try:
            await self.ask(method, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNKNOWN:  # a refusal is an answer: nothing happened
                for it, states in before:
                    it.may_be = states
            raise
        for it, state in known:
            it.may_be = {state}
        self.on_answer()

    async def make(self, kind: str, method: Method, request: Message, name: str, pod: str = "") -> None:
        self.model.asked_names.add(name)
        answer = await self.ask(method, request)
        self.model.asked_names.discard(name)
        if kind == "pod":
            self.model.pods[answer.pod_sandbox_id] = Known(name=name, may_be={"ready"})
        else:
            self.model.containers[answer.container_id] = Known(name=name, pod=pod, may_be={"created"})
        self.on_answer()

    def new_name(self, worker: int) -> str:
        self._names += 1
        return f"r{self._round}-w{worker}-{self._names}"

    async def work(self, worker: int) -> None:
        """Do one thing after another, each pod and its containers in one hand."""
        while True:
            try:
                await self.step(worker)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNKNOWN:
                    return

    async def step(self, worker: int) -> None:
        model, below = self.model, self._prng.below
        mine = [
            id_
            for id_, pod in model.pods.items()
            if pod.name.split("-")[1] == f"w{worker}" and "gone" not in pod.may_be
        ]
        pod = mine[below(len(mine))] if mine and below(4) else ""
        if not pod:
            name = self.new_name(worker)
            await self.make("pod", methods.RUN_POD_SANDBOX, api.RunPodSandboxRequest(config=pod_config(name)), name)
            return
        inside = [(id_, it) for id_, it in model.containers.items() if it.pod == pod and "gone" not in it.may_be]
        deed = below(12)
        if deed == 0:
            known = [(model.pods[pod], "notready"), *((it, "exited") for _, it in inside if it.is_("running"))]
            await self.change(known, methods.STOP_POD_SANDBOX, api.StopPodSandboxRequest(pod_sandbox_id=pod))
        elif deed == 1:
            known = [(model.pods[pod], "gone"), *((it, "gone") for _, it in inside)]
            await self.change(known, methods.REMOVE_POD_SANDBOX, api.RemovePodSandboxRequest(pod_sandbox_id=pod))
        elif deed == 2 and worker == 0:
            await self.pull_or_remove()
        elif deed < 6 and model.pods[pod].is_("ready"):
            await self.create(worker, pod)
        elif inside:
            await self.change_container(*inside[below(len(inside))])

    async def create(self, worker: int, pod: str) -> None:
        name = self.new_name(worker)
        config = api.ContainerConfig(
            metadata=api.ContainerMetadata(name=name), image=api.ImageSpec(image=BUSYBOX), command=["sleep", "3600"]
        )
        request = api.CreateContainerRequest(
            pod_sandbox_id=pod, config=config, sandbox_config=pod_config(self.model.pods[pod].name)
        )
        await self.make("container", methods.CREATE_CONTAINER, request, name, pod)

    async def change_container(self, id_: str, it: Known) -> None:
        if it.is_("created") and self.model.pods[it.pod].is_("ready"):
            await self.change([(it, "running")], methods.START_CONTAINER, api.StartContainerRequest(container_id=id_))
        elif it.is_("running") and self._prng.below(2):
            request = api.StopContainerRequest(container_id=id_)
            await self.change([(it, "exited")], methods.STOP_CONTAINER, request)
        else:
            await self.change([(it, "gone")], methods.REMOVE_CONTAINER, api.RemoveContainerRequest(container_id=id_))

    async def pull_or_remove(self) -> None:
        image, pulls = api.ImageSpec(image=PULLED), self.model.image == {False}
        self.model.image.add(pulls)
        if pulls:
            await self.ask(methods.PULL_IMAGE, api.PullImageRequest(image=image))
        else:
            await self.ask(methods.REMOVE_IMAGE, api.RemoveImageRequest(image=image))
        self.model.image = {pulls}
        self.on_answer()


def pod_config(name: str) -> api.PodSandboxConfig:
    metadata = api.PodSandboxMetadata(name=name, uid=name, namespace="ns")
    return api.PodSandboxConfig(metadata=metadata, labels={"name": name}, linux=OWN_PIDS)


async def compare(client: Client, profile: str) -> None:
    """Look at everything, compare it with what the answers said, and learn what became of the unanswered calls."""
    model = client.model
    pods = (await client.ask(methods.LIST_POD_SANDBOX, api.ListPodSandboxRequest())).items
    containers = (await client.ask(methods.LIST_CONTAINERS, api.ListContainersRequest())).containers
    shown = {row.id: row for row in pods}
    for id_, pod in model.pods.items():
        assert (id_ in shown) or "gone" in pod.may_be, f"pod {pod.name} was answered and is lost"
        if id_ not in shown:
            pod.may_be = {"gone"}
            continue
        assert pod.may_be != {"gone"}, f"pod {pod.name} was removed and is back"
        assert dict(shown[id_].labels)["name"] == pod.name
        is_ready = shown[id_].state == api.SANDBOX_READY
        assert not (is_ready and pod.may_be.isdisjoint({"ready"})), f"pod {pod.name} was stopped and is ready"
        assert profile == "cri-o-1.36" or not is_ready
        assert profile != "cri-o-1.36" or is_ready or "notready" in pod.may_be or "gone" in pod.may_be
        pod.may_be = {"ready" if is_ready else "notready"}
    for row in pods:
        if row.id not in model.pods:
            assert row.metadata.name in model.asked_names, f"nobody asked for pod {row.metadata.name}"
            state = "ready" if row.state == api.SANDBOX_READY else "notready"
            model.pods[row.id] = Known(name=row.metadata.name, may_be={state})
    await compare_containers(client, containers, profile)
    images = (await client.ask(methods.LIST_IMAGES, api.ListImagesRequest())).images
    is_there = any(PULLED in image.repo_tags for image in images)
    assert is_there in model.image
    assert any(BUSYBOX in image.repo_tags for image in images)
    model.image = {is_there}
    model.asked_names.clear()


async def compare_containers(client: Client, rows: list[api.Container], profile: str) -> None:
    model = client.model
    shown = {row.id: row for row in rows}
    for id_, it in model.containers.items():
        assert (id_ in shown) or "gone" in it.may_be, f"container {it.name} was answered and is lost"
        if id_ not in shown:
            it.may_be = {"gone"}
            continue
        assert it.may_be != {"gone"}, f"container {it.name} was removed and is back"
        request = api.ContainerStatusRequest(container_id=id_)
        status = (await client.ask(methods.CONTAINER_STATUS, request)).status
        allowed = {end for state in it.may_be for end in ENDS[profile][state]}
        found = (api.ContainerState.Name(status.state), status.exit_code)
        assert found in allowed, (it.name, it.may_be, found)
        it.may_be = {"created" if status.state == api.CONTAINER_CREATED else "exited"}
    for row in rows:
        if row.id not in model.containers:
            assert row.metadata.name in model.asked_names, f"nobody asked for container {row.metadata.name}"
            state = "created" if row.state == api.CONTAINER_CREATED else "exited"
            model.containers[row.id] = Known(name=row.metadata.name, pod=row.pod_sandbox_id, may_be={state})


CREATED, KILLED, LOST = ("CONTAINER_CREATED", 0), ("CONTAINER_EXITED", 137), ("CONTAINER_EXITED", 255)
TERMINATED = ("CONTAINER_EXITED", 143)
ENDS = {
    "containerd-2.3": {"created": {CREATED}, "running": {LOST}, "exited": {KILLED, LOST}, "gone": {KILLED, LOST}},
    "cri-o-1.36": {
        "created": {LOST, KILLED},
        "running": {LOST},
        "exited": {KILLED, TERMINATED, LOST},
        "gone": {KILLED, TERMINATED, LOST},
    },
}
"""State and exit code after a restart, by what the answers said. What was to be removed may have been stopped only; and
CRI-O's StopPodSandbox ends what was only created."""


@pytest.mark.parametrize(
    ("profile", "seed"), [("containerd-2.3", 1), ("containerd-2.3", 2), ("cri-o-1.36", 3), ("cri-o-1.36", 4)]
)
def test_what_was_answered_survives_kill_9(serve: Serve, folder: Path, profile: str, seed: int) -> None:
    prng, model = Prng(seed), Model()
    options = ("--profile", profile, "--state-dir", "state")
    for round_ in range(4):
        server = serve(*options)
        asyncio.run(fire_and_kill(server, model, prng, round_, profile))
        assert server.process.wait(timeout=20) == -signal.SIGKILL
    asyncio.run(look(serve(*options), model, prng, profile))

    assert model.answers > 100
    assert any(pod.is_("gone") for pod in model.pods.values())
    assert any(not pod.is_("gone") for pod in model.pods.values())


async def look(server: Any, model: Model, prng: Prng, profile: str) -> None:
    async with grpc.aio.insecure_channel(server.address.replace("unix://", "unix:")) as channel:
        await compare(Client(channel, model, prng, 0), profile)


async def fire_and_kill(server: Any, model: Model, prng: Prng, round_: int, profile: str) -> None:
    """Compare, then call from several sides until the server is killed at some answer."""
    async with grpc.aio.insecure_channel(server.address.replace("unix://", "unix:")) as channel:
        client = Client(channel, model, prng, round_)
        if round_ == 0:
            await client.ask(methods.PULL_IMAGE, api.PullImageRequest(image=api.ImageSpec(image=BUSYBOX)))
        await compare(client, profile)
        kill_at = 20 + prng.below(100)
        answers = 0

        def on_answer() -> None:
            nonlocal answers
            answers += 1
            if answers == kill_at:
                server.process.kill()

        client.on_answer = on_answer
        await asyncio.gather(*(client.work(worker) for worker in range(WORKERS)))
        assert answers >= kill_at


# -- without a kill -----------------------------------------------------------------------------------------


def crictl_like(server: Any, method: Method, request: Message) -> Any:
    with grpc.insecure_channel(server.address.replace("unix://", "unix:")) as channel:
        call = channel.unary_unary(method.full_name)
        return method.response_type.FromString(call(request.SerializeToString(), timeout=20))


def test_without_a_state_dir_nothing_is_written(serve: Serve, folder: Path) -> None:
    server = serve()
    request = api.RunPodSandboxRequest(config=pod_config("a"))
    crictl_like(server, methods.RUN_POD_SANDBOX, request)
    assert sorted(path.name for path in folder.rglob("*")) == ["k.sock", "k.sock.lock"]
    assert server.stop() == (0, "")

    server = serve()
    assert list(crictl_like(server, methods.LIST_POD_SANDBOX, api.ListPodSandboxRequest()).items) == []
    assert list(folder.rglob("*.sqlite*")) == []


def test_a_server_that_is_told_to_stop_keeps_its_state(serve: Serve, folder: Path) -> None:
    server = serve("--state-dir", "state")
    pod = crictl_like(server, methods.RUN_POD_SANDBOX, api.RunPodSandboxRequest(config=pod_config("a")))
    assert server.stop() == (0, "")
    assert [path.name for path in (folder / "state").iterdir()] == ["node.sqlite"]
    assert (folder / "state").stat().st_mode & 0o777 == 0o700

    again = serve("--state-dir", "state")
    rows = crictl_like(again, methods.LIST_POD_SANDBOX, api.ListPodSandboxRequest()).items
    assert [(row.id, row.state) for row in rows] == [(pod.pod_sandbox_id, api.SANDBOX_NOTREADY)]


def test_an_end_that_no_call_asked_for_is_kept(serve: Serve, folder: Path) -> None:
    server = serve("--state-dir", "state")
    crictl_like(server, methods.PULL_IMAGE, api.PullImageRequest(image=api.ImageSpec(image=BUSYBOX)))
    pod = crictl_like(server, methods.RUN_POD_SANDBOX, api.RunPodSandboxRequest(config=pod_config("a"))).pod_sandbox_id
    config = api.ContainerConfig(
        metadata=api.ContainerMetadata(name="c"), image=api.ImageSpec(image=BUSYBOX), command=["sh", "-c", "exit 7"]
    )
    request = api.CreateContainerRequest(pod_sandbox_id=pod, config=config, sandbox_config=pod_config("a"))
    container = crictl_like(server, methods.CREATE_CONTAINER, request).container_id
    crictl_like(server, methods.START_CONTAINER, api.StartContainerRequest(container_id=container))
    # The first answer that shows the end: it must outlive the server.
    asked = api.ContainerStatusRequest(container_id=container)
    while (status := crictl_like(server, methods.CONTAINER_STATUS, asked).status).state != api.CONTAINER_EXITED:
        assert status.state == api.CONTAINER_RUNNING
    server.process.kill()
    server.process.wait(timeout=20)

    assert crictl_like(serve("--state-dir", "state"), methods.CONTAINER_STATUS, asked).status == status
    assert status.exit_code == 7


def test_a_second_server_on_the_same_state_is_refused(serve: Serve, folder: Path) -> None:
    server = serve("--state-dir", "state")
    done = subprocess.run(
        [*server.process.args[:4], "--socket", f"unix://{folder}/other.sock", "--state-dir", "state"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "kubesim: state/node.sqlite: another process has it open; "
        "stop the `kubesim serve` with this --state-dir, or name another\n"
    )
    assert server.stop() == (0, "")


def test_each_node_has_a_file_of_its_own(folder: Path) -> None:
    nodes = [f"--node={name}=unix://{folder}/{name}.sock" for name in ("a", "b")]
    command = [sys.executable, "-m", "kubesim", "serve", *nodes, "--state-dir", "state"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    assert process.stdout is not None
    assert [process.stdout.readline().split()[2] for _ in nodes] == ["a", "b"]
    process.terminate()
    assert process.communicate(timeout=20)[0] == ""

    assert sorted(path.name for path in (folder / "state").iterdir()) == ["a.sqlite", "b.sqlite"]
