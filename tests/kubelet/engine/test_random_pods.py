"""Random small pods and random exits: what must hold whatever happens."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import kubesim

IMAGE = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
LEGAL = {
    "Pending": {"Pending", "Running", "Succeeded", "Failed"},
    "Running": {"Running", "Pending", "Succeeded", "Failed"},
    "Succeeded": {"Succeeded"},
    "Failed": {"Failed"},
}
REMOVALS = {"RemoveContainer", "StopPodSandbox", "RemovePodSandbox", "ListPodSandbox", "ListContainers"}

names = st.sampled_from(["a", "b", "i", "s"])
steps = st.one_of(
    st.tuples(st.just("exit"), names, st.sampled_from([0, 1, 137, 143])),
    st.tuples(st.just("wait"), st.integers(0, 40_000), st.just(0)),
    st.tuples(st.just("delete"), st.sampled_from([0, 1, 3]), st.just(0)),
    st.tuples(st.just("restart kubelet"), st.integers(0, 5), st.just(0)),
    st.tuples(st.just("restart runtime"), st.integers(0, 5), st.just(0)),
)


@st.composite
def pods(draw: Any) -> dict[str, Any]:
    def container(name: str, **more: Any) -> dict[str, Any]:
        kinds = () if name == "i" else ("startupProbe", "readinessProbe", "livenessProbe")
        found = {kind: draw(PROBES) for kind in kinds if draw(st.integers(0, 3)) == 0}
        return {"name": name, "image": IMAGE, "command": draw(COMMANDS), **found, **more}

    spec: dict[str, Any] = {
        "restartPolicy": draw(st.sampled_from(["Always", "OnFailure", "Never"])),
        "terminationGracePeriodSeconds": draw(st.integers(0, 4)),
        "containers": [container(name) for name in ("a", "b")[: draw(st.integers(1, 2))]],
        "initContainers": [],
    }
    if draw(st.booleans()):
        spec["initContainers"].append(container("i"))
    if draw(st.booleans()):
        spec["initContainers"].append(container("s", restartPolicy="Always"))
    if draw(st.booleans()):
        spec["activeDeadlineSeconds"] = draw(st.integers(1, 60))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}


PROBES = st.builds(
    lambda handler, period, delay, failures, timeout: {
        **handler,
        "periodSeconds": period,
        "initialDelaySeconds": delay,
        "failureThreshold": failures,
        "timeoutSeconds": timeout,
    },
    st.sampled_from(
        [
            {"exec": {"command": ["true"]}},
            {"exec": {"command": ["sh", "-c", "sleep 2; exit 1"]}},
            {"exec": {"command": ["/not/there"]}},
            {"tcpSocket": {"port": 80}},
            {"httpGet": {"port": 80}},
        ]
    ),
    st.integers(1, 9),
    st.integers(0, 9),
    st.integers(1, 3),
    st.integers(1, 3),
)
COMMANDS = st.sampled_from([["sleep", "1h"], ["sleep", "3"], ["true"], ["false"], ["/not/there"]])


@settings(max_examples=40)
@given(pod=pods(), script=st.lists(steps, max_size=8))
def test_invariants(pod: dict[str, Any], script: list[tuple[str, Any, int]]) -> None:
    with kubesim.Node() as node:
        node.apply(pod)
        uid = node.pod("default/web")["metadata"]["uid"]
        node.advance("1s")
        for step in script:
            carry_out(node, step)
        node.advance("30s")
        versions = node.versions("default/web")
        check_versions(versions)
        if versions[-1]["type"] == "DELETED":
            check_calls(node, uid)


def carry_out(node: kubesim.Node, step: tuple[str, Any, int]) -> None:
    what, argument, code = step
    match what:
        case "wait":
            node.advance(f"{argument}ms")
        case "restart kubelet":
            # A kubelet that finds no runtime does not start at all.
            node.advance("6s")
            node.restart_kubelet(down_for=f"{argument}s")
        case "restart runtime":
            node.restart_runtime(down_for=f"{argument}s")
        case "delete" if node.pods():
            node.delete("default/web", grace_seconds=argument)
        case "exit" if node.pods() and argument in running(node):
            node.exit_container("default/web", code, container=argument)


def running(node: kubesim.Node) -> set[str]:
    """Containers that are published as running, and whose first process has not ended: that shows a moment later."""
    status = node.pod("default/web")["status"]
    rows = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    alive = {one.id for one in node.runtime._daemon.containers if one.process and one.process.status is None}
    return {
        one["name"] for one in rows if one["state"].get("running") and one["containerID"].partition("://")[2] in alive
    }


def check_versions(versions: list[dict[str, Any]]) -> None:
    phase = "Pending"
    restarts: dict[str, int] = {}
    for version in versions:
        status = version["status"]
        assert status["phase"] in LEGAL[phase], f"{phase} to {status['phase']}"
        phase = status["phase"]
        for one in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            count = one.get("restartCount", 0)
            assert count >= restarts.get(one["name"], 0)
            restarts[one["name"]] = count
        conditions = {one["type"]: one["status"] for one in status.get("conditions", ())}
        if conditions.get("Ready") == "True":
            assert conditions["ContainersReady"] == "True"
        if phase in {"Succeeded", "Failed"}:
            assert conditions.get("Ready") != "True"


def check_calls(node: kubesim.Node, uid: str) -> None:
    """After the last stop of a deleted pod only its removal follows, and the runtime is empty at the end."""
    statistics = node.runtime.statistics()
    assert (statistics.sandboxes, statistics.containers) == (0, 0)
    creations = [one for one in node.journal if one.method in {"RunPodSandbox", "CreateContainer", "StartContainer"}]
    removals = [one for one in node.journal if one.method == "RemovePodSandbox"]
    if creations and removals:
        assert max(one.time_ns for one in creations) <= min(one.end_ns for one in removals[-1:])
