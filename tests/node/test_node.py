"""`kubesim.Node` as a user meets it: pods in virtual time, what can be seen, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri.errors import CriError
from kubesim.errors import InputError, SimulationStalled
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.node.node import Node

SECOND_NS = 1_000_000_000
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 3
  containers:
  - name: ctr
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, 1h]
"""


@pytest.fixture
def node() -> Iterator[Node]:
    with Node() as one:
        yield one


def test_a_pod_runs_and_its_objects_are_plain_data(node: Node, tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text(POD)

    assert node.apply(path) == ["default/web"]
    node.advance("5s")
    assert node.pod("default/web")["status"]["phase"] == "Running"
    assert [pod["metadata"]["name"] for pod in node.pods()] == ["web"]
    assert node.status()["kind"] == "Node"
    assert node.status()["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.0"
    assert {event["reason"] for event in node.events} >= {"Pulled", "Created", "Started"}
    methods = [entry.method for entry in node.journal]
    assert methods.index("RunPodSandbox") < methods.index("CreateContainer") < methods.index("StartContainer")
    assert node.configz()["kind"] == "KubeletConfiguration"
    assert "kubelet_started_pods_errors_total" in node.metrics()


@pytest.mark.parametrize("source", [POD, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}}])
def test_text_and_dicts_are_sources_too(source: str | dict[str, object], node: Node) -> None:
    if isinstance(source, dict):
        source = {**source, "spec": {"containers": [{"name": "ctr", "image": "busybox"}]}}

    assert node.apply(source) == ["default/web"]


def test_time_moves_only_by_advance(node: Node) -> None:
    before_ns = node.now_ns
    node.apply(POD)
    node.pod("default/web")
    node.status()
    assert node.now_ns == before_ns

    node.advance("90s")
    assert node.now_ns == before_ns + 90 * SECOND_NS


def test_advance_until_a_condition_holds(node: Node) -> None:
    node.apply(POD)
    before_ns = node.now_ns
    node.advance(until=lambda: node.pod("default/web")["status"]["phase"] == "Running")

    assert 0 < node.now_ns - before_ns < SECOND_NS
    with pytest.raises(SimulationStalled, match="the condition did not hold within 5s of virtual time"):
        node.advance(until=lambda: False, at_most="5s")
    with pytest.raises(InputError, match="advance needs a duration or a condition"):
        node.advance()


def test_exec_gives_output_and_exit_code(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    done = node.exec("default/web", ["cat", "/nothing"])

    assert (done.exit_code, done.stdout) == (1, b"")
    assert b"No such file or directory" in done.stderr
    assert node.exec("default/web", ["echo", "hi"], container="ctr").stdout == b"hi\n"


def test_exec_takes_its_time_and_not_more_than_is_given(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    before_ns = node.now_ns
    node.exec("default/web", ["sleep", "7"])
    assert 7 * SECOND_NS <= node.now_ns - before_ns < 8 * SECOND_NS

    with pytest.raises(SimulationStalled, match="exec in default/web did not end within 10s of virtual time"):
        node.exec("default/web", ["sleep", "1h"], at_most="10s")


def test_exec_where_nothing_runs(node: Node) -> None:
    node.apply(POD)
    with pytest.raises(InputError, match='default/web: the pod has no container "x"'):
        node.exec("default/web", ["id"], container="x")
    node.advance("5s")
    with pytest.raises(InputError, match="containers with a status: ctr"):
        node.exec("default/web", ["id"], container="x")
    node.exit_container("default/web", 3)
    node.advance("1200ms")
    with pytest.raises(CriError, match="executable file not found"):
        node.exec("default/web", ["nonsense"])


def test_a_container_that_exits_is_restarted(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    node.exit_container("default/web", 3)
    node.advance("5s")
    (status,) = node.pod("default/web")["status"]["containerStatuses"]

    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 3
    node.exit_container("default/web", 137, reason="OOMKilled")
    node.advance("5s")
    (status,) = node.pod("default/web")["status"]["containerStatuses"]
    assert status["state"]["terminated"]["reason"] == "OOMKilled"


def test_a_deleted_pod_ends_with_grace_and_leaves_nothing(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    node.delete("default/web")
    node.advance("2s")
    assert node.pod("default/web")["metadata"]["deletionGracePeriodSeconds"] == 3
    node.advance("5s")

    assert node.pods() == []
    versions = node.versions("default/web")
    assert [(one["type"], one.get("deletionGracePeriodSeconds")) for one in versions[-2:]] == [
        ("MODIFIED", 0),
        ("DELETED", 0),
    ]
    assert versions[-1]["status"]["phase"] == "Failed"
    assert (node.runtime.statistics().sandboxes, node.runtime.statistics().containers) == (0, 0)


def test_a_deletion_with_grace_zero_is_done_at_once(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    node.delete("default/web", grace_seconds=0)

    assert node.pods() == []
    assert node.runtime.statistics().running == 1
    node.advance("5s")
    assert node.runtime.statistics().sandboxes == 0


def test_apply_again_changes_what_may_change(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    node.apply(POD.replace("{name: web}", "{name: web, labels: {a: b}}"))
    meta = node.pod("default/web")["metadata"]

    assert (meta["labels"], meta["generation"]) == ({"a": "b"}, 1)
    with pytest.raises(InputError, match="pod updates may not change fields other than"):
        node.apply(POD.replace("1h", "2h"))


def test_nothing_is_created_when_a_manifest_has_a_mistake(node: Node) -> None:
    with pytest.raises(InputError, match=r"<text>:\d+:\d+: .*unknown field 'nonsense'"):
        node.apply(f"{POD}---\n{POD.replace('web', 'other')}  nonsense: 1\n")

    assert node.pods() == []


def test_a_restart_of_the_kubelet_leaves_containers_alone(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    before = node.pod("default/web")["status"]["containerStatuses"][0]
    before_ns = node.now_ns
    node.restart_kubelet(down_for="20s")
    assert node.now_ns >= before_ns + 20 * SECOND_NS
    node.advance("30s")
    after = node.pod("default/web")["status"]["containerStatuses"][0]

    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
    assert [event["reason"] for event in node.events].count("Starting") == 2


def test_a_pod_made_while_the_runtime_is_away_waits_for_it(node: Node) -> None:
    node.restart_runtime(down_for="3s")
    node.apply(POD)
    node.advance("2s")
    assert node.pod("default/web")["status"]["phase"] == "Pending"
    node.advance("60s")
    assert node.pod("default/web")["status"]["phase"] == "Running"


def test_a_shutdown_without_configuration_is_over_at_once(node: Node) -> None:
    node.apply(POD)
    node.advance("5s")
    node.shutdown()
    node.advance("1s")

    assert [row["what"] for row in node.timeline()][-1] == "power off"
    assert node.pod("default/web")["status"]["phase"] == "Running"


def test_the_timeline_survives_a_restart_of_the_kubelet() -> None:
    with Node(config={"shutdownGracePeriod": "30s"}) as node:
        node.apply(POD)
        node.advance("5s")
        node.shutdown()
        node.advance("1s")
        before = [row for row in node.timeline() if row["actor"] == "kubelet"]
        node.restart_kubelet()

        assert len(before) > 2
        assert [row for row in node.timeline() if row["actor"] == "kubelet"][: len(before)] == before


def test_a_preshutdown_cannot_be_cancelled() -> None:
    with Node(os="windows") as node, pytest.raises(InputError, match="preshutdown cannot be cancelled"):
        node.cancel_shutdown()


def test_the_same_seed_gives_the_same_versions() -> None:
    def play(seed: int) -> object:
        with Node(seed=seed) as node:
            node.apply(POD)
            node.advance("30s")
            return node.pod("default/web"), [entry.as_dict() for entry in node.journal]

    assert play(1) == play(1)
    assert play(1) != play(2)


def test_a_kubelet_that_registers_no_node() -> None:
    with Node(config={"registerNode": False}) as node, pytest.raises(InputError, match="registers no Node"):
        node.status()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"os": "plan9"}, "plan9"),
        ({"kubelet_version": "1.99"}, "1.99"),
        ({"profile": "docker"}, "unknown profile 'docker'"),
        ({"config": {"shutdownGracePeriodd": "1s"}}, "shutdownGracePeriodd"),
        ({"images": ["nothing.yaml"]}, "nothing.yaml: no such image fixture"),
        ({"config": {"featureGates": {"Nonsense": True}}}, "unrecognized feature gate: Nonsense"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(InputError) as caught:
        Node(**arguments)  # type: ignore[arg-type]  # the arguments are wrong on purpose

    assert text in str(caught.value)


def test_a_configuration_that_a_kubelet_refuses_ends_its_start() -> None:
    config = {"shutdownGracePeriod": "10s", "shutdownGracePeriodCriticalPods": "30s"}

    with pytest.raises((KubeletStartError, InputError), match=r"shutdownGracePeriodCriticalPods"), Node(config=config):
        pass


def test_a_kubelet_that_keeps_back_more_than_the_machine_has_ends_its_start() -> None:
    arguments: dict[str, Any] = {"config": {"kubeReserved": {"cpu": "3"}}, "capacity": {"cpu": "2"}}

    with pytest.raises(KubeletStartError) as caught, Node(**arguments):
        pass
    with Node(**arguments, os="windows") as node:
        assert node.status()["status"]["allocatable"]["cpu"] == "0"

    assert str(caught.value) == (
        'Failed to start ContainerManager: invalid Node Allocatable configuration. Resource "cpu" has a reservation of'
        " {{3 0} {<nil>}  DecimalSI} but capacity of {{2000 -3} {<nil>}  DecimalSI}. Expected capacity >= reservation."
    )


def test_the_gates_of_the_version_decide_what_is_stored() -> None:
    with Node(kubelet_version="1.32") as node:
        node.apply(POD.replace("spec:\n", "spec:\n  securityContext: {supplementalGroupsPolicy: Strict}\n"))
        node.advance("5s")
        pod = node.pod("default/web")

    assert "supplementalGroupsPolicy" not in pod["spec"].get("securityContext", {})
    assert pod["status"]["phase"] == "Running"
    assert "user" not in pod["status"]["containerStatuses"][0]
    assert len(node.versions("default/web")) < 8
