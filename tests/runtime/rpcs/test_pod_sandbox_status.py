"""PodSandboxStatus, and how ids of sandboxes are looked up."""

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


def test_event_statuses_where_the_profile_has_them(new_node: Any) -> None:
    node = new_node("ideal")
    pod = node.run_pod()
    ctr = node.start(pod, "sleep", "100")
    response = node.do(asking(node, pod))
    assert [status.id for status in response.containers_statuses] == [ctr]
    assert response.timestamp == node.kernel.now_ns
