"""The refusals by which a client tells runtimes apart: each row for containerd and for CRI-O.

A row is one situation. Where the runtimes differ in kind, one of them answers OK, and the row says with what. Refusals
that need a deadline, a race, a node without addresses or another version are in the files of their RPCs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import PullBehaviour, PullError

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
BUSYBOX, APP = "registry.example/busybox:1", "registry.example/app:1"
DOWN = "registry.example/down:1"
UUID = "123e4567-e89b-12d3-a456-426614174000"
ID = "[0-9a-f]{64}"


class Situation:
    """A node with a pod and containers in each state, and what else a row needs."""

    def __init__(self, new_node: Any, new_image: Any, profile: str) -> None:
        down = PullBehaviour(error=PullError(kind="registry-unavailable"))
        images = (
            new_image(BUSYBOX),
            new_image(APP, marker="app"),
            new_image(DOWN, marker="down", is_present=False, pull=down),
        )
        self.node = new_node(profile, images=images)
        self.cri = self.node.cri
        self.pod = self.node.run_pod()
        self.made = self.node.create(self.pod, self.node.container_config("sleep", "1000", name="made"))
        self.runs = self.node.start(self.pod, "sleep", "1000", name="runs")
        self.ended = self.node.start(self.pod, "true", name="ended")
        self.stopped_pod = self.node.run_pod(self.node.pod_config("stopped"))
        self.node.stop_pod(self.stopped_pod)
        self.node.advance(1)

    def fill(self, pattern: str) -> str:
        """The pattern with this situation's ids in it; everything else stands for itself, but ID and RE."""
        facts = {name: getattr(self, name) for name in ("pod", "made", "runs", "ended", "stopped_pod")}
        parts = [re.escape(part) for part in re.split("(<ID>|<ANY>)", pattern.format_map({**facts, "uuid": UUID}))]
        return "".join({"<ID>": ID, "<ANY>": ".*"}.get(part, part) for part in parts)

    # -- calls ----------------------------------------------------------------------------------------------------

    def run_pod(self, **fields: Any) -> Any:
        handler = fields.pop("handler", "")
        config = self.node.pod_config(**fields)
        return self.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=config, runtime_handler=handler))

    def create(self, pod: str, *command: str, **fields: Any) -> Any:
        return self.node.creating(pod, self.node.container_config(*(command or ("true",)), **fields))

    def pod_status(self, pod: str) -> Any:
        return self.cri.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod))

    def pod_stats(self, pod: str) -> Any:
        return self.cri.pod_sandbox_stats(api.PodSandboxStatsRequest(pod_sandbox_id=pod))

    def port_forward(self, pod: str) -> Any:
        self.node.runtime._daemon.streaming_url = "http://127.0.0.1:40000"
        return self.cri.port_forward(api.PortForwardRequest(pod_sandbox_id=pod, port=[80]))

    def status(self, ctr: str) -> Any:
        return self.cri.container_status(api.ContainerStatusRequest(container_id=ctr))

    def stats(self, ctr: str) -> Any:
        return self.cri.container_stats(api.ContainerStatsRequest(container_id=ctr))

    def update(self, ctr: str) -> Any:
        linux = api.LinuxContainerResources(cpu_shares=512)
        return self.cri.update_container_resources(api.UpdateContainerResourcesRequest(container_id=ctr, linux=linux))

    def reopen(self, ctr: str) -> Any:
        return self.cri.reopen_container_log(api.ReopenContainerLogRequest(container_id=ctr))

    def exec(self, ctr: str, **streams: bool) -> Any:
        self.node.runtime._daemon.streaming_url = "http://127.0.0.1:40000"
        return self.cri.exec(api.ExecRequest(container_id=ctr, cmd=["sh"], **streams))

    def start_the_missing_program(self) -> Any:
        """CRI-O never gets to the start: it notices in CreateContainer."""
        creating = self.create(self.pod, "foo", name="missing")
        if self.node.runtime.profile.name.startswith("cri-o"):
            return creating
        return self.node.starting(self.node.do(creating).container_id)


@dataclass(frozen=True)
class Says:
    """An answer: a code and the whole message; or OK, and what to look at in the response."""

    code: Code | None
    message: str = ""
    look: Callable[[Situation, Any], bool] = lambda situation, response: True


def ok(look: Callable[[Situation, Any], bool] = lambda situation, response: True) -> Says:
    return Says(None, look=look)


UNKNOWN, NOT_FOUND, INVALID = Code.UNKNOWN, Code.NOT_FOUND, Code.INVALID_ARGUMENT
NO_POD = "PodSandbox with ID starting with {uuid} not found: ID does not exist"
NO_CTR = "container with ID starting with {uuid} not found: ID does not exist"

ROWS: dict[str, tuple[Callable[[Situation], Any], Says, Says]] = {
    "RunPodSandbox duplicate": (
        lambda at: at.run_pod(),
        Says(
            UNKNOWN,
            'failed to reserve sandbox name "pod_ns_uid-pod_0": name "pod_ns_uid-pod_0" is reserved for "{pod}"',
        ),
        ok(lambda at, response: response.pod_sandbox_id == at.pod),
    ),
    "RunPodSandbox duplicate of a stopped one": (
        lambda at: at.run_pod(name="stopped"),
        Says(
            UNKNOWN,
            'failed to reserve sandbox name "stopped_ns_uid-stopped_0": name "stopped_ns_uid-stopped_0" is reserved '
            'for "{stopped_pod}"',
        ),
        ok(lambda at, response: response.pod_sandbox_id == at.stopped_pod),
    ),
    "RunPodSandbox bad handler": (
        lambda at: at.run_pod(name="new", handler="X"),
        Says(UNKNOWN, 'unable to get OCI runtime for sandbox "<ID>": no runtime for "X" is configured'),
        Says(UNKNOWN, "failed to find runtime handler X from runtime list map[<ANY>]"),
    ),
    "PodSandboxStatus missing": (
        lambda at: at.pod_status(UUID),
        Says(NOT_FOUND, "an error occurred when try to find sandbox: not found"),
        Says(NOT_FOUND, 'could not find pod "{uuid}": ' + NO_POD),
    ),
    "CreateContainer missing pod": (
        lambda at: at.create(UUID),
        Says(NOT_FOUND, 'failed to find sandbox id "{uuid}": not found'),
        Says(UNKNOWN, "specified sandbox not found: {uuid}: " + NO_POD),
    ),
    "CreateContainer stopped pod": (
        lambda at: at.create(at.stopped_pod),
        Says(UNKNOWN, 'sandbox container "{stopped_pod}" is not running'),
        Says(UNKNOWN, "CreateContainer failed as the sandbox was stopped: {stopped_pod}"),
    ),
    "CreateContainer no image": (
        lambda at: at.create(at.pod, image="nope:1"),
        Says(NOT_FOUND, 'failed to resolve image "nope:1": not found'),
        Says(
            UNKNOWN,
            'reference "[overlay@/var/lib/containers/storage+/run/containers/storage]docker.io/library/nope:1" '
            "does not resolve to an image ID",
        ),
    ),
    "CreateContainer duplicate": (
        lambda at: at.create(at.pod, name="ended"),
        Says(
            UNKNOWN,
            'failed to reserve container name "ended_pod_ns_uid-pod_0"; check if another CreateContainer request is in '
            'progress: name "ended_pod_ns_uid-pod_0" is reserved for "{ended}"',
        ),
        ok(lambda at, response: response.container_id == at.ended),
    ),
    "StartContainer missing": (
        lambda at: at.node.starting(UUID),
        Says(NOT_FOUND, 'an error occurred when try to find container "{uuid}": not found'),
        Says(NOT_FOUND, 'could not find container "{uuid}": ' + NO_CTR),
    ),
    "StartContainer of one that runs": (
        lambda at: at.node.starting(at.runs),
        Says(
            UNKNOWN,
            'failed to set starting state for container "{runs}": container is in CONTAINER_RUNNING state',
        ),
        Says(UNKNOWN, "container {runs} is not in created state: running"),
    ),
    "StartContainer of one that ended": (
        lambda at: at.node.starting(at.ended),
        Says(
            UNKNOWN,
            'failed to set starting state for container "{ended}": container is in CONTAINER_EXITED state',
        ),
        Says(UNKNOWN, "container {ended} is not in created state: stopped"),
    ),
    "StartContainer exec fail": (
        Situation.start_the_missing_program,
        Says(
            UNKNOWN,
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
            'failed: unable to start container process: error during container init: exec: "foo": executable file not '
            "found in $PATH",
        ),
        Says(UNKNOWN, 'container create failed: exec: "foo": executable file not found in $PATH'),
    ),
    "ContainerStatus missing": (
        lambda at: at.status(UUID),
        Says(NOT_FOUND, 'an error occurred when try to find container "{uuid}": not found'),
        Says(NOT_FOUND, 'could not find container "{uuid}": ' + NO_CTR),
    ),
    "UpdateContainerResources missing": (
        lambda at: at.update(UUID),
        Says(NOT_FOUND, "failed to find container: not found"),
        Says(UNKNOWN, NO_CTR),
    ),
    "UpdateContainerResources of one that ended": (
        lambda at: at.update(at.ended),
        ok(lambda at, response: at.node.status(at.ended).resources.linux.cpu_shares == 512),
        Says(UNKNOWN, "container {ended} is not running or created state: stopped"),
    ),
    "ReopenContainerLog missing": (
        lambda at: at.reopen(UUID),
        Says(NOT_FOUND, 'an error occurred when try to find container "{uuid}": not found'),
        Says(UNKNOWN, "could not find container {uuid}: " + NO_CTR),
    ),
    "ReopenContainerLog not running": (
        lambda at: at.reopen(at.made),
        Says(UNKNOWN, "container is not running"),
        Says(UNKNOWN, "container is not running"),
    ),
    "ExecSync missing": (
        lambda at: at.node.execing(UUID, "true"),
        Says(
            NOT_FOUND, 'failed to exec in container: failed to find container "{uuid}" in store: not found'
        ),
        Says(NOT_FOUND, 'could not find container "{uuid}": ' + NO_CTR),
    ),
    "ExecSync not running": (
        lambda at: at.node.execing(at.ended, "true"),
        Says(UNKNOWN, "failed to exec in container: container is in CONTAINER_EXITED state"),
        Says(NOT_FOUND, "container is not created or running: <ANY>"),
    ),
    "ExecSync timeout": (
        lambda at: at.node.execing(at.runs, "sh", "-c", "echo early; sleep 5", seconds=1),
        Says(
            Code.DEADLINE_EXCEEDED, "failed to exec in container: timeout 1s exceeded: context deadline exceeded"
        ),
        ok(lambda at, r: (r.exit_code, r.stdout, r.stderr) == (-1, b"", b"command timed out")),
    ),
    "ExecSync empty command": (
        lambda at: at.node.execing(at.runs),
        Says(UNKNOWN, "failed to exec in container: failed to start exec <ANY>"),
        Says(UNKNOWN, "exec command cannot be empty"),
    ),
    "Exec missing": (
        lambda at: at.exec(UUID, stdout=True),
        Says(NOT_FOUND, 'failed to find container "{uuid}" in store: not found'),
        Says(UNKNOWN, 'could not find container "{uuid}": ' + NO_CTR),
    ),
    "Exec bad streams": (
        lambda at: at.exec(at.runs, tty=True, stderr=True),
        Says(INVALID, "tty and stderr cannot both be true"),
        # The code is that of the wrapped error: grpc-go takes it from there.
        Says(
            INVALID,
            "unable to prepare exec endpoint: rpc error: code = InvalidArgument desc = tty and stderr cannot both be "
            "true",
        ),
    ),
    "PortForward missing": (
        lambda at: at.port_forward(UUID),
        Says(NOT_FOUND, 'failed to find sandbox "{uuid}": not found'),
        ok(lambda at, response: response.url.startswith("http://")),
    ),
    "PortForward not ready": (
        lambda at: at.port_forward(at.stopped_pod),
        Says(UNKNOWN, "sandbox container is not running"),
        ok(lambda at, response: response.url.startswith("http://")),
    ),
    "ContainerStats missing": (
        lambda at: at.stats(UUID),
        Says(NOT_FOUND, "failed to find container: not found"),
        Says(UNKNOWN, NO_CTR),
    ),
    "ContainerStats stopped": (
        lambda at: at.stats(at.ended),
        Says(UNKNOWN, "unexpected metrics response: []"),
        ok(lambda at, response: not response.HasField("stats")),
    ),
    "PodSandboxStats missing": (
        lambda at: at.pod_stats(UUID),
        Says(NOT_FOUND, "an error occurred when trying to find sandbox {uuid}: not found"),
        Says(UNKNOWN, NO_POD),
    ),
    "PodSandboxStats stopped": (
        lambda at: at.pod_stats(at.stopped_pod),
        Says(
            Code.UNAVAILABLE,
            "failed to decode pod sandbox metrics {stopped_pod}: failed to get pod sandbox stats since sandbox "
            'container "{stopped_pod}" is not in ready state: unavailable',
        ),
        ok(lambda at, response: response.stats.attributes.id == at.stopped_pod),
    ),
    # "" is the beginning of every id, and there is more than one.
    "ImageStatus ambiguous": (
        lambda at: at.node.image_status(""),
        Says(UNKNOWN, 'can not resolve "" locally: ambiguous digest string'),
        Says(UNKNOWN, "no image specified"),
    ),
    "PullImage not found": (
        lambda at: at.node.pulling("registry.example/none:1"),
        Says(
            NOT_FOUND,
            'failed to pull and unpack image "registry.example/none:1": failed to resolve image: '
            "registry.example/none:1: not found",
        ),
        Says(UNKNOWN, "<ANY>reading manifest 1 in registry.example/none: manifest unknown<ANY>"),
    ),
    "PullImage refused": (
        lambda at: at.node.pulling(DOWN),
        Says(UNKNOWN, '<ANY>connect: connection refused'),
        Says(UNKNOWN, "RegistryUnavailable: <ANY>"),
    ),
    "RemoveImage in use": (
        lambda at: at.node.removing_image(at.node.image_of(BUSYBOX).id),
        ok(lambda at, response: at.node.image_of(BUSYBOX) is None),
        Says(UNKNOWN, "delete image: image used by <ID>: image is in use by a container"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
@pytest.mark.parametrize("row", ROWS)
def test_row(new_node: Any, new_image: Any, row: str, profile: str) -> None:
    at = Situation(new_node, new_image, profile)
    asking, of_containerd, of_crio = ROWS[row]
    expected = of_containerd if profile == CONTAINERD else of_crio
    if expected.code is None:
        response = at.node.do(asking(at))
        assert expected.look(at, response), response
    else:
        error = at.node.refused(asking(at))
        assert error.code is expected.code, error
        assert re.fullmatch(at.fill(expected.message), error.message), error.message


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_refusal_changes_nothing(new_node: Any, new_image: Any, profile: str) -> None:
    """Whatever was refused, lists are as before, and names are free for the next try."""
    at = Situation(new_node, new_image, profile)
    before = (at.node.pods(), at.node.containers(), at.node.images())
    for row, (asking, of_containerd, of_crio) in ROWS.items():
        expected = of_containerd if profile == CONTAINERD else of_crio
        if expected.code is None or row == "StartContainer exec fail":
            continue
        at.node.refused(asking(at))
        assert (at.node.pods(), at.node.containers(), at.node.images()) == before, row
    at.node.do(at.run_pod(name="new"))
    at.node.do(at.create(at.pod, name="new"))
