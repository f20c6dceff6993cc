"""Pods on a Windows node."""

from typing import Any

import pytest

from kubesim.cri import api


@pytest.fixture
def windows(new_story: Any) -> Any:
    return new_story(os="windows")


def test_plain_pod(windows: Any, c: Any) -> None:
    windows.pod(c("a"), terminationGracePeriodSeconds=2)
    windows.run("5s")
    assert windows.is_running("a")
    assert "user" not in windows.of("a")
    windows.node.delete("default/web")
    windows.run("20s")
    assert windows.node.pods() == []


def test_configuration_is_for_windows(windows: Any, c: Any) -> None:
    windows.pod(c("a", securityContext={"windowsOptions": {"runAsUserName": "ContainerUser"}}))
    windows.run("5s")
    created = next(one.request for one in windows.node.journal if one.method == "CreateContainer")
    assert created.config.windows.security_context.run_as_username == "ContainerUser"
    assert not created.config.HasField("linux")
    # What has no place in the Windows part of a sandbox is in its Linux part.
    assert created.sandbox_config.linux.security_context.seccomp.profile_type == api.SecurityProfile.RuntimeDefault
    assert not created.sandbox_config.linux.cgroup_parent


def test_a_preshutdown_ends_the_pods(new_story: Any, c: Any) -> None:
    story = new_story(os="windows", config={"shutdownGracePeriod": "20s", "shutdownGracePeriodCriticalPods": "5s"})
    story.pod(c("a"), terminationGracePeriodSeconds=60)
    story.run("5s")
    story.node.shutdown()
    story.run("40s")
    status = story.status()
    assert (status["phase"], status["reason"]) == ("Failed", "Terminated")
    disruption = next(one for one in status["conditions"] if one["type"] == "DisruptionTarget")
    assert (disruption["status"], disruption["reason"]) == ("True", "TerminationByKubelet")
    story.check(
        story.calls(methods={"StopContainer"}),
        """
        5.000s StopContainer a/0 timeout=15
        """,
    )


def created(story: Any) -> Any:
    return next(one.request for one in story.node.journal if one.method == "CreateContainer")


def test_paths_are_on_a_drive(windows: Any, c: Any) -> None:
    mounts = [
        {"name": "scratch", "mountPath": "/scratch", "subPath": "a/b"},
        {"name": "cm", "mountPath": "C:\\config"},
        {"name": "host", "mountPath": "\\\\.\\pipe\\agent"},
    ]
    volumes = [
        {"name": "scratch", "emptyDir": {}},
        {"name": "cm", "configMap": {"name": "c"}},
        {"name": "host", "hostPath": {"path": "/data"}},
    ]
    windows.node.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}})
    windows.pod(c("a", volumeMounts=mounts, workingDir="C:\\app"), volumes=volumes)
    windows.run("5s")
    assert windows.is_running("a"), windows.status()
    request = created(windows)
    uid = windows.node.pod("default/web")["metadata"]["uid"]
    folder = f"c:\\var\\lib\\kubelet\\pods\\{uid}"
    shown = [
        (one.container_path, one.host_path.rpartition("\\containers\\")[0] or one.host_path)
        for one in request.config.mounts
    ]
    assert shown == [
        ("/scratch", f"{folder}\\volumes\\kubernetes.io~empty-dir\\scratch\\a\\b"),
        ("C:\\config", f"{folder}\\volumes\\kubernetes.io~configmap\\cm"),
        ("\\\\.\\pipe\\agent", "c:/data"),
        (r"C:\Windows\System32\drivers\etc\hosts", f"{folder}\\etc-hosts"),
        ("c:/dev/termination-log", folder),
    ]
    assert request.sandbox_config.log_directory == f"\\var\\log\\pods\\default_web_{uid}"
    assert request.config.log_path == "a\\0.log"
    assert not any(one.propagation for one in request.config.mounts)
    assert windows.node.exec("default/web", ["cat", "/config/a"]).stdout == b"1"
    assert windows.node.exec(
        "default/web", ["sh", "-c", "pwd; grep web /Windows/System32/drivers/etc/hosts"]
    ).stdout.startswith(b"/app\n")


def test_termination_messages_come_from_the_file_and_from_the_log(windows: Any, c: Any) -> None:
    policy = {"terminationMessagePolicy": "FallbackToLogsOnError"}
    windows.pod(
        c("a", "sh", "-c", "echo told > /dev/termination-log; exit 1"),
        c("b", "sh", "-c", "echo logged; exit 1", **policy),
        restartPolicy="Never",
    )
    windows.run("5s")
    assert windows.of("a")["state"]["terminated"]["message"] == "told\n"
    assert windows.of("b")["state"]["terminated"]["message"] == "logged\n"


def test_limits_become_shares_of_all_processors(windows: Any, c: Any) -> None:
    resources = {"requests": {"cpu": "100m"}, "limits": {"cpu": "1500m", "memory": "64Mi"}}
    windows.pod(c("a", resources=resources))
    windows.run("5s")
    found = created(windows).config.windows.resources
    assert (found.cpu_maximum, found.memory_limit_in_bytes, found.cpu_shares) == (3750, 64 * 1024**2, 0)


def test_the_status_tells_the_share_that_the_runtime_keeps(windows: Any, c: Any) -> None:
    """A share of four processors is told in ten-thousandths: what is cut off of a limit does not come back."""
    asked = {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"cpu": "333m", "memory": "64Mi"}}
    windows.pod(c("a", resources=asked), c("b", resources={"requests": {"cpu": "100m"}}))
    windows.run("5s")
    assert windows.of("a")["resources"] == {**asked, "limits": {"cpu": "332m", "memory": "64Mi"}}
    # Of a container without limits the runtime says nothing, and the kubelet's record knows no amount that is not set.
    assert windows.of("b")["resources"] == {"requests": {"cpu": "100m", "memory": "0"}}


def test_linux_identities_are_not_told(windows: Any, c: Any) -> None:
    windows.pod(
        c("a"), securityContext={"runAsUser": 1000, "runAsGroup": 3000, "fsGroup": 2000, "supplementalGroups": [5]}
    )
    windows.run("5s")
    context = created(windows).sandbox_config.linux.security_context
    assert not context.HasField("run_as_user")
    assert not context.HasField("run_as_group")
    assert list(context.supplemental_groups) == [5]


HOST_PROCESS = {"windowsOptions": {"hostProcess": True, "runAsUserName": "NT AUTHORITY\\SYSTEM"}}


def test_host_processes(windows: Any, c: Any) -> None:
    windows.pod(c("a"), securityContext=HOST_PROCESS, hostNetwork=True)
    windows.run("5s")
    assert windows.is_running("a")
    request = created(windows)
    assert request.config.windows.security_context.host_process
    assert request.config.windows.security_context.run_as_username == "NT AUTHORITY\\SYSTEM"
    assert request.sandbox_config.windows.security_context.host_process
    # Its container has the node's own files, the hosts file among them.
    assert "/etc/hosts" not in {one.container_path for one in request.config.mounts}


def test_group_managed_service_accounts(windows: Any, c: Any) -> None:
    windows.pod(
        c("a", securityContext={"windowsOptions": {"gmsaCredentialSpec": "{own}"}}),
        c("b"),
        securityContext={"windowsOptions": {"gmsaCredentialSpec": "{pod}"}},
    )
    windows.run("5s")
    requests = [one.request for one in windows.node.journal if one.method == "CreateContainer"]
    specs = {one.config.metadata.name: one.config.windows.security_context.credential_spec for one in requests}
    assert specs == {"a": "{own}", "b": "{pod}"}
    assert requests[0].sandbox_config.windows.security_context.credential_spec == "{pod}"


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}},
            "SysctlForbidden",
            'Pod was rejected: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowlisted',
        ),
        (
            {"resources": {"limits": {"cpu": "1"}}},
            "PodLevelResourcesNotSupported",
            "Pod was rejected: pod-level resources are not supported on Windows",
        ),
        (
            {"os": {"name": "linux"}},
            "PodOSNotSupported",
            "Pod was rejected: Failed to admit pod as the OS field doesn't match node OS",
        ),
    ],
)
def test_refused_pods(windows: Any, c: Any, spec: dict[str, Any], reason: str, message: str) -> None:
    windows.pod(c("a"), **spec)
    windows.run("2s")
    status = windows.status()
    assert (status["phase"], status["reason"], status["message"]) == ("Failed", reason, message)


def test_the_administrator_is_root(windows: Any, c: Any) -> None:
    options = {"runAsUserName": "containerADMINISTRATOR"}
    windows.pod(c("a", securityContext={"runAsNonRoot": True, "windowsOptions": options}))
    windows.run("5s")
    text = (
        "container's runAsUserName (containerADMINISTRATOR) which will be regarded as root identity and will break "
        'non-root policy (pod: "web_default(UID)", container: a)'
    )
    assert windows.waiting() == f"CreateContainerConfigError: {text}"


def test_memory_pressure_has_the_threshold_of_windows(windows: Any, c: Any) -> None:
    windows.pod(c("a"))
    windows.run("5s")
    windows.node.fill_memory("15900Mi")
    windows.run("30s")
    assert windows.status()["reason"] == "Evicted"
    assert "Threshold quantity: 500Mi" in windows.status()["message"]
