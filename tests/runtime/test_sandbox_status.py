"""PodSandboxStatus, ListPodSandbox, and how ids are looked up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import Code, api


def asking(node: Any, pod: str, *, verbose: bool = False) -> Any:
    return node.cri.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=verbose))


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", "an error occurred when try to find sandbox: not found"),
        ("cri-o-1.36", 'could not find pod "f0f0": PodSandbox with ID starting with f0f0 not found: ID does not exist'),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(asking(node, "f0f0"))
    assert (error.code, error.message) == (Code.NOT_FOUND, message)


def test_an_id_that_fits_several(node: Any) -> None:
    for index in range(20):
        node.run_pod(node.pod_config(f"pod-{index}"))
    first_digits = [item.id[0] for item in node.pods()]
    digit = next(digit for digit in first_digits if first_digits.count(digit) > 1)
    error = node.refused(asking(node, digit))
    assert error.code is Code.UNKNOWN
    expected = f"an error occurred when try to find sandbox: Multiple IDs found with provided prefix: {digit}"
    assert error.message == expected


def test_an_empty_id(node: Any) -> None:
    error = node.refused(asking(node, ""))
    assert error.code is Code.UNKNOWN
    assert error.message == "an error occurred when try to find sandbox: prefix can't be empty"


def test_a_nul_in_an_id_is_just_an_id_that_is_not_there(node: Any) -> None:
    assert node.refused(asking(node, "\0")).code is Code.NOT_FOUND
    assert node.refused(asking(node, "a" * 100_000)).code is Code.NOT_FOUND


def test_namespace_options_are_there_where_the_runtime_shows_them(node: Any, crio: Any) -> None:
    assert node.pod_status(node.run_pod()).linux.HasField("namespaces")
    assert not crio.pod_status(crio.run_pod()).HasField("linux")


def test_the_runtime_handler(node: Any, crio: Any) -> None:
    assert node.pod_status(node.run_pod(handler="runc")).runtime_handler == "runc"
    pod = crio.run_pod(handler="crun")
    assert crio.pod_status(pod).runtime_handler == ""
    assert crio.pods()[0].runtime_handler == "crun"


def test_verbose_info_of_containerd(node: Any) -> None:
    pod = node.run_pod(node.pod_config(hostname="h"))
    info = json.loads(node.do(asking(node, pod, verbose=True)).info["info"])
    assert info["processStatus"] == "running"
    assert info["pid"] > 0
    assert info["config"]["hostname"] == "h"
    assert info["cniResult"]["Interfaces"]["eth0"]["IPConfigs"] == [{"IP": "10.88.0.2", "Gateway": "10.88.0.1"}]
    assert info["cniResult"]["Interfaces"]["eth0"]["Mac"] == "0a:58:0a:58:00:02"
    assert info["runtimeSpec"]["annotations"]["io.kubernetes.cri.sandbox-id"] == pod
    node.stop_pod(pod)
    info = json.loads(node.do(asking(node, pod, verbose=True)).info["info"])
    assert (info["pid"], info["processStatus"], info["netNamespaceClosed"]) == (0, "deleted", True)


@pytest.mark.parametrize(("profile", "has_info"), [("containerd-2.3", True), ("containerd-2.2", False)])
def test_info_without_verbose(new_node: Any, profile: str, has_info: bool) -> None:
    node = new_node(profile)
    response = node.do(asking(node, node.run_pod()))
    assert bool(response.info) is has_info
    if has_info:
        assert json.loads(response.info["info"])["pid"] == 0


def test_verbose_info_of_crio_depends_on_the_pause_process(crio: Any) -> None:
    info = json.loads(crio.do(asking(crio, crio.run_pod(), verbose=True)).info["info"])
    assert set(info) == {"image", "pid", "runtimeSpec"}
    options = api.NamespaceOption(pid=api.CONTAINER)
    security = api.LinuxSandboxSecurityContext(namespace_options=options)
    config = crio.pod_config("own", linux=api.LinuxPodSandboxConfig(security_context=security))
    info = json.loads(crio.do(asking(crio, crio.run_pod(config), verbose=True)).info["info"])
    assert set(info) == {"runtimeSpec"}


def test_updated_resources_are_in_the_info(node: Any) -> None:
    pod = node.run_pod()
    resources = api.LinuxContainerResources(cpu_shares=512)
    request = api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod, resources=resources)
    node.do(node.cri.update_pod_sandbox_resources(request))
    info = json.loads(node.do(asking(node, pod)).info["info"])
    assert info["resources"] == {"linux": {"cpu_shares": 512}}
    assert info["overhead"] == {"linux": {}}


def test_updating_resources_of_a_sandbox_that_is_not_there(node: Any, crio: Any) -> None:
    request = api.UpdatePodSandboxResourcesRequest(pod_sandbox_id="0" * 64)
    error = node.refused(node.cri.update_pod_sandbox_resources(request))
    assert (error.code, error.message) == (Code.NOT_FOUND, "failed to find sandbox: not found")
    error = crio.refused(crio.cri.update_pod_sandbox_resources(request))
    assert error.code is Code.NOT_FOUND
    assert error.message.startswith('could not find pod "000')


@pytest.fixture
def three(node: Any) -> tuple[Any, list[str]]:
    """Three sandboxes; the last one is stopped."""
    labels = ({"app": "a"}, {"app": "b"}, {"app": "a", "tier": "x"})
    pods = [node.run_pod(node.pod_config(f"p{index}", labels=own)) for index, own in enumerate(labels)]
    node.stop_pod(pods[2])
    return node, pods


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"state": api.PodSandboxStateValue(state=api.SANDBOX_READY)}, [0, 1]),
        ({"state": api.PodSandboxStateValue(state=api.SANDBOX_NOTREADY)}, [2]),
        ({"label_selector": {"app": "a"}}, [0, 2]),
        ({"label_selector": {"app": "a", "tier": "x"}}, [2]),
        ({"label_selector": {"tier": ""}}, []),
        ({"id": "ffffffff"}, []),
        ({"id": "not hex"}, []),
    ],
)
def test_filters(three: Any, selection: dict[str, Any], expected: list[int]) -> None:
    node, pods = three
    assert [item.id for item in node.pods(**selection)] == [pods[index] for index in expected]


def test_a_filter_by_id_takes_a_prefix_and_all_parts_must_match(three: Any) -> None:
    node, pods = three
    assert [item.id for item in node.pods(id=pods[1][:16])] == [pods[1]]
    assert node.pods(id=pods[1], label_selector={"app": "a"}) == []


def test_a_row_follows_the_sandbox(three: Any) -> None:
    node, pods = three
    before = node.pods(id=pods[0])[0]
    node.stop_pod(pods[0])
    after = node.pods(id=pods[0])[0]
    assert (before.state, after.state) == (api.SANDBOX_READY, api.SANDBOX_NOTREADY)
    after.labels["app"] = "changed by the caller"
    assert node.pods(id=pods[0])[0].labels["app"] == "a"


def test_event_statuses_where_the_profile_has_them(new_node: Any) -> None:
    node = new_node("ideal")
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "100")
    response = node.do(asking(node, pod))
    assert [status.id for status in response.containers_statuses] == [ctr]
    assert response.timestamp == node.kernel.now_ns
