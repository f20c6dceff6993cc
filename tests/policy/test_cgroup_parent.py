"""The cgroup of a pod, and what happens under the other driver."""

import pytest

from kubesim.policy.cgroup_parent import cgroup_parent_refusal, container_cgroups_path, pod_cgroup_parent
from kubesim.policy.qos import QosClass
from kubesim.runtime.profiles import load_profile

UID = "1f-2e"
SLICES = "/kubepods.slice/kubepods-"


@pytest.mark.parametrize(
    ("driver", "qos", "expected"),
    [
        ("systemd", QosClass.GUARANTEED, f"{SLICES}pod1f_2e.slice"),
        ("systemd", QosClass.BURSTABLE, f"{SLICES}burstable.slice/kubepods-burstable-pod1f_2e.slice"),
        ("systemd", QosClass.BEST_EFFORT, f"{SLICES}besteffort.slice/kubepods-besteffort-pod1f_2e.slice"),
        ("cgroupfs", QosClass.GUARANTEED, "/kubepods/pod1f-2e"),
        ("cgroupfs", QosClass.BURSTABLE, "/kubepods/burstable/pod1f-2e"),
        ("cgroupfs", QosClass.BEST_EFFORT, "/kubepods/besteffort/pod1f-2e"),
    ],
)
def test_the_parent_a_kubelet_sends(driver, qos, expected):
    assert pod_cgroup_parent(driver=driver, qos=qos, uid=UID) == expected


RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got '
)


@pytest.mark.parametrize(
    ("profile", "driver", "parent", "expected"),
    [
        ("containerd-2.3", "systemd", "/kubepods.slice/kubepods-pod1.slice", None),
        ("containerd-2.3", "systemd", "/test.slice/", None),
        ("containerd-2.3", "systemd", "", None),
        ("containerd-2.3", "systemd", "/kubepods/pod1", f'{RUNC}"/kubepods/pod1/s1" instead'),
        ("containerd-2.3", "cgroupfs", "/kubepods/pod1", None),
        ("containerd-2.3", "cgroupfs", "/kubepods.slice/kubepods-pod1.slice", None),
        ("cri-o-1.36", "systemd", "/kubepods.slice/kubepods-pod1.slice", None),
        ("cri-o-1.36", "systemd", "", None),
        (
            "cri-o-1.36",
            "systemd",
            "/kubepods/pod1",
            "cri-o configured with systemd cgroup manager, but did not receive slice as parent: /kubepods/pod1",
        ),
        ("cri-o-1.36", "cgroupfs", "/kubepods/pod1", None),
        (
            "cri-o-1.36",
            "cgroupfs",
            "/a.slice",
            "cri-o configured with cgroupfs cgroup manager, but received systemd slice as parent: /a.slice",
        ),
    ],
)
def test_what_a_runtime_says(profile, driver, parent, expected):
    refusal = cgroup_parent_refusal(parent, driver=driver, profile=load_profile(profile), sandbox_id="s1")

    assert refusal == expected


def test_the_sandbox_is_not_always_known():
    refusal = cgroup_parent_refusal("/k", driver="systemd", profile=load_profile("containerd-2.3"))

    assert refusal == f'{RUNC}"/k" instead'


def test_what_containerd_writes_into_a_spec():
    assert container_cgroups_path("/a.slice/a-b.slice", "c1") == "a-b.slice:cri-containerd:c1"
    assert container_cgroups_path("/kubepods/pod1", "c1") == "/kubepods/pod1/c1"
