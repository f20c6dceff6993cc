"""Whatever is called in whatever order: a refused call changes nothing, events are the changes, nothing leaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.cri import CriError, api
from kubesim.kernel import Cancelled
from kubesim.runtime.timings import Timings

CALLS = (
    "run", "stop_pod", "remove_pod", "create", "create_broken", "start", "stop", "stop_slowly", "remove", "exec",
    "update", "advance",
)  # fmt: skip
STEPS = st.lists(st.tuples(st.sampled_from(CALLS), st.integers(0, 2), st.integers(0, 2)), max_size=25)
PROFILES = st.sampled_from(["containerd-2.3", "cri-o-1.36", "containerd-1.7", "ideal"])


class World:
    """A node, and the ids that were ever given out on it."""

    def __init__(self, node: Any) -> None:
        self.node = node
        self.pods = ["f" * 64]
        self.containers = ["f" * 64]
        is_listening = node.runtime.profile.rpcs["GetContainerEvents"] == "served"
        self.events: list[api.ContainerEventResponse] | None = node.events() if is_listening else None
        # A running and a created container to begin with; index 0 is an id that leads nowhere.
        for call, container_index in (("run", 0), ("create", 1), ("start", 1), ("create", 2)):
            assert self.refusal_of(call, 1, container_index) == ""

    def listing(self) -> list[bytes]:
        rows = [*self.node.pods(), *self.node.containers()]
        return [row.SerializeToString(deterministic=True) for row in rows]

    def asking(self, call: str, pod_index: int, container_index: int) -> Any:
        """A call that has not begun yet."""
        node = self.node
        pod = self.pods[pod_index % len(self.pods)]
        ctr = self.containers[container_index % len(self.containers)]
        config = node.pod_config(f"pod-{pod_index}")
        if call == "run":
            return node.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=config))
        if call == "stop_pod":
            return node.cri.stop_pod_sandbox(api.StopPodSandboxRequest(pod_sandbox_id=pod))
        if call == "remove_pod":
            return node.cri.remove_pod_sandbox(api.RemovePodSandboxRequest(pod_sandbox_id=pod))
        if call in ("create", "create_broken"):
            command = ("sleep", "20") if call == "create" else ("no-such-program",)
            return node.creating(pod, node.container_config(*command, name=f"c{container_index}"), config)
        if call == "update":
            resources = api.LinuxContainerResources(cpu_shares=100)
            request = api.UpdateContainerResourcesRequest(container_id=ctr, linux=resources)
            return node.cri.update_container_resources(request)
        return {
            "start": lambda: node.starting(ctr),
            "stop": lambda: node.stopping(ctr, 0),
            "stop_slowly": lambda: node.stopping(ctr, 5),
            "remove": lambda: node.removing(ctr),
            "exec": lambda: node.execing(ctr, "true"),
        }[call]()

    def learn(self, response: Any) -> None:
        """Remember an id that was given out."""
        if isinstance(response, api.RunPodSandboxResponse):
            self.pods.append(response.pod_sandbox_id)
        elif isinstance(response, api.CreateContainerResponse):
            self.containers.append(response.container_id)

    def refusal_of(self, call: str, pod_index: int, container_index: int) -> str:
        """Make a call, and wait for its answer; the message when it is refused."""
        if call == "advance":
            self.node.advance(7)
            return ""
        try:
            self.learn(self.node.do(self.asking(call, pod_index, container_index)))
        except CriError as error:
            return str(error)
        return ""


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, profile=PROFILES)
def test_a_refused_call_changes_nothing(new_node_for_properties: Any, steps: Any, profile: str) -> None:
    world = World(new_node_for_properties(profile))
    for call, pod_index, container_index in steps:
        before = world.listing()
        refusal = world.refusal_of(call, pod_index, container_index)
        # A start that fails ends the container: that is what the runtimes do.
        is_failed_start = call == "start" and "created state" not in refusal and "starting state" not in refusal
        if refusal and not is_failed_start:
            assert world.listing() == before, (call, refusal)
    check_events(world)
    check_nothing_leaks(world)


CONCURRENT_STEPS = st.lists(
    st.tuples(st.sampled_from(CALLS), st.integers(0, 1), st.integers(0, 2), st.integers(0, 200), st.booleans()),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(steps=CONCURRENT_STEPS, profile=PROFILES)
def test_calls_that_overlap_and_are_cancelled_leave_nothing(
    new_node_for_properties: Any, steps: Any, profile: str
) -> None:
    node = new_node_for_properties(profile, timings=Timings.measured())
    world = World(node)
    tasks: list[Any] = []
    for call, pod_index, container_index, pause_ms, is_cancelled in steps:
        if call != "advance":
            task = node.spawn(world.asking(call, pod_index, container_index))
            task.watch(lambda ended: ended.error or world.learn(ended.result()))
            tasks.append(task)
            if is_cancelled:
                node.kernel.call_later(pause_ms * 500_000, task.cancel)
        node.advance(pause_ms / 1000)
    node.advance(600)  # a retry in CRI-O waits for its elder for minutes
    for task in tasks:
        assert task.is_done
        assert task.error is None or isinstance(task.error, CriError | Cancelled), repr(task.error)
    check_events(world)
    check_nothing_leaks(world)


def check_events(world: World) -> None:
    """Each object is created once, and its events come in the order of a life."""
    if world.events is None:
        return
    lives: dict[str, list[int]] = {}
    for event in world.events:
        lives.setdefault(event.container_id, []).append(event.container_event_type)
    for object_id, kinds in lives.items():
        assert kinds == sorted(kinds), (object_id, kinds)
        assert len(set(kinds)) == len(kinds), (object_id, kinds)
        assert kinds[0] == api.CONTAINER_CREATED_EVENT
    times = [event.created_at for event in world.events]
    assert times == sorted(times)
    deleted = {object_id for object_id, kinds in lives.items() if api.CONTAINER_DELETED_EVENT in kinds}
    listed = {row.id for row in (*world.node.pods(), *world.node.containers())}
    assert set(lives) - deleted == listed


def check_nothing_leaks(world: World) -> None:
    """When every sandbox is removed, nothing of them is left."""
    for row in world.node.pods():
        world.node.remove_pod(row.id)
    daemon = world.node.runtime._daemon
    assert world.listing() == []
    assert len(daemon.sandbox_names) == len(daemon.container_names) == 0
    assert daemon.network.used == set()
    assert daemon.processes.processes() == []
    assert "/sandboxes" not in {"/" + name for name in daemon.own_files.list_dir("/")} or (
        daemon.own_files.list_dir("/sandboxes") == []
    )


def test_two_nodes_with_one_seed_answer_alike(new_node: Callable[..., Any]) -> None:
    def story(node: Any) -> list[bytes]:
        events = node.events()
        pod = node.run_pod()
        ctr = node.start(pod, "sleep", "20")
        node.advance(30)
        node.do(node.removing(ctr))
        node.remove_pod(pod)
        return [event.SerializeToString(deterministic=True) for event in events]

    assert story(new_node()) == story(new_node())
