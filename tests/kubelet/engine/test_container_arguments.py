"""What the runtime is told of a container beyond the pod's own words: its paths, security, resources and volumes."""

from typing import Any

import pytest

from kubesim.cri import api

EMPTY = [{"name": "v", "emptyDir": {}}]


def request_of(story: Any, method: str, number: int = -1) -> Any:
    found: Any = [one.request for one in story.node.journal if one.method == method][number]
    return found


def said(story: Any, script: str) -> str:
    answer: bytes = story.node.exec("default/web", ["sh", "-c", script]).stdout
    return answer.decode().strip()


def test_relative_paths_begin_at_the_root(story: Any, c: Any) -> None:
    mounts = [{"name": "v", "mountPath": "data/./x/"}, {"name": "v", "mountPath": "/as/./written/"}]
    script = ("sh", "-c", "echo told > /logs/end; ls -d /data/x; exit 1")
    story.pod(c("a", *script, volumeMounts=mounts, terminationMessagePath="logs/../logs/end"), volumes=EMPTY)
    story.run("3s")
    paths = [one.container_path for one in request_of(story, "CreateContainer", 0).config.mounts]
    assert paths == ["/data/x", "/as/./written/", "/etc/hosts", "/logs/end"]
    ended = story.of("a").get("lastState") or story.of("a")["state"]
    assert ended["terminated"]["message"] == "told\n"


def test_labels_of_selinux_are_passed_on(story: Any, c: Any) -> None:
    """A node without SELinux does nothing with them."""
    own = {"seLinuxOptions": {"user": "u", "role": "r", "type": "t", "level": "s0:c1,c2"}}
    pod = {"seLinuxOptions": {"level": "s0:c3"}}
    story.pod(c("a", securityContext=own), c("b"), securityContext=pod)
    story.run("3s")
    assert [story.is_running("a"), story.is_running("b")] == [True, True]
    of_a, of_b = (
        request_of(story, "CreateContainer", number).config.linux.security_context.selinux_options for number in (0, 1)
    )
    assert (of_a.user, of_a.role, of_a.type, of_a.level) == ("u", "r", "t", "s0:c1,c2")
    sandbox = request_of(story, "RunPodSandbox").config.linux.security_context.selinux_options
    assert (of_b.level, sandbox.level) == ("s0:c3", "s0:c3")


@pytest.mark.parametrize(
    ("meta", "pod", "own"),
    [
        ({}, {"appArmorProfile": {"type": "Unconfined"}}, {}),
        ({}, {}, {"appArmorProfile": {"type": "Unconfined"}}),
        ({"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}}, {}, {}),
    ],
)
def test_no_profile_of_apparmor(story: Any, c: Any, meta: Any, pod: Any, own: Any) -> None:
    story.pod(c("a", securityContext=own), meta=meta, securityContext=pod)
    story.run("3s")
    context = request_of(story, "CreateContainer").config.linux.security_context
    assert (context.apparmor.profile_type, context.apparmor_profile) == (api.SecurityProfile.Unconfined, "unconfined")


@pytest.mark.parametrize("word", ["runtime/default", "localhost/mine"])
def test_a_profile_in_an_annotation_needs_apparmor(story: Any, c: Any, word: str) -> None:
    story.pod(c("a"), meta={"annotations": {"container.apparmor.security.beta.kubernetes.io/a": word}})
    story.run("1s")
    assert (story.status()["reason"], story.status()["message"]) == (
        "AppArmor",
        "Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host",
    )


def test_sysctls_with_slashes(new_story: Any, c: Any) -> None:
    story = new_story(config={"allowedUnsafeSysctls": ["net.ipv4.conf.*"]})
    names = ["net/ipv4/conf/eth0.100/rp_filter", "net.ipv4.conf.eth0/200.rp_filter", "net/ipv4/tcp_syncookies"]
    story.pod(c("a"), securityContext={"sysctls": [{"name": name, "value": "1"} for name in names]})
    story.until(lambda: any(one.method == "RunPodSandbox" for one in story.node.journal))
    assert sorted(request_of(story, "RunPodSandbox", 0).config.linux.sysctls) == [
        "net.ipv4.conf.eth0/100.rp_filter",
        "net.ipv4.conf.eth0/200.rp_filter",
        "net.ipv4.tcp_syncookies",
    ]


def test_what_a_pod_requests_for_itself_protects_its_containers(new_story: Any, c: Any) -> None:
    story = new_story(capacity={"memory": "16Gi"})
    of_a = {"requests": {"memory": "2Gi"}}
    story.pod(c("a", resources=of_a), c("b"), resources={"requests": {"memory": "6Gi"}})
    story.run("3s")
    scores = [request_of(story, "CreateContainer", number).config.linux.resources.oom_score_adj for number in (0, 1)]
    # 4 GiB are left for two: 16 GiB hold 2 + 2, and 0 + 2.
    assert scores == [750, 875]


@pytest.mark.parametrize(
    ("config", "container", "sandbox", "files"),
    [
        ({"cpuCFSQuotaPeriod": "10ms"}, (5000, 10_000), (5000, 10_000), "5000 10000"),
        ({"cpuCFSQuota": False}, (0, 0), (0, 0), "max 100000"),
    ],
)
def test_cpu_is_limited_as_the_kubelet_is_told(
    new_story: Any, c: Any, config: Any, container: Any, sandbox: Any, files: str
) -> None:
    story = new_story(config=config)
    story.pod(c("a", resources={"limits": {"cpu": "500m"}}))
    story.run("3s")
    told = request_of(story, "CreateContainer").config.linux.resources
    assert (told.cpu_quota, told.cpu_period) == container
    told = request_of(story, "RunPodSandbox").config.linux.resources
    assert (told.cpu_quota, told.cpu_period) == sandbox
    assert said(story, "cat /sys/fs/cgroup/cpu.max") == files


def test_a_port_is_mapped_once(story: Any, c: Any) -> None:
    ports = [
        {"containerPort": 80},
        {"containerPort": 80},
        {"containerPort": 80, "protocol": "UDP"},
        {"containerPort": 80, "hostPort": 8080, "hostIP": "127.0.0.1"},
    ]
    story.pod(c("a", ports=ports), c("b", ports=[{"containerPort": 80}]))
    story.run("3s")
    mapped = [
        (one.protocol, one.container_port, one.host_port, one.host_ip)
        for one in request_of(story, "RunPodSandbox").config.port_mappings
    ]
    assert mapped == [
        (api.TCP, 80, 0, ""),
        (api.UDP, 80, 0, ""),
        (api.TCP, 80, 8080, "127.0.0.1"),
        (api.TCP, 80, 0, ""),
    ]


@pytest.mark.parametrize("sees", [{"hostPID": True}, {"shareProcessNamespace": True}])
def test_who_sees_all_processes_needs_no_target(story: Any, c: Any, sees: Any) -> None:
    story.pod(c("a"), **sees)
    story.run("3s")
    story.node.add_ephemeral_container("default/web", {**c("dbg"), "targetContainerName": "a"})
    story.run("3s")
    options = request_of(story, "CreateContainer").config.linux.security_context.namespace_options
    assert (options.pid, options.target_id) == (api.NODE if "hostPID" in sees else api.POD, "")


@pytest.mark.parametrize(
    ("limit", "volume", "kib"),
    [
        ("", {"emptyDir": {"medium": "Memory"}}, 1048576 - 102400),
        ("", {"emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}, 1048576 - 102400),
        ("64Mi", {"emptyDir": {"medium": "Memory"}}, 65536),
        ("64Mi", {"emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}, 65536),
        ("64Mi", {"emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}, 8192),
        ("64Mi", {"secret": {"secretName": "s", "optional": True}}, 65536),
    ],
)
def test_the_room_of_a_volume_in_memory(new_story: Any, c: Any, limit: str, volume: Any, kib: int) -> None:
    """Its own limit, that of the pod, or what pods can have."""
    story = new_story(capacity={"memory": "1Gi"})
    resources = {"limits": {"memory": limit}} if limit else {}
    mounts = [{"name": "v", "mountPath": "/v"}]
    story.pod(c("a", resources=resources, volumeMounts=mounts), volumes=[{"name": "v", **volume}])
    story.run("5s")
    assert said(story, "df -k /v | tail -1 | tr -s ' ' | cut -d' ' -f1,2") == f"tmpfs {kib}"


@pytest.mark.parametrize(
    ("medium", "problem"),
    [
        ("Disk", 'unknown storage medium "Disk"'),
        (
            "HugePages",
            "medium HugePages: hugePages storage requested, but there is no resource request for huge pages",
        ),
        (
            "HugePages-1Gi",
            "medium HugePages-1Gi: hugePages storage requested, but there is no resource request for huge pages",
        ),
        (
            "HugePages-x",
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_a_volume_on_a_medium_that_is_not_there(story: Any, c: Any, medium: str, problem: str) -> None:
    mounts = [{"name": "v", "mountPath": "/v"}]
    story.pod(c("a", volumeMounts=mounts), volumes=[{"name": "v", "emptyDir": {"medium": medium}}])
    story.run("300ms")
    assert story.events().splitlines()[-1] == (
        f'Warning FailedMount: MountVolume.SetUp failed for volume "v" : {problem}'
    )
    assert story.waiting() == "ContainerCreating: "


def test_huge_pages_of_several_sizes_are_told_apart_by_name(new_story: Any, c: Any) -> None:
    story = new_story(capacity={"hugepages-2Mi": "64Mi", "hugepages-1Gi": "2Gi"})
    pages = {"hugepages-2Mi": "4Mi", "hugepages-1Gi": "1Gi", "cpu": "1"}
    mounts = [{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}]
    story.pod(
        c("a", resources={"limits": pages}, volumeMounts=mounts),
        volumes=[
            {"name": "v", "emptyDir": {"medium": "HugePages-2Mi"}},
            {"name": "w", "emptyDir": {"medium": "HugePages"}},
        ],
    )
    story.run("300ms")
    assert (
        story.events()
        .splitlines()[-1]
        .endswith("medium: HugePages can't be used if container requests multiple huge page sizes")
    )
    assert '"w"' in story.events()
    assert '"v"' not in story.events()
