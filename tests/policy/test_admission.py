"""Which pods the kubelet refuses, and with which words."""

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.admission import AdmissionNode, AdmissionPod, HostPort, Rejection, Room, admit, missing_resources
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.node_affinity import NodeAffinity
from kubesim.policy.qos import QosClass
from kubesim.policy.taints import Taint, Toleration

CAPACITY = {"cpu": 2000, "memory": 4096, "ephemeral-storage": 100, "pods": 110}
NODE = AdmissionNode(name="n1", labels={"zone": "a"}, allocatable=CAPACITY, used={"cpu": 150}, pods=3)
POD = AdmissionPod(node_name="n1")


def refusal(pod: AdmissionPod, node: AdmissionNode = NODE, **options: object) -> tuple[str, str] | None:
    rejection = admit(pod, node, **options)
    return None if rejection is None else (rejection.reason, rejection.message)


def test_a_pod_that_fits_is_admitted() -> None:
    requests = {"cpu": 1850, "memory": 4096, "ephemeral-storage": 100}
    pod = replace(POD, requests=requests, affinity=NodeAffinity(node_selector=(("zone", "a"),)))
    assert refusal(pod) is None


def test_the_texts_of_a_rejection() -> None:
    rejection = admit(replace(POD, requests={"cpu": 64000}), NODE)
    assert rejection == Rejection(
        reason="OutOfcpu",
        message="Node didn't have enough resource: cpu, requested: 64000, used: 150, capacity: 2000",
        lacking="cpu",
        missing=62150,
    )
    assert rejection.status_message == f"Pod was rejected: {rejection.message}"
    assert rejection.metric_reason == "OutOfcpu"


MEMORY_TOLERATION = Toleration(key="node.kubernetes.io/memory-pressure", operator="Exists", effect="NoSchedule")


@pytest.mark.parametrize(
    ("pressures", "pod", "message"),
    [
        (("DiskPressure",), POD, "The node had condition: [DiskPressure]. "),
        (("MemoryPressure",), POD, "The node had condition: [MemoryPressure]. "),
        (("MemoryPressure", "DiskPressure"), POD, "The node had condition: [MemoryPressure DiskPressure]. "),
        (("MemoryPressure",), replace(POD, qos=QosClass.BURSTABLE), None),
        (("MemoryPressure",), replace(POD, tolerations=(MEMORY_TOLERATION,)), None),
        (("DiskPressure",), replace(POD, qos=QosClass.BURSTABLE), "The node had condition: [DiskPressure]. "),
        (("DiskPressure",), replace(POD, is_static=True), None),
        (("DiskPressure",), replace(POD, is_mirror=True), None),
        (("DiskPressure",), replace(POD, priority=2_000_000_000), None),
        (("DiskPressure",), replace(POD, priority=1_999_999_999), "The node had condition: [DiskPressure]. "),
    ],
)
def test_pressure(pressures: tuple[str, ...], pod: AdmissionPod, message: str | None) -> None:
    assert refusal(pod, replace(NODE, pressures=pressures)) == (None if message is None else ("Evicted", message))


OS_LABEL = (
    "PodOSSelectorNodeLabelDoesNotMatch",
    "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
)
OS_FIELD = ("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"labels": {"kubernetes.io/os": "windows"}}, OS_LABEL),
        ({"labels": {"kubernetes.io/os": "linux"}}, None),
        ({"os_name": "windows"}, OS_FIELD),
        ({"os_name": "linux"}, None),
    ],
)
def test_operating_system(fields: dict[str, object], expected: tuple[str, str] | None) -> None:
    assert refusal(replace(POD, **fields)) == expected


STRICT = (
    "SupplementalGroupsPolicyNotSupported",
    "SupplementalGroupsPolicy=Strict is not supported in this node",
)


@pytest.mark.parametrize(
    ("policy", "supported", "version", "expected"),
    [
        ("Strict", None, "1.36", STRICT),
        ("Strict", False, "1.33", STRICT),
        ("Strict", True, "1.36", None),
        ("Strict", None, "1.32", None),  # alpha: admitted, and merged by the runtime
        ("Strict", None, "1.30", None),
        ("Merge", None, "1.36", None),
        (None, None, "1.36", None),
    ],
)
def test_strict_groups(
    policy: str | None, supported: bool | None, version: str, expected: tuple[str, str] | None
) -> None:
    pod = replace(POD, supplemental_groups_policy=policy)
    node = replace(NODE, supplemental_groups_policy=supported)
    assert refusal(pod, node, kubelet_version=version) == expected


def out_of(name: str, requested: int, used: int, capacity: int) -> tuple[str, str]:
    amounts = f"requested: {requested}, used: {used}, capacity: {capacity}"
    return (f"OutOf{name}", f"Node didn't have enough resource: {name}, {amounts}")


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        ({"cpu": 1851}, out_of("cpu", 1851, 150, 2000)),
        ({"memory": 5000, "cpu": 100}, out_of("memory", 5000, 0, 4096)),
        ({"ephemeral-storage": 101}, out_of("ephemeral-storage", 101, 0, 100)),
        ({"hugepages-2Mi": 1}, out_of("hugepages-2Mi", 1, 0, 0)),
        ({"example.com/gpu": 1}, None),  # unknown to the node: somebody else's business
        ({"cpu": 9000, "memory": 9000}, out_of("cpu", 9000, 150, 2000)),
        ({"hugepages-2Mi": 0}, None),
    ],
)
def test_resources(requests: dict[str, int], expected: tuple[str, str] | None) -> None:
    assert refusal(replace(POD, requests=requests)) == expected


def test_extended_resources_of_the_node() -> None:
    node = replace(NODE, allocatable={**CAPACITY, "example.com/gpu": 2}, used={"example.com/gpu": 1})
    assert refusal(replace(POD, requests={"example.com/gpu": 1}), node) is None
    assert refusal(replace(POD, requests={"example.com/gpu": 2}), node) == out_of("example.com/gpu", 2, 1, 2)


def test_too_many_pods() -> None:
    assert refusal(POD, replace(NODE, pods=110)) == out_of("pods", 1, 110, 110)
    assert refusal(POD, replace(NODE, pods=109)) is None
    assert refusal(POD, replace(NODE, allocatable={})) == out_of("pods", 1, 3, 0)


def predicate(name: str, why: str) -> tuple[str, str]:
    return name, f"Predicate {name} failed: {why}"


def test_node_selector_and_node_name() -> None:
    pod = replace(POD, affinity=NodeAffinity(node_selector=(("zone", "b"),)))
    expected = predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector")
    assert refusal(pod) == expected
    rejection = admit(pod, NODE)
    assert rejection is not None
    assert rejection.metric_reason == "Other"
    wrong = predicate("NodeName", "node(s) didn't match the requested node name")
    assert refusal(replace(POD, node_name="n2")) == wrong
    assert refusal(replace(POD, node_name="")) is None


@pytest.mark.parametrize(
    ("wanted", "taken", "conflicts"),
    [
        (HostPort(port=80), HostPort(port=80), True),
        (HostPort(port=80), HostPort(port=81), False),
        (HostPort(port=80), HostPort(port=80, protocol="UDP"), False),
        (HostPort(port=80, host_ip="10.0.0.1"), HostPort(port=80), True),
        (HostPort(port=80), HostPort(port=80, host_ip="10.0.0.1"), True),
        (HostPort(port=80, host_ip="10.0.0.1"), HostPort(port=80, host_ip="10.0.0.1"), True),
        (HostPort(port=80, host_ip="10.0.0.1"), HostPort(port=80, host_ip="10.0.0.2"), False),
        (HostPort(port=0), HostPort(port=0), False),
    ],
)
def test_host_ports(wanted: HostPort, taken: HostPort, conflicts: bool) -> None:
    expected = predicate("NodePorts", "node(s) didn't have free ports for the requested pod ports")
    node = replace(NODE, host_ports=(taken,))
    assert refusal(replace(POD, host_ports=(wanted,)), node) == (expected if conflicts else None)


NO_EXECUTE = Taint(key="k", value="v", effect="NoExecute")
TAINTED = predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate")


@pytest.mark.parametrize(
    ("taint", "pod", "expected"),
    [
        (NO_EXECUTE, POD, TAINTED),
        (NO_EXECUTE, replace(POD, tolerations=(Toleration(key="k", value="v"),)), None),
        (NO_EXECUTE, replace(POD, is_static=True), None),
        (replace(NO_EXECUTE, effect="NoSchedule"), POD, None),
    ],
)
def test_taints(taint: Taint, pod: AdmissionPod, expected: tuple[str, str] | None) -> None:
    assert refusal(pod, replace(NODE, taints=(taint,))) == expected


@pytest.mark.parametrize(
    ("uses", "error", "os", "refused"),
    [
        (True, "off", "linux", True),
        (False, "off", "linux", False),
        (True, "", "linux", False),
        (True, "off", "windows", False),
    ],
)
def test_apparmor(uses: bool, error: str, os: str, refused: bool) -> None:
    expected = ("AppArmor", "Cannot enforce AppArmor: off") if refused else None
    assert refusal(replace(POD, uses_apparmor=uses), replace(NODE, os=os, apparmor_error=error)) == expected


def test_declared_features() -> None:
    pod = replace(POD, required_features=("B", "C", "A"))
    node = replace(NODE, declared_features=("C",))
    expected = ("PodFeatureUnsupported", "Pod requires node features that are not available: A, B")
    assert refusal(pod, node) == expected
    assert refusal(pod, node, gates=resolve_gates("1.34")) is None
    assert refusal(pod, replace(node, declared_features=("A", "B", "C"))) is None


def test_shutdown_refuses_everybody() -> None:
    node = replace(NODE, is_shutting_down=True)
    rejection = admit(replace(POD, priority=2_000_000_000, is_static=True), node)
    assert rejection is not None
    assert rejection.reason == "NodeShutdown"
    assert rejection.status_message == "Pod was rejected: Pod was rejected as the node is shutting down."


def test_the_first_handler_that_refuses_wins() -> None:
    node = replace(
        NODE,
        pressures=("PIDPressure",),
        pods=110,
        taints=(NO_EXECUTE,),
        apparmor_error="off",
        is_shutting_down=True,
    )
    pod = replace(
        POD,
        os_name="windows",
        supplemental_groups_policy="Strict",
        node_name="n2",
        uses_apparmor=True,
        required_features=("A",),
    )
    repairs = [
        ("Evicted", {}, {"pressures": ()}),
        ("PodOSNotSupported", {"os_name": None}, {}),
        ("SupplementalGroupsPolicyNotSupported", {"supplemental_groups_policy": None}, {}),
        ("OutOfpods", {}, {"pods": 0}),
        ("NodeName", {"node_name": "n1"}, {}),
        ("TaintToleration", {}, {"taints": ()}),
        ("AppArmor", {"uses_apparmor": False}, {}),
        ("PodFeatureUnsupported", {"required_features": ()}, {}),
        ("NodeShutdown", {}, {"is_shutting_down": False}),
    ]
    for reason, pod_repair, node_repair in repairs:
        rejection = admit(pod, node)
        assert rejection is not None
        assert rejection.reason == reason
        pod, node = replace(pod, **pod_repair), replace(node, **node_repair)
    assert admit(pod, node) is None


def test_what_would_have_to_be_freed_for_a_critical_pod() -> None:
    node = AdmissionNode(name="n", allocatable={"pods": 1, "cpu": 1000, "memory": 10}, used={"cpu": 800}, pods=1)
    pod = AdmissionPod(requests={"cpu": 500, "memory": 5, "ephemeral-storage": 3})
    assert missing_resources(pod, node) == {"pods": 1, "cpu": 300, "ephemeral-storage": 3}
    assert admit(pod, node, room=Room.WANTED) is None
    refused = admit(pod, node)
    assert refused is not None
    assert refused.lacking == "pods"


def test_handlers_behind_the_one_that_makes_room_are_asked_when_it_is_made() -> None:
    node = replace(NODE, pressures=("DiskPressure",), apparmor_error="AppArmor is not enabled on the host")
    pod = replace(POD, uses_apparmor=True, requests={"cpu": 64000})
    for given, room, reason in (
        (node, Room.WANTED, "Evicted"),
        (replace(node, pressures=()), Room.WANTED, None),
        (node, Room.MADE, "AppArmor"),
    ):
        refused = admit(pod, given, room=room)
        assert (None if refused is None else refused.reason) == reason


def test_sysctls_and_pod_level_resources_of_a_windows_node() -> None:
    text = 'forbidden sysctl: "kernel.sem" not allowlisted'
    assert refusal(AdmissionPod(forbidden_sysctl=text)) == ("SysctlForbidden", text)
    pod = AdmissionPod(has_pod_level_resources=True)
    assert refusal(pod) is None
    assert refusal(pod, replace(NODE, os="windows")) == (
        "PodLevelResourcesNotSupported",
        "pod-level resources are not supported on Windows",
    )
