"""What the API server says of a resize: the fields that may change, the node that has to hold it, and the versions."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

import kubesim
from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.node.pod_resize import ResizeRules, resized_pod
from kubesim.policy.feature_gates import resolve_gates

RESTART = [v1.ContainerResizePolicy(resource_name="memory", restart_policy="RestartContainer")]
NODE = v1.Node(
    metadata=v1.ObjectMeta(name="n", labels={"kubernetes.io/os": "linux"}),
    status=v1.NodeStatus(allocatable={"cpu": "4", "memory": "8Gi"}),
)


def amounts(requests: str = "", limits: str = "") -> v1.ResourceRequirements:
    """`cpu=1 memory=1Gi` for each."""
    return v1.ResourceRequirements(requests=_quantities(requests), limits=_quantities(limits))


def _quantities(text: str) -> dict[str, v1.Quantity]:
    return {name: amount for name, _, amount in (one.partition("=") for one in text.split())}


def container(name: str, requests: str = "", limits: str = "", **fields: Any) -> v1.Container:
    return v1.Container(name=name, image="x", resources=amounts(requests, limits), **fields)


APP = container("app", "cpu=1 memory=1Gi", "cpu=2 memory=2Gi")
SIDE = container("side", "cpu=100m")
SPEC = v1.PodSpec(node_name="n", containers=[APP, SIDE])
POD = v1.Pod(
    metadata=v1.ObjectMeta(name="p", namespace="default"), spec=SPEC, status=v1.PodStatus(qos_class="Burstable")
)


def pod_of(*containers: v1.Container, qos: str = "Burstable", **spec: Any) -> v1.Pod:
    spec = {"node_name": "n", "containers": list(containers), **spec}
    return replace(POD, spec=v1.PodSpec(**spec), status=v1.PodStatus(qos_class=qos))


def resized(
    stored: v1.Pod, asked: v1.PodSpec, *, version: str = "1.36", node: v1.Node | None = NODE, **gates: bool
) -> v1.PodSpec:
    rules = ResizeRules(gates=resolve_gates(version, gates), minor=int(version[2:]), node=node)
    return resized_pod(stored, replace(stored, spec=asked), rules).spec


def refusal(
    stored: v1.Pod, asked: v1.PodSpec, *, version: str = "1.36", node: v1.Node | None = NODE, **gates: bool
) -> str:
    """Its words after the name of the pod; empty: it is not refused."""
    try:
        resized(stored, asked, version=version, node=node, **gates)
    except InputError as error:
        return error.what.removeprefix('Pod "p" is invalid: ').removeprefix('pods "p" is forbidden: ')
    return ""


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda one: replace(one, resources=amounts("cpu=2 memory=1Gi", "cpu=3 memory=2Gi")), True),
        (lambda one: replace(one, resources=amounts("cpu=1 memory=1Gi", "cpu=2 memory=1Gi")), True),
        (lambda one: replace(one, image="y"), False),
        (lambda one: replace(one, args=["z"]), False),
    ],
)
def test_what_else_is_different_is_left_out(change: Callable[[v1.Container], v1.Container], kept: bool) -> None:
    after = resized(POD, replace(SPEC, containers=[change(APP), SIDE], priority=7))

    assert (after.containers[0] == change(APP)) is kept
    assert (after != SPEC) is kept
    assert after.priority is None


ORDER = "Forbidden: containers may not be renamed or reordered on resize"
MUTABLE = "spec: Forbidden: only cpu and memory resources are mutable"


@pytest.mark.parametrize(
    ("containers", "text"),
    [
        ([APP], "spec.containers: Forbidden: containers may not be added or removed on resize"),
        (
            [APP, SIDE, container("more")],
            "spec.containers: Forbidden: containers may not be added or removed on resize",
        ),
        ([SIDE, APP], f"[spec.containers[0].name: {ORDER}, spec.containers[1].name: {ORDER}]"),
        ([APP, replace(SIDE, name="other")], f"spec.containers[1].name: {ORDER}"),
        (
            [replace(APP, resources=amounts("cpu=1", "cpu=2 memory=2Gi")), SIDE],
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
        ),
        (
            [replace(APP, resources=amounts("cpu=1 memory=1Gi", "memory=2Gi")), SIDE],
            "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
        ),
        ([replace(APP, resize_policy=RESTART), SIDE], MUTABLE),
        (
            [replace(APP, resources=amounts("cpu=1 memory=1Gi ephemeral-storage=1Gi", "cpu=2 memory=2Gi")), SIDE],
            MUTABLE,
        ),
        ([APP, replace(SIDE, resources=amounts("cpu=100m", "cpu=1"))], ""),
        ([APP, replace(SIDE, resources=amounts("cpu=100m memory=1Mi"))], ""),
    ],
)
def test_containers(containers: list[v1.Container], text: str) -> None:
    assert refusal(POD, replace(SPEC, containers=containers)) == text


def test_a_claim_of_a_device_is_in_the_way() -> None:
    """The API server compares with a container without claims."""
    claims = replace(SIDE, resources=replace(SIDE.resources, claims=[v1.ResourceClaim(name="c")]))
    text = refusal(pod_of(claims), v1.PodSpec(node_name="n", containers=[replace(claims, resources=amounts("cpu=1"))]))

    assert text == MUTABLE


@pytest.mark.parametrize(
    ("stored", "asked", "text"),
    [
        (pod_of(container("app", "cpu=1")), container("app", "cpu=2 memory=1Gi", "cpu=2 memory=1Gi"), "Burstable"),
        (
            pod_of(container("app", "cpu=1 memory=1Gi", "cpu=1 memory=1Gi"), qos="Guaranteed"),
            container("app", "cpu=1 memory=1Gi", "cpu=2 memory=1Gi"),
            "Guaranteed",
        ),
        (pod_of(container("app"), qos="BestEffort"), container("app", "cpu=1"), "BestEffort"),
        (pod_of(container("app"), qos=""), container("app", "cpu=1"), ""),
        (
            pod_of(container("app", "cpu=1 memory=1Gi", "cpu=1 memory=1Gi"), qos="Guaranteed"),
            container("app", "cpu=1500m memory=1Gi", "cpu=1500m memory=1Gi"),
            None,
        ),
    ],
)
def test_the_class_of_the_pod_stays(stored: v1.Pod, asked: v1.Container, text: str | None) -> None:
    why = "Pod QOS Class may not change as a result of resizing"
    wanted = "" if text is None else f'spec: Invalid value: "{text}": {why}'

    assert refusal(stored, replace(stored.spec, containers=[asked])) == wanted


MORE = replace(SPEC, containers=[replace(APP, resources=amounts("cpu=2 memory=1Gi", "cpu=2 memory=2Gi")), SIDE])


def status_of(resources: v1.ResourceRequirements | None, *, is_running: bool = True) -> v1.PodStatus:
    state = v1.ContainerState(running=v1.ContainerStateRunning()) if is_running else v1.ContainerState()
    return v1.PodStatus(
        qos_class="Burstable", container_statuses=[v1.ContainerStatus(name="app", state=state, resources=resources)]
    )


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        (
            replace(POD, metadata=replace(POD.metadata, annotations={"kubernetes.io/config.mirror": "x"})),
            "[]: Forbidden: static pods cannot be resized",
        ),
        (
            replace(POD, spec=replace(SPEC, os=v1.PodOS(name="windows"))),
            "[]: Forbidden: windows pods cannot be resized",
        ),
        (replace(POD, spec=replace(SPEC, os=v1.PodOS(name="linux"))), ""),
        (replace(POD, status=status_of(None)), "spec: Forbidden: Pod running on node without support for resize"),
        (replace(POD, status=status_of(None, is_running=False)), ""),
        (replace(POD, status=status_of(APP.resources)), ""),
    ],
)
def test_pods(stored: v1.Pod, text: str) -> None:
    assert refusal(stored, replace(MORE, os=stored.spec.os)) == text


INIT_POLICY = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
INIT_MUTABLE = "only cpu and memory resources for init or sidecar containers are mutable"


@pytest.mark.parametrize(
    ("before", "requests", "init_too", "text"),
    [
        ({}, "cpu=2", False, "spec: Forbidden: resources for non-sidecar init containers are immutable"),
        ({}, "cpu=1", False, ""),
        ({}, "", False, "spec: Forbidden: resources for non-sidecar init containers are immutable"),
        ({}, "cpu=2", True, ""),
        ({}, "", True, "spec.initContainers[0].resources.requests: Forbidden: resource requests cannot be removed"),
        ({}, "cpu=2 ephemeral-storage=1Gi", True, f"spec.initContainers[0]: Forbidden: {INIT_MUTABLE}"),
        ({"resize_policy": RESTART}, "cpu=2", True, f"spec.initContainers[0]: Forbidden: {INIT_POLICY}"),
        ({"resize_policy": RESTART}, "cpu=1", True, ""),
        ({"restart_policy": "Always", "resize_policy": RESTART}, "cpu=2", False, ""),
        (
            {"restart_policy": "Always"},
            "",
            False,
            "spec.initContainers[0].resources.requests: Forbidden: resource requests cannot be removed",
        ),
        (
            {"restart_policy": "Always"},
            "cpu=2 ephemeral-storage=1Gi",
            False,
            f"spec.initContainers[0]: Forbidden: {INIT_MUTABLE}",
        ),
    ],
)
def test_init_containers(before: dict[str, Any], requests: str, init_too: bool, text: str) -> None:
    stored = pod_of(APP, init_containers=[container("init", "cpu=1", **before)])
    asked = replace(stored.spec, init_containers=[container("init", requests, **before)])

    assert refusal(stored, asked, InPlacePodVerticalScalingInitContainers=init_too) == text


@pytest.mark.parametrize(
    ("init", "text"),
    [
        ([], "spec.initContainers: Forbidden: initContainers may not be added or removed on resize"),
        (
            [container("other")],
            "spec.initContainers[0].name: Forbidden: initContainers may not be renamed or reordered on resize",
        ),
    ],
)
def test_other_init_containers(init: list[v1.Container], text: str) -> None:
    stored = pod_of(APP, init_containers=[container("init")])

    assert refusal(stored, replace(stored.spec, init_containers=init)) == text


BOTH_REMOVED = (
    "[spec.resources.requests: Forbidden: pod-level resource requests cannot be removed, "
    "spec.resources.limits: Forbidden: pod-level resource limits cannot be removed]"
)
LEVEL_IS_OFF = (
    "[]: Forbidden: resize of pods with pod-level resources is forbidden when "
    "InPlacePodLevelResourcesVerticalScalingEnabled feature gate is disabled"
)


@pytest.mark.parametrize(
    ("before", "after", "is_on", "text"),
    [
        (amounts("cpu=2"), amounts("cpu=3"), True, ""),
        (None, amounts("cpu=3"), False, ""),
        (amounts("cpu=2"), amounts("cpu=3"), False, LEVEL_IS_OFF),
        (amounts(), amounts(), False, ""),
        (amounts("cpu=2"), None, True, "spec.resources: Forbidden: pod-level resources cannot be removed"),
        (
            amounts("cpu=2", "cpu=3"),
            amounts("memory=3Gi"),
            True,
            BOTH_REMOVED,
        ),
        (
            amounts("cpu=2"),
            amounts("cpu=2 hugepages-2Mi=4Mi"),
            True,
            "spec: Forbidden: only cpu and memory resources are mutable at pod-level",
        ),
    ],
)
def test_resources_of_the_pod(
    before: v1.ResourceRequirements | None, after: v1.ResourceRequirements | None, is_on: bool, text: str
) -> None:
    stored = pod_of(SIDE, resources=before, qos="")
    asked = replace(stored.spec, resources=after)

    assert refusal(stored, asked, InPlacePodLevelResourcesVerticalScaling=is_on) == text


@pytest.mark.parametrize(
    ("version", "policy", "limit", "is_refused"),
    [
        ("1.33", [], "1Gi", True),
        ("1.33", RESTART, "1Gi", False),
        ("1.33", [], "2048Mi", False),
        ("1.33", [], "3Gi", False),
        ("1.34", [], "1Gi", False),
    ],
)
def test_memory_shrinks_since_1_34(
    version: str, policy: list[v1.ContainerResizePolicy], limit: str, is_refused: bool
) -> None:
    stored = pod_of(replace(APP, resize_policy=policy))
    resources = amounts("cpu=1 memory=1Gi", f"cpu=2 memory={limit}")
    asked = replace(stored.spec, containers=[replace(APP, resize_policy=policy, resources=resources)])
    why = "memory limits cannot be decreased unless resizePolicy is RestartContainer"
    wanted = f"spec.containers[0].resources.limits[memory]: Forbidden: {why}" if is_refused else ""

    assert refusal(stored, asked, version=version) == wanted


TOO_MUCH = "node didn't have enough allocatable resources: "
BOTH_TOO_MUCH = (
    f"{TOO_MUCH}cpu, requested: 8100, allocatable: 4000; memory, requested: 9663676416, allocatable: 8589934592"
)
WINDOWS = replace(NODE, metadata=v1.ObjectMeta(name="w", labels={"kubernetes.io/os": "windows"}))
EMPTY = v1.Node(metadata=v1.ObjectMeta(name="n"))


@pytest.mark.parametrize(
    ("version", "node", "requests", "text"),
    [
        ("1.36", NODE, "cpu=3900m memory=8Gi", ""),
        ("1.36", NODE, "cpu=3901m memory=1Gi", f"{TOO_MUCH}cpu, requested: 4001, allocatable: 4000"),
        ("1.36", NODE, "cpu=1 memory=9Gi", f"{TOO_MUCH}memory, requested: 9663676416, allocatable: 8589934592"),
        (
            "1.36",
            NODE,
            "cpu=8 memory=9Gi",
            BOTH_TOO_MUCH,
        ),
        ("1.35", NODE, "cpu=8 memory=9Gi", ""),
        ("1.36", None, "cpu=2 memory=1Gi", 'node "n" not found'),
        ("1.36", None, "cpu=1 memory=1Gi", ""),
        ("1.36", WINDOWS, "cpu=2 memory=1Gi", 'pod resize is only supported on linux nodes, node "w" is "windows"'),
        (
            "1.36",
            EMPTY,
            "cpu=2 memory=1Gi",
            f"{TOO_MUCH}cpu, requested: 2100, allocatable: 0; memory, requested: 1073741824, allocatable: 0",
        ),
    ],
)
def test_the_node_has_to_hold_it_since_1_36(version: str, node: v1.Node | None, requests: str, text: str) -> None:
    limits = "cpu=9 memory=9Gi" if requests != "cpu=1 memory=1Gi" else "cpu=2 memory=2Gi"
    asked = replace(SPEC, containers=[replace(APP, resources=amounts(requests, limits)), SIDE])

    assert refusal(POD, asked, version=version, node=node) == text


def test_without_the_gate_there_is_no_such_resource() -> None:
    with pytest.raises(InputError) as refused:
        resized(POD, MORE, version="1.32")

    assert str(refused.value) == (
        "default/p: the server could not find the requested resource; "
        "in-place resize needs the feature gate InPlacePodVerticalScaling, which is off here"
    )


MANIFEST = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: app, image: x, resources: {requests: {cpu: 100m}}}]}
"""


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ({"metadata": {"name": "q"}}, "default/p: a patch cannot change what an object is; change resources only"),
        ({"spec": {"containers": [{"image": "x"}]}}, "spec.containers[0]: does not contain declared merge key: name"),
        (
            {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "-1"}}}]}},
            'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
    ],
)
def test_patches_that_a_node_refuses(patch: dict[str, Any], text: str) -> None:
    with kubesim.Node() as node:
        node.apply(MANIFEST)
        with pytest.raises(InputError) as refused:
            node.resize("default/p", patch)

    assert text in str(refused.value)


def test_the_gates_of_the_node_judge_what_is_asked_for() -> None:
    """What only a gate of this node lets a pod have is no mistake when the pod is resized."""
    signal = MANIFEST.replace("image: x,", "image: x, lifecycle: {stopSignal: SIGUSR1},")
    pod = signal.replace("spec: {", "spec: {os: {name: linux}, ")
    patch = {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "200m"}}}]}}
    with kubesim.Node(config={"featureGates": {"ContainerStopSignals": True}}) as node:
        node.apply(pod)
        node.resize("default/p", patch)
        (container,) = node.pod("default/p")["spec"]["containers"]

    assert container["resources"] == {"requests": {"cpu": "200m"}}
    assert container["lifecycle"] == {"stopSignal": "SIGUSR1"}
