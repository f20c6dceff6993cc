"""Nothing that outlives a restart changes unnoted: by the fields, by the source, and by whatever is called."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.cri import CriError, api
from kubesim.kernel import Kernel
from kubesim.model.frozen_records import replace
from kubesim.policy.lost_processes import GO_ZERO_TIME_NS
from kubesim.runtime import state_records
from kubesim.runtime.container_state import Phase
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.present_image import PresentImage
from kubesim.runtime.process_plan import ContainerIdentity
from kubesim.runtime.sandbox_state import SandboxPhase
from kubesim.runtime.state_changes import StateChanges, StateKind
from kubesim.runtime.state_records import ContainerRecord, SandboxRecord, SavedState, StateRecord, batch_of
from kubesim.runtime.timings import Timings

RUNTIME = Path(state_records.__file__).parent
RESTART_NS = 1_000_000_000
BUSYBOX = "registry.example/busybox:1"
OTHER, MOVED = "registry.example/other:1", "registry.example/moved:1"

KEPT = {
    Sandbox: {
        "id", "name", "encoded_config", "runtime_handler", "hostname", "pause_pid", "life", "ip", "additional_ips",
        "overhead", "resources",
    },
    Container: {
        "id", "name", "sandbox", "encoded_config", "image", "volume_images", "some_image_name", "image_ref", "identity",
        "encoded_mounts", "encoded_resources", "encoded_windows_resources", "log_path", "life", "restored_from",
    },
    PresentImage: {"image", "names", "digests", "last_name", "is_pinned"},
}  # fmt: skip
NOT_KEPT = {
    Sandbox: {
        "file_sources": "follows from the id",
        "network": "follows from the address",
        "pause": "a process",
        "namespaces": "follow from the config",
        "containers": "each names its sandbox",
        "mounted_images": "the containers that are left say what they mount",
        "ended_usage": "counted anew, as by a new cgroup",
        "cpu_sample": "counted anew, as by a new cgroup",
        **dict.fromkeys(("row", "_moment"), "a cache"),
        "changes": "the door itself",
    },
    Container: {
        "plan": "follows from config and image, or from the checkpoint",
        "stop_signal": "follows from config and image",
        "reported_stop_signal": "follows from config and image",
        **dict.fromkeys(("mount_specs", "account_files"), "what came back never starts again"),
        **dict.fromkeys(("is_made_here", "beginning"), "nothing is taken over from what came back"),
        "seccomp_document": "read from the node again, for the verbose status",
        "seccomp_filter": "what came back never starts again",
        "credentials": "follow from the config",
        **dict.fromkeys(("filesystem", "process", "streams"), "ends with the processes"),
        "forced_end": "about a process",
        "is_stop_signalled": "about a process",
        "kill_timer": "about a process",
        "cpu_sample": "counted anew, as by a new cgroup",
        "log": "follows from the path",
        "ended": "follows from the life",
        **dict.fromkeys(("row", "_moment"), "a cache"),
        "changes": "the door itself",
    },
    PresentImage: dict.fromkeys(("rows", "shown_names", "encoded_status"), "a cache"),
}
"""Fields that no record has, and why that loses nothing."""


@pytest.mark.parametrize("kind", [Sandbox, Container, PresentImage])
def test_every_field_is_kept_or_has_a_reason(kind: Any) -> None:
    names = {field.name for field in fields(kind)}

    assert names == KEPT[kind] | set(NOT_KEPT[kind]), "put a new field into its record, or say why it is not there"
    assert KEPT[kind].isdisjoint(NOT_KEPT[kind])


CHANGING = {
    "objects.py": {"life", "ip", "overhead", "resources", "encoded_resources", "encoded_windows_resources"},
    "image_store.py": {"names", "digests", "last_name", "is_pinned"},
}
"""Fields that change after birth, and the file whose methods may change them."""
CHANGES_OF_A_SET = {"add", "discard", "remove", "clear", "update", "pop"}


def changed_fields(tree: ast.AST) -> set[str]:
    """Attributes that a file assigns, or changes in place as a set."""
    found = set()
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES_OF_A_SET:
            targets = [node.func.value]
        parts = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
        found |= {part.attr for part in parts if isinstance(part, ast.Attribute)}
    return found


def test_only_the_doors_change_what_is_kept() -> None:
    wrong = {
        (path.name, field)
        for path in RUNTIME.glob("*.py")
        for door, names in CHANGING.items()
        if path.name != door
        for field in changed_fields(ast.parse(path.read_text(encoding="utf-8"))) & names
    }

    assert wrong == set(), "these go past the methods that note changes for --state-dir"
    for door, names in CHANGING.items():
        assert changed_fields(ast.parse((RUNTIME / door).read_text(encoding="utf-8"))) >= names


def test_the_first_change_is_told_once_for_each_batch() -> None:
    changes = StateChanges()
    told: list[bool] = []
    changes.on_first = lambda: told.append(changes.is_empty)
    changes.note(StateKind.SEEDED, "a", None)
    changes.forget(StateKind.SEEDED, "a")
    changes.note(StateKind.SEEDED, "b", None)
    assert told == [False]

    changes.clear()
    assert changes.is_empty
    changes.forget(StateKind.SEEDED, "b")
    assert told == [False, False]


# -- whatever is called -------------------------------------------------------------------------------------

CALLS = (
    "run", "stop_pod", "remove_pod", "update_pod", "create", "start", "stop", "remove", "update", "update_windows",
    "pull", "move_tag", "remove_image", "kill_pause", "exit", "advance",
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.sampled_from(CALLS), st.integers(0, 2), st.integers(0, 2), st.booleans(), st.booleans()), max_size=30
)
PROFILES = st.sampled_from(["containerd-1.7", "containerd-2.3", "cri-o-1.28", "cri-o-1.36", "ideal"])


class World:
    """A node whose changes are kept in a dictionary, as the file keeps them in a table."""

    def __init__(self, node: Any, changes: StateChanges, new_image: Any) -> None:
        self.node = node
        self.changes = changes
        self.rows: dict[Any, bytes] = {}
        self.pods = ["f" * 64]
        self.containers = ["f" * 64]
        self.moving = [new_image(MOVED, marker=str(number), is_present=False) for number in range(3)]

    def keep(self) -> None:
        batch = batch_of(self.changes)
        for key in batch.gone:
            self.rows.pop(key, None)
        self.rows.update({(record.kind, record.id): record.data for record in batch.records})
        self.changes.clear()

    def everything(self) -> dict[Any, bytes]:
        """What would be written if all of it were written now, oldest first."""
        daemon = self.node.runtime._daemon
        rows = {
            (StateKind.SANDBOX, pod.id): state_records.sandbox_record(pod)
            for pod in sorted(daemon.sandboxes, key=lambda pod: pod.life.created_at_ns)
        }
        rows |= {
            (StateKind.CONTAINER, ctr.id): state_records.container_record(ctr)
            for ctr in sorted(daemon.containers, key=lambda ctr: ctr.life.created_at_ns)
        }
        images = daemon.images._by_id.values()
        rows |= {(StateKind.IMAGE, there.image.id): state_records.image_record(there) for there in images}
        return rows

    def check(self) -> None:
        self.keep()
        kept = {key: data for key, data in self.rows.items() if key[0] is not StateKind.SEEDED}
        now = self.everything()
        assert kept == now
        for kind in (StateKind.SANDBOX, StateKind.CONTAINER, StateKind.IMAGE):
            assert [key for key in kept if key[0] is kind] == [key for key in now if key[0] is kind]

    def asking(self, call: str, pod_index: int, index: int) -> Any:
        node, cri = self.node, self.node.cri
        pod, ctr = self.pods[pod_index % len(self.pods)], self.containers[index % len(self.containers)]
        config = node.pod_config(f"pod-{pod_index}")
        image = api.ImageSpec(image=(BUSYBOX, OTHER, MOVED)[index])
        limits = api.LinuxContainerResources(cpu_shares=100 + index)
        windows = api.WindowsContainerResources(cpu_shares=100 + index)
        return {
            "run": lambda: cri.run_pod_sandbox(api.RunPodSandboxRequest(config=config)),
            "stop_pod": lambda: cri.stop_pod_sandbox(api.StopPodSandboxRequest(pod_sandbox_id=pod)),
            "remove_pod": lambda: cri.remove_pod_sandbox(api.RemovePodSandboxRequest(pod_sandbox_id=pod)),
            "update_pod": lambda: cri.update_pod_sandbox_resources(
                api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod, resources=limits)
            ),
            "create": lambda: node.creating(pod, node.container_config("sleep", "20", name=f"c{index}"), config),
            "start": lambda: node.starting(ctr),
            "stop": lambda: node.stopping(ctr, 5),
            "remove": lambda: node.removing(ctr),
            "update": lambda: cri.update_container_resources(
                api.UpdateContainerResourcesRequest(container_id=ctr, linux=limits)
            ),
            "update_windows": lambda: cri.update_container_resources(
                api.UpdateContainerResourcesRequest(container_id=ctr, windows=windows)
            ),
            "pull": lambda: cri.pull_image(api.PullImageRequest(image=image)),
            "remove_image": lambda: cri.remove_image(api.RemoveImageRequest(image=image)),
        }[call]()

    def do(self, call: str, pod_index: int, index: int, *, is_hurried: bool) -> None:
        """Make a call; a hurried one is left alone before it is answered."""
        node = self.node
        daemon = node.runtime._daemon
        if call == "advance":
            node.advance(7)
        elif call == "move_tag":
            node.runtime.add_image(self.moving[index], is_present=False)
        elif call == "kill_pause":
            pod = daemon.sandboxes.get(self.pods[pod_index % len(self.pods)])
            if pod is not None and pod.pause is not None:
                pod.pause.kill_tree()
        elif call == "exit":
            for container in daemon.containers:
                if container.is_live:
                    node.runtime.exit_container(container.id, index, is_oom_killed=index == 2)
                    break
        else:
            task = node.spawn(self.asking(call, pod_index, index))
            node.advance(0.01 if is_hurried else 30)
            if task.is_done and task.error is None:
                self.learn(task.result())
            assert task.error is None or isinstance(task.error, CriError), repr(task.error)

    def learn(self, response: Any) -> None:
        if isinstance(response, api.RunPodSandboxResponse):
            self.pods.append(response.pod_sandbox_id)
        elif isinstance(response, api.CreateContainerResponse):
            self.containers.append(response.container_id)

    def shown(self) -> dict[str, Any]:
        """What clients see."""
        node = self.node
        images = node.do(node.cri.list_images(api.ListImagesRequest())).images
        return {
            "pods": node.pods(),
            "pod statuses": [node.pod_status(row.id) for row in node.pods()],
            "containers": node.containers(),
            "container statuses": [node.status(row.id) for row in node.containers()],
            "images": list(images),
        }


def expect_lost_processes(shown: dict[str, Any], node: Any) -> None:
    """Change what clients saw into what they are to see after a restart that no process survived."""
    switches, daemon = node.runtime.profile, node.runtime._daemon
    for row, status in zip(shown["pods"], shown["pod statuses"], strict=True):
        shares_pids = daemon.sandboxes.get(row.id).namespace_options.pid == api.POD
        if switches.sandboxes.keeps_pause_process or shares_pids:
            row.state = status.state = api.SANDBOX_NOTREADY
    is_created_lost = switches.containers.created_when_lost == "ended"
    for row, status in zip(shown["containers"], shown["container statuses"], strict=True):
        if status.state == api.CONTAINER_RUNNING or (status.state == api.CONTAINER_CREATED and is_created_lost):
            row.state = status.state = api.CONTAINER_EXITED
            status.exit_code, status.reason = 255, switches.containers.lost_reason
            status.finished_at = node.kernel.now_ns + RESTART_NS
            status.started_at = status.started_at or GO_ZERO_TIME_NS


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, profile=PROFILES, is_measured=st.booleans())
def test_whatever_is_called_the_records_are_those_of_everything(
    new_node_for_properties: Any, new_image_for_properties: Any, steps: Any, profile: str, is_measured: bool
) -> None:
    changes = StateChanges()
    images = (new_image_for_properties(BUSYBOX), new_image_for_properties(OTHER, marker="other", is_present=False))
    timings = Timings.measured() if is_measured else Timings.instant()
    node = new_node_for_properties(profile, images=images, changes=changes, timings=timings)
    world = World(node, changes, new_image_for_properties)
    for call in ("run", "create", "start"):
        world.do(call, 1, 1, is_hurried=False)
    world.check()
    for call, pod_index, index, is_hurried, is_kept_now in steps:
        world.do(call, pod_index, index, is_hurried=is_hurried)
        if is_kept_now:
            world.check()
    node.advance(60)
    world.check()


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, profile=PROFILES)
def test_whatever_was_called_a_restart_shows_the_same_but_for_lost_processes(
    new_node_for_properties: Any, new_image_for_properties: Any, steps: Any, profile: str
) -> None:
    images = (new_image_for_properties(BUSYBOX), new_image_for_properties(OTHER, marker="other", is_present=False))
    changes = StateChanges()
    node = new_node_for_properties(profile, images=images, changes=changes)
    world = World(node, changes, new_image_for_properties)
    for call in ("run", "create", "start", "create"):
        world.do(call, 1, 1, is_hurried=False)
    for call, pod_index, index, is_hurried, _ in steps:
        world.do(call, pod_index, index, is_hurried=is_hurried)
    node.advance(60)
    before = world.shown()
    expect_lost_processes(before, node)
    world.keep()
    saved = SavedState(where="", records=tuple(StateRecord(*key, data) for key, data in world.rows.items()))
    again = new_node_for_properties(
        profile,
        images=node.catalogue.contents(),
        kernel=Kernel(seed=2, start_ns=node.kernel.now_ns + RESTART_NS),
        changes=StateChanges(),
        saved=saved,
    )
    world.node = again

    assert world.shown() == before
    for pod in again.pods():
        again.remove_pod(pod.id)
    daemon = again.runtime._daemon
    assert (len(daemon.sandbox_names), len(daemon.container_names), len(again.containers())) == (0, 0, 0)


# -- records ------------------------------------------------------------------------------------------------

MESSAGES = {
    SandboxRecord: {"config": api.PodSandboxConfig},
    ContainerRecord: {"config": api.ContainerConfig, "resources": api.LinuxContainerResources},
}


def meaning(data: bytes, shape: Any) -> dict[str, Any]:
    """A record with its messages parsed: protobuf writes the entries of a map in any order."""
    values = msgspec.structs.asdict(msgspec.msgpack.decode(data, type=shape))
    return values | {name: message.FromString(values[name]) for name, message in MESSAGES[shape].items()}


TEXTS = st.text(max_size=20)
TIMES = st.integers(-(1 << 63), (1 << 63) - 1)


@settings(max_examples=100, deadline=None)
@given(
    texts=st.tuples(TEXTS, TEXTS, TEXTS),
    labels=st.dictionaries(TEXTS, TEXTS, max_size=4),
    raw=st.binary(max_size=20),
    times=st.tuples(TIMES, TIMES),
    code=st.integers(-(1 << 31), (1 << 31) - 1),
    who=st.none() | st.tuples(st.integers(0, 1 << 32), st.lists(st.integers(0, 1 << 32), max_size=3)),
)
def test_a_record_comes_back_as_it_was(
    new_node_for_properties: Any, texts: Any, labels: Any, raw: bytes, times: Any, code: int, who: Any
) -> None:
    changes = StateChanges()
    node = new_node_for_properties("containerd-2.3", changes=changes)
    pod_id = node.run_pod(node.pod_config(labels=labels, annotations=labels, hostname="h"))
    node.stop_pod(pod_id)
    daemon = node.runtime._daemon
    pod = daemon.sandboxes.get(pod_id)
    pod.life = replace(pod.life, phase=SandboxPhase.NOT_READY, created_at_ns=times[0], stopped_at_ns=times[1])
    pod.hostname, pod.runtime_handler = texts[0], texts[1]
    config = node.container_config("x", labels=labels, envs=[api.KeyValue(key="A", value=raw.replace(b"\0", b""))])
    ctr_id = node.create(node.run_pod(node.pod_config("other")), config)
    ctr = daemon.containers.get(ctr_id)
    ctr.life = replace(
        ctr.life, phase=Phase.EXITED, started_at_ns=times[0], finished_at_ns=times[1], exit_code=code, message=texts[2]
    )
    ctr.identity = who and ContainerIdentity(uid=who[0], gid=who[0], supplemental_groups=tuple(who[1]))
    ctr.log_path, ctr.some_image_name = texts[1], texts[2]
    pod_record, ctr_record = state_records.sandbox_record(pod), state_records.container_record(ctr)
    records = [*batch_of(changes).records, StateRecord(StateKind.SANDBOX, pod_id, pod_record)]
    rows = {(record.kind, record.id): record for record in records}
    rows[StateKind.CONTAINER, ctr_id] = StateRecord(StateKind.CONTAINER, ctr_id, ctr_record)
    again = new_node_for_properties(
        "containerd-2.3", kernel=Kernel(seed=2), saved=SavedState(where="", records=tuple(rows.values()))
    )
    daemon = again.runtime._daemon

    assert meaning(state_records.sandbox_record(daemon.sandboxes.get(pod_id)), SandboxRecord) == meaning(
        pod_record, SandboxRecord
    )
    assert meaning(state_records.container_record(daemon.containers.get(ctr_id)), ContainerRecord) == meaning(
        ctr_record, ContainerRecord
    )
