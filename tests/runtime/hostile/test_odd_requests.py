"""Whatever a client sends: an answer or a refusal, never a bug; and the runtime works on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kubesim.cri import Code, CriError, api
from kubesim.cri.methods import METHODS
from kubesim.kernel import Cancelled
from kubesim.middleware.journal import Journal
from kubesim.runtime.timings import Timings

PROFILES = ["containerd-2.3", "cri-o-1.36", "containerd-1.6", "ideal"]
CHANGING = (
    "RunPodSandbox", "StopPodSandbox", "RemovePodSandbox", "CreateContainer", "StartContainer", "StopContainer",
    "RemoveContainer", "UpdateContainerResources", "UpdatePodSandboxResources", "ExecSync", "ReopenContainerLog",
    "PullImage", "RemoveImage", "UpdateRuntimeConfig", "CheckpointContainer", "GetContainerEvents",
)  # fmt: skip
PATIENCE_SECONDS = 3_600
"""Virtual time after which a call that has not been answered is given up, as a client would."""

MESSAGES_READ = 5
"""What is read of a stream; the events have no end."""


class Client:
    """Asks a runtime for odd things, through a journal, and remembers the ids it gets."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.lines: list[str] = []
        self.cri = Journal(
            node.runtime, node.kernel, sink=lambda entry: self.lines.append(json.dumps(entry.as_dict())), entries_max=0
        )
        pod = node.run_pod()
        created = node.create(pod, node.container_config("sleep", "9"))
        started = node.start(pod, "sleep", "1000", name="two")
        self.ids: dict[str, list[str]] = {"pod": [pod], "container": [created, started]}

    async def _ask(self, call: Any) -> Any:
        request = call.request(self.ids)
        if not call.method.server_streaming:
            return await self.cri.call(call.method, request)
        stream: Any = self.cri.stream(call.method, request)
        read = 0
        async for message in stream:
            message.SerializeToString()
            read += 1
            if read == MESSAGES_READ:
                break
        await stream.aclose()
        return None

    def ask(self, call: Any, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Ask, give up when it takes too long, and look at what came: an answer, or a refusal with a code."""
        node = self.node
        task = node.spawn(self._ask(call))
        end_ns = node.kernel.now_ns + int(patience_seconds * 1e9)
        node.kernel.run_until(end_ns, goal=lambda: task.is_done, events_max=200_000)
        if not task.is_done:
            task.cancel()
            node.advance(0)
            assert task.is_done, "a call that is cancelled ends"
        if isinstance(task.error, CriError):
            assert task.error.code not in (Code.OK, Code.INTERNAL), task.error
            assert "Traceback" not in task.error.message
            assert task.error.message.encode(), "text that can go over the wire"
        elif task.error is not None:
            assert isinstance(task.error, Cancelled), repr(task.error)
        else:
            self.learn(task.result())

    def learn(self, response: Any) -> None:
        """The answer can go over the wire, and its id can be used."""
        if response is None:
            return
        response.SerializeToString()
        for kind, field in (("pod", "pod_sandbox_id"), ("container", "container_id")):
            if field in response.DESCRIPTOR.fields_by_name and (found := getattr(response, field)):
                self.ids[kind].append(found)

    def check_lists(self) -> None:
        """The runtime answers, and all its objects can be looked at."""
        node = self.node
        assert node.do(node.cri.version(api.VersionRequest())).version
        for pod in node.pods():
            assert node.pod_status(pod.id).id == pod.id
        for container in node.containers():
            assert node.status(container.id).id == container.id

    def check_removal(self) -> None:
        """Everything can be removed, and then nothing of it is left."""
        node = self.node
        for pod in node.pods():
            node.remove_pod(pod.id)
        assert node.pods() == node.containers() == []
        node.advance(PATIENCE_SECONDS)
        daemon = node.runtime._daemon
        assert len(daemon.sandbox_names) == len(daemon.container_names) == 0
        assert daemon.processes.processes() == []
        assert node.runtime._calls == {}


@pytest.mark.parametrize("name", METHODS)
def test_every_rpc_answers_or_refuses(
    name: str, odd_calls: Any, fields_count: Callable[[str], int], new_node_for_properties: Callable[..., Any]
) -> None:
    @settings(max_examples=20 + fields_count(name), suppress_health_check=list(HealthCheck))
    @given(call=odd_calls([name]), profile=st.sampled_from(PROFILES))
    def check(call: Any, profile: str) -> None:
        client = Client(new_node_for_properties(profile))
        client.ask(call)
        client.check_lists()
        client.check_removal()

    check()


def test_whatever_follows_whatever(odd_calls: Any, new_node_for_properties: Callable[..., Any]) -> None:
    class Story(RuleBasedStateMachine):
        """Odd requests one after the other, some given up early, with the ids that were given out mixed in."""

        @initialize(profile=st.sampled_from(PROFILES), is_slow=st.booleans())
        def begin(self, profile: str, is_slow: bool) -> None:
            timings = Timings.measured() if is_slow else None
            self.client = Client(new_node_for_properties(profile, timings=timings))

        @rule(call=odd_calls(CHANGING), patience_seconds=st.sampled_from([0, 0.01, 0.2, 5, PATIENCE_SECONDS]))
        def ask(self, call: Any, patience_seconds: float) -> None:
            self.client.ask(call, patience_seconds)

        @invariant()
        def lists_are_whole(self) -> None:
            self.client.check_lists()

        def teardown(self) -> None:
            self.client.check_removal()

    run = settings(max_examples=40, stateful_step_count=12, suppress_health_check=list(HealthCheck))
    Story.TestCase.settings = run
    Story.TestCase().runTest()


@pytest.mark.parametrize("profile", PROFILES)
def test_huge_maps_and_lists_are_taken_and_let_go(profile: str, new_node: Callable[..., Any]) -> None:
    node = new_node(profile)
    labels = {f"example.com/{number}": "v" * 50 for number in range(20_000)}
    pod_config = node.pod_config(labels=labels, annotations=labels)
    pod = node.run_pod(pod_config)
    envs = [api.KeyValue(key=f"K{number}", value=b"v") for number in range(20_000)]
    words = ["w"] * 50_000
    container = node.create(pod, node.container_config("sleep", *words, labels=labels, envs=envs), pod_config)
    assert node.status(container).labels["example.com/19999"] == "v" * 50
    assert [row.id for row in node.containers(label_selector=labels)] == [container]
    assert node.containers(label_selector={**labels, "example.com/0": "other"}) == []
    node.remove_pod(pod)
    assert node.pods() == node.containers() == []


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("path", ["../../etc/passwd", "/../../etc/passwd", "a/../../../etc/passwd", "x\0y", "a/\0"])
def test_log_paths_lead_nowhere_else(path: str, profile: str, new_node: Callable[..., Any]) -> None:
    node = new_node(profile)
    pod_config = node.pod_config(log_directory="/var/log/pods/p")
    pod = node.run_pod(pod_config)
    before = node.containers()
    error = node.refused(node.creating(pod, node.container_config("true", log_path=path), pod_config))
    assert error.code in (Code.UNKNOWN, Code.INVALID_ARGUMENT)
    assert node.containers() == before
    assert node.files.kind("/etc/passwd") is None


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("number", [-1, -(2**63), 2**63 - 1])
def test_timeouts_of_every_size(number: int, profile: str, new_node: Callable[..., Any]) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    container = node.start(pod, "sleep", "1000")
    answer = node.do(node.execing(container, "true", seconds=number))
    assert answer.exit_code == 0
    node.do(node.stopping(container, number), at_most_seconds=PATIENCE_SECONDS)
    assert node.status(container).state == api.CONTAINER_EXITED
