"""What an API server drops because a gate is off."""

import pytest
from msgspec.structs import replace

from kubesim.model import k8s_v1 as v1
from kubesim.node.disabled_fields import without_disabled_fields, without_disabled_status_fields
from kubesim.policy.feature_gates import DEFAULT_GATES, resolve_gates

RULES = [v1.ContainerRestartRule(action="Restart")]
SLEEP = v1.LifecycleHandler(sleep=v1.SleepAction(seconds=1))
EXEC = v1.LifecycleHandler(exec=v1.ExecAction(command=["true"]))
POD = v1.Pod(
    metadata=v1.ObjectMeta(name="p", namespace="default"),
    spec=v1.PodSpec(
        hostname_override="h",
        resources=v1.ResourceRequirements(limits={"cpu": "1"}),
        security_context=v1.PodSecurityContext(supplemental_groups_policy="Strict", run_as_user=1),
        containers=[
            v1.Container(
                name="a",
                restart_policy="Never",
                restart_policy_rules=RULES,
                volume_mounts=[v1.VolumeMount(name="v", recursive_read_only="Enabled")],
            )
        ],
        init_containers=[
            v1.Container(name="sidecar", restart_policy="Always"),
            v1.Container(name="plain", restart_policy="OnFailure", restart_policy_rules=RULES),
        ],
    ),
)


def test_everything_stays_while_its_gate_is_on() -> None:
    assert without_disabled_fields(POD, DEFAULT_GATES) == POD


def test_an_old_api_server_drops_what_it_does_not_have() -> None:
    spec = without_disabled_fields(POD, resolve_gates("1.28")).spec
    (container,) = spec.containers

    assert (spec.hostname_override, spec.resources) == (None, None)
    assert spec.security_context == v1.PodSecurityContext(run_as_user=1)
    assert (container.restart_policy, container.restart_policy_rules) == (None, [])
    assert container.volume_mounts == [v1.VolumeMount(name="v")]
    assert [one.restart_policy for one in spec.init_containers] == [None, None]


@pytest.mark.parametrize(("version", "kept"), [("1.28", None), ("1.29", "Always"), ("1.36", "Always")])
def test_sidecars_are_sidecars_since_1_29(version: str, kept: str | None) -> None:
    spec = without_disabled_fields(POD, resolve_gates(version)).spec

    assert spec.init_containers[0].restart_policy == kept


@pytest.mark.parametrize(("version", "kept"), [("1.34", None), ("1.35", "OnFailure")])
def test_restart_rules_of_init_containers(version: str, kept: str | None) -> None:
    plain = without_disabled_fields(POD, resolve_gates(version)).spec.init_containers[1]

    assert (plain.restart_policy, bool(plain.restart_policy_rules)) == (kept, kept is not None)


def test_an_image_volume_goes_with_its_mounts() -> None:
    volumes = [v1.Volume(name="v", image=v1.ImageVolumeSource(reference="r")), v1.Volume(name="w")]
    mounts = [v1.VolumeMount(name="v", mount_path="/v"), v1.VolumeMount(name="w", mount_path="/w")]
    containers = [v1.Container(name="a", volume_mounts=mounts)]
    pod = replace(POD, spec=v1.PodSpec(volumes=volumes, containers=containers, init_containers=containers))

    assert without_disabled_fields(pod, resolve_gates("1.35")) == pod
    assert without_disabled_fields(pod, resolve_gates("1.34", {"ImageVolume": True})).spec.volumes == volumes
    spec = without_disabled_fields(pod, resolve_gates("1.34")).spec
    assert spec.volumes == volumes[1:]
    assert [one.volume_mounts for one in (*spec.containers, *spec.init_containers)] == [mounts[1:]] * 2


@pytest.mark.parametrize(
    ("version", "has_user", "has_mounts"), [("1.30", False, False), ("1.32", False, True), ("1.33", True, True)]
)
def test_status_fields(version: str, has_user: bool, has_mounts: bool) -> None:
    row = v1.ContainerStatus(
        name="a",
        user=v1.ContainerUser(linux=v1.LinuxContainerUser(uid=1, gid=1)),
        volume_mounts=[v1.VolumeMountStatus(name="v")],
    )
    status = v1.PodStatus(container_statuses=[row], init_container_statuses=[row], ephemeral_container_statuses=[row])
    kept = without_disabled_status_fields(status, resolve_gates(version))

    rows = (*kept.container_statuses, *kept.init_container_statuses, *kept.ephemeral_container_statuses)
    assert [(one.user is not None, bool(one.volume_mounts)) for one in rows] == [(has_user, has_mounts)] * 3


@pytest.mark.parametrize(("is_on", "kept"), [(True, "SIGTERM"), (False, None)])
def test_stop_signals(*, is_on: bool, kept: str | None) -> None:
    """Without the gate nothing is left of a lifecycle that says nothing else."""
    gates = resolve_gates("1.36", {"ContainerStopSignals": is_on})
    hooks = v1.Lifecycle(stop_signal="SIGTERM")
    more = v1.Lifecycle(stop_signal="SIGTERM", pre_stop=v1.LifecycleHandler(sleep=v1.SleepAction(seconds=1)))
    containers = [v1.Container(name="a", lifecycle=hooks), v1.Container(name="b", lifecycle=more)]
    pod = replace(POD, spec=v1.PodSpec(containers=containers, os=v1.PodOS(name="linux")))
    first, second = without_disabled_fields(pod, gates).spec.containers
    status = v1.PodStatus(container_statuses=[v1.ContainerStatus(name="a", stop_signal="SIGTERM")])
    (row,) = without_disabled_status_fields(status, gates).container_statuses

    assert first.lifecycle == (hooks if is_on else None)
    assert second.lifecycle == replace(more, stop_signal=kept)
    assert row.stop_signal == kept


@pytest.mark.parametrize(
    ("version", "hooks", "kept"),
    [
        ("1.29", v1.Lifecycle(pre_stop=SLEEP), None),
        ("1.29", v1.Lifecycle(post_start=SLEEP, pre_stop=EXEC), v1.Lifecycle(pre_stop=EXEC)),
        ("1.30", v1.Lifecycle(pre_stop=SLEEP), v1.Lifecycle(pre_stop=SLEEP)),
        ("1.29", v1.Lifecycle(), v1.Lifecycle()),
    ],
)
def test_sleep_hooks(version: str, hooks: v1.Lifecycle, kept: v1.Lifecycle | None) -> None:
    spec = v1.PodSpec(
        containers=[v1.Container(name="a", lifecycle=hooks)], init_containers=[v1.Container(name="b", lifecycle=hooks)]
    )
    found = without_disabled_fields(replace(POD, spec=spec), resolve_gates(version)).spec

    assert [found.containers[0].lifecycle, found.init_containers[0].lifecycle] == [kept, kept]


@pytest.mark.parametrize(
    ("version", "proc_mount", "policies", "has_file"),
    [("1.32", "Default", 0, False), ("1.33", "Unmasked", 1, False), ("1.35", "Unmasked", 1, True)],
)
def test_fields_of_a_container(version: str, proc_mount: str, policies: int, has_file: bool) -> None:
    file = v1.FileKeySelector(volume_name="v", path="p", key="K")
    container = v1.Container(
        name="a",
        env=[v1.EnvVar(name="A", value_from=v1.EnvVarSource(file_key_ref=file)), v1.EnvVar(name="B", value="b")],
        security_context=v1.SecurityContext(proc_mount="Unmasked"),
        resize_policy=[v1.ContainerResizePolicy(resource_name="cpu", restart_policy="NotRequired")],
    )
    pod = replace(POD, spec=v1.PodSpec(containers=[container]))
    (kept,) = without_disabled_fields(pod, resolve_gates(version)).spec.containers

    assert kept.security_context == v1.SecurityContext(proc_mount=proc_mount)
    assert len(kept.resize_policy) == policies
    assert kept.env[0].value_from == v1.EnvVarSource(file_key_ref=file if has_file else None)
    assert kept.env[1] == container.env[1]
