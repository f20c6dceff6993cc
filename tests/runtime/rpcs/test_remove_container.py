"""RemoveContainer."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.runtime.timings import Timings


def own_pids() -> api.LinuxContainerConfig:
    options = api.NamespaceOption(pid=api.CONTAINER)
    return api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(namespace_options=options))


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
@pytest.mark.parametrize("unknown", ["0" * 64, "5b6d0fc7-5a5e-4b59-8f6c-0f5b0f6e7a11"])
def test_what_is_not_there_is_fine(new_node: Any, profile: str, unknown: str) -> None:
    node = new_node(profile)
    node.run_pod()
    before = node.pods()

    assert node.do(node.removing(unknown)) == api.RemoveContainerResponse()
    assert node.pods() == before, "what is there is not touched"


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        ("containerd-2.3", Code.UNKNOWN, 'an error occurred when try to find container "": prefix can\'t be empty'),
        ("cri-o-1.36", Code.NOT_FOUND, 'could not find container "": container ID should not be empty'),
    ],
)
def test_an_empty_id_is_refused(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    error = node.refused(node.removing(""))
    assert (error.code, error.message) == (code, message)


def test_removal(node: Any) -> None:
    pod = node.run_pod()
    for name, command in (("created", None), ("running", "100"), ("exited", "0")):
        if command is None:
            ctr = node.create(pod, node.container_config("true", name=name))
        else:
            ctr = node.start(pod, "sleep", command, name=name)
        node.advance(1)
        node.do(node.removing(ctr))
        node.do(node.removing(ctr))
        assert node.containers() == []
    assert len(node.runtime._daemon.container_names) == 0
    assert node.runtime._daemon.sandboxes.get(pod).containers == {}


def test_crio_removes_with_a_grace(crio: Any) -> None:
    ctr = crio.start(crio.run_pod(), "sleep", "1000", linux=own_pids())
    start_ns = crio.kernel.now_ns
    crio.do(crio.removing(ctr))
    assert crio.kernel.now_ns - start_ns == 10 * 10**9


def test_the_log_stays(node: Any) -> None:
    pod_config = node.pod_config(log_directory="/logs")
    ctr = node.start(node.run_pod(pod_config), "echo", "hi", log_path="0.log", pod_config=pod_config)
    node.advance(1)
    node.do(node.removing(ctr))
    assert b"hi" in node.files.read("/logs/0.log")


def test_a_removal_under_way_is_a_claim(measured: Any) -> None:
    pod = measured.run_pod()
    ctr = measured.create(pod, measured.container_config("true"))
    first = measured.spawn(measured.removing(ctr))
    measured.advance(0.001)
    message = f'failed to set removing state for container "{ctr}": container is already in removing state'
    assert measured.refused(measured.removing(ctr)).message == message
    measured.advance(1)
    assert first.error is None


def test_what_a_removal_holds_up(new_node: Any) -> None:
    node = new_node(timings=Timings(remove_container_ns=10**9))
    ctr = node.create(node.run_pod(), node.container_config("true"))
    node.spawn(node.removing(ctr))
    node.advance(0.1)
    assert node.refused(node.starting(ctr)).message.endswith("container is in removing state, can't be started")
    request = api.UpdateContainerResourcesRequest(container_id=ctr, linux=api.LinuxContainerResources(cpu_shares=2))
    message = f'failed to update resources: container "{ctr}" is in removing state'
    assert node.refused(node.cri.update_container_resources(request)).message == message
    assert node.status(ctr).state == api.CONTAINER_CREATED
