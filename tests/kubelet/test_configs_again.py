"""A container that starts again gets what it would get from a kubelet that never started it before."""

from typing import Any

import pytest
from msgspec.structs import replace

from kubesim.cri import api
from kubesim.kubelet.container_config import ContainerConfigs, ContainerRequest, RunOptions
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.volumes import ContainerConfigError
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.qos import QosClass
from kubesim.userland.files.host_files import MemoryHostFiles

NODE = NodeSettings(node_name="n", node_ip="192.0.2.2", cgroup_driver="systemd", gates=DEFAULT_GATES)
APP = v1.Container(name="app", image="app:1", command=["sh", "-c", "echo $(WHO)"])
POD = v1.Pod(
    metadata=v1.ObjectMeta(name="web", namespace="default", uid="u1"),
    spec=v1.PodSpec(containers=[APP], security_context=v1.PodSecurityContext(run_as_non_root=True)),
)
REQUEST = ContainerRequest(
    pod=POD,
    container=APP,
    attempt=0,
    qos=QosClass.BEST_EFFORT,
    image_ref="sha256:1",
    image_uid=1000,
    pod_ips=("10.0.0.2",),
    image_volumes={},
    target_container_id="",
    user_namespace=None,
    unique="01234567",
)


def configs() -> ContainerConfigs:
    unused: Any = None
    return ContainerConfigs(NODE, MemoryHostFiles(), PodDirectories(), unused, unused)


def built(maker: ContainerConfigs, request: ContainerRequest) -> api.ContainerConfig:
    mount = api.Mount(container_path="/dev/termination-log", host_path=f"/{request.unique}")
    return maker.build(request, RunOptions(environment={"WHO": request.unique}, mounts=[mount]))


def of_container(**changes: Any) -> ContainerRequest:
    changed = replace(APP, **changes)
    return replace(REQUEST, container=changed, pod=replace(POD, spec=replace(POD.spec, containers=[changed])))


def of_metadata(**changes: Any) -> ContainerRequest:
    return replace(REQUEST, pod=replace(POD, metadata=replace(POD.metadata, **changes)))


CHANGES = {
    "nothing": REQUEST,
    "another start": replace(REQUEST, attempt=3, unique="76543210"),
    "a status": replace(REQUEST, pod=replace(POD, status=v1.PodStatus(phase="Running"))),
    "QoS class": replace(REQUEST, qos=QosClass.GUARANTEED),
    "image": of_container(image="app:2"),
    "id of the image": replace(REQUEST, image_ref="sha256:2"),
    "user of the image": replace(REQUEST, image_uid=1001),
    "target": replace(REQUEST, target_container_id="c9"),
    "user namespace": replace(REQUEST, user_namespace=api.UserNamespace(mode=api.NODE)),
    "resources": of_container(resources=v1.ResourceRequirements(limits={"memory": "64Mi"})),
    "profile": of_metadata(annotations={"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}),
    "end": of_metadata(deletion_grace_period_seconds=7),
    "pod": of_metadata(name="other"),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=list(CHANGES))
def test_a_container_is_described_as_if_for_the_first_time(changed: ContainerRequest) -> None:
    maker = configs()
    first = built(maker, REQUEST)
    again = built(maker, changed)
    assert again == built(configs(), changed)
    assert (again == first) is (changed in (REQUEST, CHANGES["a status"]))
    assert built(maker, REQUEST) == first


def test_a_user_that_is_refused_is_refused_again_and_again() -> None:
    maker, as_root = configs(), replace(REQUEST, image_uid=0)
    built(maker, REQUEST)
    for _ in range(2):
        with pytest.raises(ContainerConfigError, match="image will run as root"):
            built(maker, as_root)
