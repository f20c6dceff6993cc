"""ContainerStatus, and how ids of containers are looked up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import Code, api

BUSYBOX = "registry.example/busybox:1"


def asking(node: Any, ctr: str, *, verbose: bool = False) -> Any:
    return node.cri.container_status(api.ContainerStatusRequest(container_id=ctr, verbose=verbose))


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", 'an error occurred when try to find container "f0": not found'),
        (
            "cri-o-1.36",
            'could not find container "f0": container with ID starting with f0 not found: ID does not exist',
        ),
    ],
)
def test_one_that_is_not_there(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    error = node.refused(asking(node, "f0"))
    assert (error.code, error.message) == (Code.NOT_FOUND, message)


def test_a_prefix_is_enough_and_the_whole_id_is_answered(node: Any) -> None:
    ctr = node.create(node.run_pod(), node.container_config("true"))
    assert node.status(ctr[:7]).id == ctr


@pytest.mark.parametrize(
    ("profile", "has_image_id", "has_user", "has_signal"),
    [
        ("containerd-1.7", False, False, False),
        ("containerd-2.0", False, True, False),
        ("containerd-2.2", False, True, False),
        ("containerd-2.3", True, True, True),
        ("cri-o-1.29", False, False, False),
        ("cri-o-1.30", True, False, False),
        ("cri-o-1.36", True, True, False),
        ("ideal", True, True, True),
    ],
)
def test_fields_by_version(new_node: Any, profile: str, has_image_id: bool, has_user: bool, has_signal: bool) -> None:
    node = new_node(profile)
    ctr = node.create(node.run_pod(), node.container_config("true"))
    status = node.status(ctr)
    assert bool(status.image_id) is has_image_id
    assert status.HasField("user") is has_user
    assert bool(status.stop_signal) is has_signal
    assert node.containers()[0].image_id in ("", status.image_id)


def test_the_image_as_containerd_shows_it(node: Any) -> None:
    found = node.catalogue.find(BUSYBOX)
    config = node.container_config("true", image=found.id)
    config.image.user_specified_image = BUSYBOX
    ctr = node.create(node.run_pod(), config)
    status, row = node.status(ctr), node.containers()[0]
    digest = f"registry.example/busybox@{found.digest}"
    assert (status.image.image, status.image_ref, status.image_id) == (BUSYBOX, digest, found.id)
    assert (row.image, row.image_ref, row.image_id) == (config.image, found.id, found.id)
    node.do(node.cri.remove_image(api.RemoveImageRequest(image=api.ImageSpec(image=BUSYBOX))))
    status = node.status(ctr)
    assert (status.image, status.image_ref, status.image_id) == (config.image, found.id, found.id)


def test_the_image_as_crio_shows_it(crio: Any) -> None:
    found = crio.catalogue.find(BUSYBOX)
    bare_id = found.id.partition(":")[2]
    config = crio.container_config("true", image=bare_id)
    config.image.user_specified_image = BUSYBOX
    ctr = crio.create(crio.run_pod(), config)
    status, row = crio.status(ctr), crio.containers()[0]
    digest = f"registry.example/busybox@{found.digest}"
    assert (status.image.image, status.image_ref, status.image_id) == (BUSYBOX, digest, bare_id)
    assert (row.image, row.image_ref) == (api.ImageSpec(image=bare_id), digest)


@pytest.mark.parametrize("profile", ["cri-o-1.28.3", "cri-o-1.29.1"])
def test_the_image_as_early_crio_shows_it(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    bare_id = node.catalogue.find(BUSYBOX).id.partition(":")[2]
    ctr = node.create(node.run_pod(), node.container_config("true"))
    assert (node.status(ctr).image_ref, node.containers()[0].image_ref) == (bare_id, bare_id)


def test_info_is_there_when_it_is_asked_for(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "100")
    assert not node.do(asking(node, ctr)).info
    info = json.loads(node.do(asking(node, ctr, verbose=True)).info["info"])
    assert set(info) == {
        "sandboxID", "pid", "removing", "snapshotKey", "snapshotter", "runtimeType", "runtimeOptions", "config",
        "runtimeSpec",
    }  # fmt: skip
    assert info["pid"] > 0
    node.do(node.stopping(ctr))
    assert json.loads(node.do(asking(node, ctr, verbose=True)).info["info"])["pid"] == 0


def test_the_parts_of_the_spec_that_tools_look_for(node: Any) -> None:
    security = api.LinuxContainerSecurityContext(
        run_as_user=api.Int64Value(value=1000),
        capabilities=api.Capability(add_capabilities=["net_admin"], drop_capabilities=["KILL"]),
        namespace_options=api.NamespaceOption(pid=api.CONTAINER),
        readonly_rootfs=True,
        no_new_privs=True,
    )
    resources = api.LinuxContainerResources(cpu_shares=512, memory_limit_in_bytes=1 << 30, oom_score_adj=900)
    pod_config = node.pod_config(linux=api.LinuxPodSandboxConfig(cgroup_parent="/kubepods/pod1"))
    pod = node.run_pod(pod_config)
    mount = api.Mount(container_path="/data", host_path="/data", readonly=True)
    config = node.container_config(
        "sleep",
        "100",
        mounts=[mount],
        linux=api.LinuxContainerConfig(security_context=security, resources=resources),
        envs=[api.KeyValue(key="A", value=b"b")],
    )
    ctr = node.create(pod, config, pod_config)
    spec = json.loads(node.do(asking(node, ctr, verbose=True)).info["info"])["runtimeSpec"]
    process = spec["process"]
    assert process["user"] == {"uid": 1000, "gid": 1000, "additionalGids": [1000, 50000]}
    assert process["args"] == ["sleep", "100"]
    assert "A=b" in process["env"]
    assert "CAP_NET_ADMIN" in process["capabilities"]["bounding"]
    assert "CAP_KILL" not in process["capabilities"]["bounding"]
    assert (process["noNewPrivileges"], process["oomScoreAdj"]) == (True, 900)
    assert spec["root"] == {"path": "rootfs", "readonly": True}
    linux = spec["linux"]
    assert linux["cgroupsPath"] == f"/kubepods/pod1/{ctr}"
    assert linux["resources"] == {
        "devices": [{"allow": False, "access": "rwm"}],
        "memory": {"limit": 1 << 30, "swap": 1 << 30},
        "cpu": {"shares": 512},
    }
    kinds = {namespace["type"]: namespace.get("path", "") for namespace in linux["namespaces"]}
    assert kinds["pid"] == ""
    assert kinds["network"].startswith("/proc/")
    options = {mount["destination"]: mount["options"] for mount in spec["mounts"]}
    assert options["/data"] == ["rbind", "rprivate", "ro"]
    assert spec["annotations"]["io.kubernetes.cri.sandbox-id"] == pod
