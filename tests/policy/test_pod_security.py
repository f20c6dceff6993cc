"""What security contexts become in CRI."""

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.pod_security import (
    ContainerSecurity,
    ContainerSecurityContext,
    GroupsPolicy,
    ImageUser,
    NamespaceMode,
    Namespaces,
    PodSecurity,
    SandboxSecurityContext,
    SeccompProfile,
    SecurityContextError,
    container_security_context,
    effective_security,
    groups_policy,
    namespaces,
    sandbox_security_context,
)
from kubesim.policy.pod_view import NetworkMode

DEFAULT_NAMESPACES = Namespaces(network=NetworkMode.POD, pid=NamespaceMode.CONTAINER, ipc=NamespaceMode.POD)
POD = PodSecurity(run_as_user=1000, run_as_group=3000, supplemental_groups=(4000,), supplemental_groups_policy="Strict")

UNSET, NO_USER = ContainerSecurity(), ImageUser()


def context(
    pod: PodSecurity = POD,
    container: ContainerSecurity = UNSET,
    image: ImageUser = NO_USER,
    **options: object,
) -> ContainerSecurityContext:
    return container_security_context(pod, container, image, **options)


def test_the_sandbox_of_a_plain_pod() -> None:
    assert sandbox_security_context(POD, any_container_privileged=False) == SandboxSecurityContext(
        namespaces=DEFAULT_NAMESPACES,
        privileged=False,
        run_as_user=1000,
        run_as_group=3000,
        supplemental_groups=(4000,),
        supplemental_groups_policy=GroupsPolicy.STRICT,
        seccomp=SeccompProfile(type="RuntimeDefault"),
    )


def test_the_order_of_groups_differs_between_sandbox_and_container() -> None:
    pod = replace(POD, fs_group=2000, supplemental_groups=(4000, 1000, 4000))
    sandbox = sandbox_security_context(pod, any_container_privileged=True, volume_gids=(7000, 7001))
    assert sandbox.supplemental_groups == (2000, 7000, 7001, 4000, 1000, 4000)
    assert sandbox.privileged
    assert context(pod, volume_gids=(7000, 7001)).supplemental_groups == (2000, 4000, 1000, 4000, 7000, 7001)


@pytest.mark.parametrize(
    ("name", "container", "sandbox"),
    [
        (None, GroupsPolicy.MERGE, None),
        ("Merge", GroupsPolicy.MERGE, GroupsPolicy.MERGE),
        ("Strict", GroupsPolicy.STRICT, GroupsPolicy.STRICT),
    ],
)
def test_groups_policy(name: str | None, container: GroupsPolicy, sandbox: GroupsPolicy | None) -> None:
    pod = replace(POD, supplemental_groups_policy=name)
    assert context(pod).supplemental_groups_policy is container
    assert sandbox_security_context(pod, any_container_privileged=False).supplemental_groups_policy is sandbox


def test_an_unknown_groups_policy_is_refused() -> None:
    with pytest.raises(SecurityContextError, match=r"^unsupported supplementalGroupsPolicy: Loose$"):
        groups_policy("Loose")


@pytest.mark.parametrize(
    ("pod_user", "container_user", "image", "expected"),
    [
        (1000, None, ImageUser(uid=5), (1000, "")),
        (1000, 1001, ImageUser(uid=5), (1001, "")),
        (1000, 0, ImageUser(uid=5), (0, "")),
        (None, None, ImageUser(uid=5), (5, "")),
        (None, None, ImageUser(uid=5, username="five"), (5, "")),
        (None, None, ImageUser(username="www-data"), (None, "www-data")),
        (None, None, ImageUser(), (0, "")),
    ],
)
def test_the_user(
    pod_user: int | None, container_user: int | None, image: ImageUser, expected: tuple[int | None, str]
) -> None:
    result = context(PodSecurity(run_as_user=pod_user), ContainerSecurity(run_as_user=container_user), image)
    assert (result.run_as_user, result.run_as_username) == expected


def test_the_group_is_set_only_when_asked_for() -> None:
    assert context(PodSecurity()).run_as_group is None
    assert context(POD).run_as_group == 3000
    assert context(POD, ContainerSecurity(run_as_group=0)).run_as_group == 0


def test_container_fields_win_over_the_pods() -> None:
    pod = PodSecurity(run_as_non_root=True, run_as_user_name="pod", seccomp=SeccompProfile(type="Unconfined"))
    own = ContainerSecurity(
        run_as_non_root=False, run_as_user_name="own", seccomp=SeccompProfile(type="RuntimeDefault"), privileged=True
    )
    assert effective_security(pod, own) == own
    taken = effective_security(pod, ContainerSecurity())
    assert (taken.run_as_non_root, taken.run_as_user_name) == (True, "pod")


@pytest.mark.parametrize(("allowed", "no_new_privs"), [(None, False), (True, False), (False, True)])
def test_no_new_privileges_only_when_escalation_is_forbidden(allowed: bool | None, no_new_privs: bool) -> None:
    own = ContainerSecurity(allow_privilege_escalation=allowed, privileged=True, read_only_root_filesystem=True)
    result = context(POD, own)
    assert result.no_new_privs is no_new_privs
    assert result.privileged
    assert result.readonly_rootfs


def test_masked_and_readonly_paths() -> None:
    default = context(thermal_throttle_cpus=(0, 3))
    assert default.masked_paths[0] == "/proc/asound"
    assert default.masked_paths[-2:] == (
        "/sys/devices/system/cpu/cpu0/thermal_throttle",
        "/sys/devices/system/cpu/cpu3/thermal_throttle",
    )
    assert len(default.masked_paths) == 14
    assert default.readonly_paths == ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
    assert context(container=ContainerSecurity(proc_mount="Default")).readonly_paths == default.readonly_paths
    unmasked = context(container=ContainerSecurity(proc_mount="Unmasked"), thermal_throttle_cpus=(0,))
    assert (unmasked.masked_paths, unmasked.readonly_paths) == ((), ())


@pytest.mark.parametrize(
    ("profile", "options", "expected"),
    [
        (None, {}, SeccompProfile(type="Unconfined")),
        (None, {"seccomp_default": True}, SeccompProfile(type="RuntimeDefault")),
        (SeccompProfile(type="Unconfined"), {"seccomp_default": True}, SeccompProfile(type="Unconfined")),
        (
            SeccompProfile(type="Localhost", localhost_ref="a/b.json"),
            {"seccomp_root": "/root"},
            SeccompProfile(type="Localhost", localhost_ref="/root/a/b.json"),
        ),
    ],
)
def test_seccomp(profile: SeccompProfile | None, options: dict[str, object], expected: SeccompProfile) -> None:
    assert context(replace(POD, seccomp=profile), **options).seccomp == expected


@pytest.mark.parametrize(
    ("fields", "target", "expected"),
    [
        ({}, "", DEFAULT_NAMESPACES),
        ({"host_network": True}, "", replace(DEFAULT_NAMESPACES, network=NetworkMode.NODE)),
        ({"host_ipc": True}, "", replace(DEFAULT_NAMESPACES, ipc=NamespaceMode.NODE)),
        ({"host_pid": True}, "", replace(DEFAULT_NAMESPACES, pid=NamespaceMode.NODE)),
        ({"share_process_namespace": True}, "", replace(DEFAULT_NAMESPACES, pid=NamespaceMode.POD)),
        ({}, "abc", replace(DEFAULT_NAMESPACES, pid=NamespaceMode.TARGET, target_id="abc")),
        ({"host_pid": True}, "abc", replace(DEFAULT_NAMESPACES, pid=NamespaceMode.NODE)),
        ({"share_process_namespace": True}, "abc", replace(DEFAULT_NAMESPACES, pid=NamespaceMode.POD)),
    ],
)
def test_namespaces(fields: dict[str, bool], target: str, expected: Namespaces) -> None:
    assert namespaces(PodSecurity(**fields), target_id=target) == expected
    assert context(PodSecurity(**fields), target_id=target).namespaces == expected
