"""Stories of nodes on which little happens, told in three ways: idle time at once, look by look, and never idle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from kubesim import Node
from kubesim.errors import KubesimError
from kubesim.images.image import Image
from kubesim.kernel import Beat, Idle
from kubesim.kubelet.event_correlator import Correlated, Said
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.node.image_sources import catalogue_of

Step = tuple[Any, ...]
"""What happens, and its arguments."""

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
LATE_IMAGE = "registry.example/late:1"
FOREVER = ("sleep", "36000000")


def _pod(*command: str, image: str = BUSYBOX, container: Mapping[str, Any] | None = None, **spec: Any) -> Any:
    one = {"name": "c", "image": image, "command": list(command), **(container or {})}
    return {"terminationGracePeriodSeconds": 20, "containers": [one], **spec}


PODS: Mapping[str, Any] = {
    "crasher": _pod("sh", "-c", "sleep 7; false"),
    "sleeper": _pod(*FOREVER, container={"readinessProbe": {"periodSeconds": 50, "exec": {"command": ["true"]}}}),
    "plain": _pod(*FOREVER),
    "waiting": _pod(
        *FOREVER, container={"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "late", "key": "a"}}}]}
    ),
    "imageless": _pod(*FOREVER, image=LATE_IMAGE, imagePullSecrets=[{"name": "missing"}]),
    "limited": _pod(*FOREVER, container={"resources": {"limits": {"ephemeral-storage": "1Gi"}}}),
    "short": _pod(*FOREVER, activeDeadlineSeconds=333),
    "job": _pod("sleep", "20", restartPolicy="Never"),
    "gated": _pod(*FOREVER, readinessGates=[{"conditionType": "example.com/ready"}]),
}


def manifest(name: str) -> dict[str, Any]:
    """The pod of that name."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": PODS[name]}


def late_image() -> Image:
    """One that no node has from the start."""
    document = {"apiVersion": "kubesim/v1", "kind": "Image", "metadata": {"name": LATE_IMAGE}}
    image = catalogue_of([document]).find(LATE_IMAGE)
    assert image is not None
    return image


def after_relist(node: Node) -> None:
    """Let time pass until the PLEG has just looked at the runtime, which it does every second."""
    relists = [one.time_ns for one in node.journal if one.method == "ListPodSandbox" and not one.request_bytes]
    node.advance(f"{(relists[-1] - node.now_ns) % 10**9 + 1}ns")


def in_a_while(node: Node, delay_ns: int, happen: Callable[[], object]) -> None:
    """Something that happens while time passes, and not between two runs."""
    node._kernel.call_later(delay_ns, happen)


STEPS: Mapping[str, Callable[..., object]] = {
    "wait": Node.advance,
    "wait for a relist": after_relist,
    "pod": lambda node, name: node.apply(manifest(name)),
    "config": lambda node: node.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}, "data": {"a": "1"}}
    ),
    "delete": lambda node, name: node.delete(f"default/{name}"),
    "exit": lambda node, name: node.exit_container(f"default/{name}", 3),
    "condition": lambda node, name: node.set_condition(f"default/{name}", "example.com/ready", "True"),
    "image": lambda node: node.runtime.add_image(late_image()),
    "no image": lambda node: node.call("RemoveImage", {"image": {"image": LATE_IMAGE}}),
    "feature": lambda node, name, value: node.runtime.set_feature(name, value),
    "feature later": lambda node, delay_ns, name, value: in_a_while(
        node, delay_ns, lambda: node.runtime.set_feature(name, value)
    ),
    "nothing later": lambda node, delay_ns: in_a_while(node, delay_ns, tuple),
    "disk": Node.fill_disk,
    "memory": Node.fill_memory,
    "runtime away": lambda node, duration: node.restart_runtime(down_for=duration),
    "kubelet away": lambda node, duration: node.restart_kubelet(down_for=duration),
}


def told(node: Node, seen: Sequence[object]) -> dict[str, Any]:
    """All that a node tells of what it did, beside its log and what was `seen` meanwhile."""
    return {
        "journal": [
            (one.time_ns, one.end_ns, one.method, one.request_bytes, one.response_bytes, str(one.error))
            for one in node.journal
        ],
        "events": node.events,
        "pods": {name: _history(node, f"default/{name}") for name in PODS},
        "node": node.status(),
        "metrics": dict(node.metrics()),
        "seen": seen,
    }


def _history(node: Node, key: str) -> object:
    try:
        return node.versions(key), node.event_writes(key)
    except KubesimError as error:
        return str(error)


def play(steps: Sequence[Step], *, one_by_one: bool = False, **arguments: Any) -> dict[str, Any]:
    """What a new node tells of these steps; after each of them somebody looks at it."""
    written: list[tuple[int, str, int]] = []
    write = EventRecorder._write

    def written_down(recorder: EventRecorder, said: Said, correlated: Correlated, at_ns: int) -> None:
        written.append((recorder._kernel.now_ns, correlated.name, correlated.count))
        write(recorder, said, correlated, at_ns)

    with pytest.MonkeyPatch.context() as patch, Node(**arguments) as node:
        patch.setattr(EventRecorder, "_write", written_down)
        node._kernel.idles_one_by_one = one_by_one
        seen: list[object] = []
        log: list[str] = []
        for what, *details in steps:
            if what == "kubelet away":
                log += node.log  # the next process begins another one
            try:
                STEPS[what](node, *details)
            except KubesimError as error:
                seen.append(str(error))  # such as that the pod is not there
            seen.append((node.now_ns, dict(node.metrics()), node.status()))
        return {**told(node, seen), "log": [*log, *node.log], "written": written}


def play_in_three_ways(steps: Sequence[Step], **arguments: Any) -> dict[str, Any]:
    """What a new node tells of these steps, if that is the same however idle time is passed."""
    at_once = play(steps, **arguments)
    noted = play(steps, one_by_one=True, **arguments)
    with pytest.MonkeyPatch.context() as patch:
        wait = Beat.wait

        async def wait_awake(beat: Beat, period_ns: int, _idle: Idle | None = None, **_: bool) -> None:
            await wait(beat, period_ns)

        patch.setattr(Beat, "wait", wait_awake)
        done = play(steps, **arguments)
    for what, told_of in at_once.items():
        assert told_of == noted[what], what
        assert told_of == done[what], what
    return at_once
