"""The OCI specs in verbose answers, in both dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import api

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
DEFAULT = api.SecurityProfile(profile_type=api.SecurityProfile.RuntimeDefault)


def spec_of(node: Any, ctr: str) -> Any:
    request = api.ContainerStatusRequest(container_id=ctr, verbose=True)
    return json.loads(node.do(node.cri.container_status(request)).info["info"])["runtimeSpec"]


def sandbox_spec_of(node: Any, pod: str) -> Any:
    request = api.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=True)
    return json.loads(node.do(node.cri.pod_sandbox_status(request)).info["info"])["runtimeSpec"]


def created(node: Any, pod_config: Any = None, mounts: Any = (), **security: Any) -> Any:
    linux = api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(**security))
    pod_config = pod_config or node.pod_config()
    config = node.container_config("true", linux=linux, mounts=mounts)
    return spec_of(node, node.create(node.run_pod(pod_config), config, pod_config))


@pytest.mark.parametrize(
    ("profile", "parent", "path", "pod_path"),
    [
        (CONTAINERD, "/kubepods/pod1", "/kubepods/pod1/{ctr}", "/kubepods/pod1/{pod}"),
        (CONTAINERD, "", "/k8s.io/{ctr}", "/k8s.io/{pod}"),
        (CONTAINERD, "/a.slice/a-b.slice", "a-b.slice:cri-containerd:{ctr}", "a-b.slice:cri-containerd:{pod}"),
        (CRIO, "/a.slice/a-b.slice", "a-b.slice:crio:{ctr}", "a-b.slice:crio:{pod}"),
        (CRIO, "", "system.slice:crio:{ctr}", "system.slice:crio:{pod}"),
    ],
)
def test_the_cgroup(new_node: Any, profile: str, parent: str, path: str, pod_path: str) -> None:
    node = new_node(profile)
    pod_config = node.pod_config(linux=api.LinuxPodSandboxConfig(cgroup_parent=parent))
    pod = node.run_pod(pod_config)
    ctr = node.create(pod, node.container_config("true"), pod_config)
    assert spec_of(node, ctr)["linux"]["cgroupsPath"] == path.format(ctr=ctr)
    assert sandbox_spec_of(node, pod)["linux"]["cgroupsPath"] == pod_path.format(pod=pod)


def test_crio_under_cgroupfs(new_node: Any) -> None:
    node = new_node(CRIO, cgroup_driver="cgroupfs")
    ctr = node.create(node.run_pod(), node.container_config("true"))
    assert spec_of(node, ctr)["linux"]["cgroupsPath"] == f"/crio/crio-{ctr}"


NODE_NAMESPACES = api.NamespaceOption(network=api.NODE, ipc=api.NODE, pid=api.NODE)


@pytest.mark.parametrize(
    ("profile", "options", "own", "joined"),
    [
        (CONTAINERD, api.NamespaceOption(), {"mount", "cgroup"}, {"pid", "ipc", "uts", "network"}),
        (CONTAINERD, api.NamespaceOption(pid=api.CONTAINER), {"pid", "mount", "cgroup"}, {"ipc", "uts", "network"}),
        (CONTAINERD, NODE_NAMESPACES, {"mount", "cgroup"}, {"pid", "ipc", "uts", "network"}),
        (CRIO, api.NamespaceOption(), {"mount", "cgroup"}, {"pid", "ipc", "uts", "network"}),
        (CRIO, api.NamespaceOption(pid=api.CONTAINER), {"pid", "mount", "cgroup"}, {"ipc", "uts", "network"}),
        (CRIO, NODE_NAMESPACES, {"mount", "cgroup"}, set()),
    ],
)
def test_namespaces(new_node: Any, profile: str, options: Any, own: set[str], joined: set[str]) -> None:
    node = new_node(profile)
    security = api.LinuxSandboxSecurityContext(namespace_options=options)
    pod_config = node.pod_config(linux=api.LinuxPodSandboxConfig(security_context=security))
    paths = {
        namespace["type"]: namespace.get("path", "")
        for namespace in created(node, pod_config, namespace_options=options)["linux"]["namespaces"]
    }
    assert {kind for kind, path in paths.items() if not path} == own
    assert {kind for kind, path in paths.items() if path} == joined
    if "network" in joined:
        assert paths["network"].startswith("/var/run/netns/" if profile == CRIO else "/proc/")


def test_the_pid_namespace_of_a_target(node: Any) -> None:
    pod = node.run_pod()
    target = node.start(pod, "sleep", "1000", name="target")
    options = api.NamespaceOption(pid=api.TARGET, target_id=target)
    linux = api.LinuxContainerConfig(security_context=api.LinuxContainerSecurityContext(namespace_options=options))
    spec = spec_of(node, node.create(pod, node.container_config("true", linux=linux)))
    info = api.ContainerStatusRequest(container_id=target, verbose=True)
    pid = json.loads(node.do(node.cri.container_status(info)).info["info"])["pid"]
    assert {"type": "pid", "path": f"/proc/{pid}/ns/pid"} in spec["linux"]["namespaces"]


@pytest.mark.parametrize(
    ("profile", "root", "own_files"),
    [
        (CONTAINERD, "rootfs", {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/shm"}),
        (CRIO, "/var/lib/containers/", {"/etc/hostname", "/etc/resolv.conf", "/run/.containerenv", "/dev/shm"}),
    ],
)
def test_mounts(new_node: Any, profile: str, root: str, own_files: set[str]) -> None:
    node = new_node(profile)
    node.files.make_dirs("/real")
    node.files.make_link("/link", "real")
    mounts = [
        api.Mount(container_path="/etc/hostname", host_path="/link", readonly=True),
        api.Mount(container_path="/a/b/c", host_path="/real"),
        api.Mount(container_path="/x", host_path="/real", propagation=api.PROPAGATION_HOST_TO_CONTAINER),
    ]
    spec = created(node, mounts=mounts)
    by_path = {mount["destination"]: mount for mount in spec["mounts"]}
    assert spec["root"]["path"].startswith(root)
    assert {"/proc", "/dev", "/dev/pts", "/dev/mqueue", "/sys", "/sys/fs/cgroup"} | own_files <= set(by_path)
    assert len(by_path) == len(spec["mounts"])
    assert (by_path["/etc/hostname"]["source"], by_path["/etc/hostname"]["options"][-1]) == ("/real", "ro")
    assert by_path["/x"]["options"] == ["rbind", "rslave", "rw"]
    assert spec["linux"]["rootfsPropagation"] == "rslave"
    order = [mount["destination"] for mount in spec["mounts"]]
    assert order.index("/x") < order.index("/etc/hostname") < order.index("/a/b/c")


def test_a_mount_over_dev_takes_what_is_in_it(node: Any) -> None:
    spec = created(node, mounts=[api.Mount(container_path="/dev/", host_path="/dev")])
    assert not {"/dev", "/dev/pts", "/dev/mqueue"} & {mount["destination"] for mount in spec["mounts"]}


def test_what_a_privileged_container_has(node: Any) -> None:
    sandbox = api.LinuxPodSandboxConfig(security_context=api.LinuxSandboxSecurityContext(privileged=True))
    spec = created(
        node,
        node.pod_config(linux=sandbox),
        privileged=True,
        seccomp=DEFAULT,
        apparmor=DEFAULT,
        masked_paths=["/proc/x"],
    )
    options = {mount["destination"]: mount["options"] for mount in spec["mounts"]}
    assert "rw" in options["/sys"]
    assert "rw" in options["/sys/fs/cgroup"]
    assert "seccomp" not in spec["linux"]
    assert "apparmorProfile" not in spec["process"]
    assert spec["linux"]["maskedPaths"] == []
    assert spec["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "cgroup" not in {namespace["type"] for namespace in spec["linux"]["namespaces"]}


@pytest.mark.parametrize(("profile", "apparmor"), [(CONTAINERD, "cri-containerd.apparmor.d"), (CRIO, "crio-default")])
def test_security_profiles(new_node: Any, profile: str, apparmor: str) -> None:
    node = new_node(profile)
    spec = created(node, seccomp=DEFAULT)
    assert spec["process"]["apparmorProfile"] == apparmor
    assert spec["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_ERRNO"
    node = new_node(profile)
    assert "seccomp" not in created(node)["linux"]
    node = new_node(profile)
    node.files.write("/s.json", b'{"defaultAction": "SCMP_ACT_LOG"}')
    named = api.SecurityProfile(profile_type=api.SecurityProfile.Localhost, localhost_ref="/s.json")
    assert created(node, seccomp=named)["linux"]["seccomp"] == {"defaultAction": "SCMP_ACT_LOG"}


def test_the_annotations_of_containerd(node: Any) -> None:
    resources = api.LinuxContainerResources(cpu_period=100000, memory_limit_in_bytes=1 << 20)
    pod_config = node.pod_config(log_directory="/logs", linux=api.LinuxPodSandboxConfig(resources=resources))
    pod = node.run_pod(pod_config)
    ctr = node.create(pod, node.container_config("true"), pod_config)
    begin = "io.kubernetes.cri."
    shared = {
        f"{begin}sandbox-id": pod,
        f"{begin}sandbox-name": "pod",
        f"{begin}sandbox-namespace": "ns",
        f"{begin}sandbox-uid": "uid-pod",
    }
    assert spec_of(node, ctr)["annotations"] == shared | {
        f"{begin}container-type": "container",
        f"{begin}container-name": "ctr",
        f"{begin}image-name": "registry.example/busybox:1",
    }
    assert sandbox_spec_of(node, pod)["annotations"] == shared | {
        f"{begin}container-type": "sandbox",
        f"{begin}podsandbox.image-name": node.runtime.profile.pause_image,
        f"{begin}sandbox-log-directory": "/logs",
        f"{begin}sandbox-cpu-period": "100000",
        f"{begin}sandbox-cpu-quota": "0",
        f"{begin}sandbox-cpu-shares": "0",
        f"{begin}sandbox-memory": "1048576",
    }


def test_the_annotations_of_crio(crio: Any) -> None:
    pod_config = crio.pod_config(annotations={"of": "pod"}, labels={"l": "1"})
    pod = crio.run_pod(pod_config)
    config = crio.container_config(
        "true",
        annotations={"io.kubernetes.pod.terminationGracePeriod": "30"},
        labels={"a": "b"},
        mounts=[api.Mount(container_path="/data", host_path="/data")],
        stdin=True,
    )
    ctr = crio.create(pod, config, pod_config)
    annotations = spec_of(crio, ctr)["annotations"]
    own = {key.removeprefix("io.kubernetes.cri-o."): value for key, value in annotations.items()}
    assert own["io.container.manager"] == "cri-o"
    assert (own["ContainerID"], own["SandboxID"], own["ContainerType"]) == (ctr, pod, "container")
    assert (own["Name"], own["SandboxName"]) == ("k8s_ctr_pod_ns_uid-pod_0", "k8s_pod_ns_uid-pod_0")
    assert (own["Stdin"], own["StdinOnce"], own["TTY"]) == ("true", "false", "false")
    assert json.loads(own["Metadata"]) == {"name": "ctr"}
    assert json.loads(own["Labels"]) == {"a": "b"}
    assert json.loads(own["Volumes"])[0]["host_path"] == "/data"
    assert (own["IP.0"], own["SeccompProfilePath"]) == (crio.pod_status(pod).network.ip, "Unconfined")
    assert (own["of"], own["a"]) == ("pod", "b")
    assert own["org.systemd.property.TimeoutStopUSec"] == "uint64 30000000"
    sandbox = sandbox_spec_of(crio, pod)["annotations"]
    assert sandbox["io.kubernetes.cri-o.ContainerType"] == "sandbox"
    assert sandbox["io.kubernetes.cri-o.KubeName"] == "pod"
    assert sandbox["io.kubernetes.cri-o.ContainerName"] == "k8s_POD_pod_ns_uid-pod_0"
    assert json.loads(sandbox["io.kubernetes.cri-o.Labels"])["l"] == "1"
    assert spec_of(crio, ctr)["hostname"] == crio.runtime._daemon.sandboxes.get(pod).hostname
