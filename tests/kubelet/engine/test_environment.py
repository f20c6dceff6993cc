"""The environment of a container."""

import pytest

from kubesim.kernel import Kernel
from kubesim.kubelet.config_objects import ConfigObjects
from kubesim.kubelet.downward_api import DownwardApi
from kubesim.kubelet.env_files import EnvFiles
from kubesim.kubelet.environment import Environments
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.volumes import ContainerConfigError
from kubesim.model import k8s_v1 as v1
from kubesim.node.api_server import ApiServer
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.userland.files.host_files import MemoryHostFiles

NODE = NodeSettings(node_name="n", node_ip="192.0.2.2", cgroup_driver="systemd", gates=DEFAULT_GATES)
POD = v1.Pod(
    metadata=v1.ObjectMeta(name="web", namespace="shop", uid="u-1", labels={"app": "x"}, annotations={"a/b": "y"}),
    spec=v1.PodSpec(node_name="n", service_account_name="default"),
)


def field(name: str, path: str) -> v1.EnvVar:
    return v1.EnvVar(name=name, value_from=v1.EnvVarSource(field_ref=v1.ObjectFieldSelector(field_path=path)))


def environment(*variables: v1.EnvVar, pod_ips: tuple[str, ...] = ("10.0.0.5", "fd00::5")) -> dict[str, str]:
    objects = ConfigObjects(get_config_map=lambda *_: None, get_secret=lambda *_: None)
    downward = DownwardApi(node=NODE, allocatable=dict)
    kernel = Kernel()
    recorder = EventRecorder(kernel, ApiServer(kernel, node_name="n"), node_name="n")
    container = v1.Container(name="a", env=list(variables))
    files = EnvFiles(MemoryHostFiles(), PodDirectories(), Klog(kernel))
    return Environments(objects, downward, recorder, files, tuple).of(POD, container, pod_ips=pod_ips)


def test_literal_values_refer_to_earlier_ones() -> None:
    found = environment(
        v1.EnvVar(name="A", value="1"),
        v1.EnvVar(name="B", value="$(A)2"),
        v1.EnvVar(name="C", value="$(D) $$(A) $(A"),
        v1.EnvVar(name="D", value="late"),
    )
    assert found == {"A": "1", "B": "12", "C": "$(D) $(A) $(A", "D": "late"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "u-1"),
        ("metadata.labels['app']", "x"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['a/b']", "y"),
        ("spec.nodeName", "n"),
        ("spec.serviceAccountName", "default"),
        ("status.hostIP", "192.0.2.2"),
        ("status.podIP", "10.0.0.5"),
        ("status.podIPs", "10.0.0.5,fd00::5"),
    ],
)
def test_fields_of_the_pod(path: str, value: str) -> None:
    assert environment(field("X", path)) == {"X": value}


def test_a_value_from_a_field_is_not_expanded_but_can_be_referred_to() -> None:
    assert environment(field("N", "metadata.name"), v1.EnvVar(name="M", value="<$(N)>"))["M"] == "<web>"


def test_no_address_yet() -> None:
    assert environment(field("X", "status.podIP"), pod_ips=()) == {"X": ""}


def test_unknown_field() -> None:
    with pytest.raises(ContainerConfigError, match=r"unsupported fieldPath: spec\.nonsense"):
        environment(field("X", "spec.nonsense"))
