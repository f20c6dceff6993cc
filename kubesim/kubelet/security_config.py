"""Security contexts: from the pod's struct to the rule, and from the rule's answer to CRI.

The rule is policy/pod_security.py. Mirrors kubelet: pkg/kubelet/kuberuntime/security_context.go and
kuberuntime_sandbox.go (generatePodSandboxLinuxConfig).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kubesim.cri import api
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.model.k8s_versions import LAST_MINOR
from kubesim.model.validation.pod_annotations import APP_ARMOR
from kubesim.policy.pod_security import (
    ContainerSecurity,
    GroupsPolicy,
    ImageUser,
    NamespaceMode,
    Namespaces,
    PodSecurity,
    SeccompProfile,
    container_security_context,
    effective_security,
    sandbox_security_context,
)
from kubesim.policy.pod_view import NetworkMode
from kubesim.policy.run_as_non_root import (
    run_as_non_root_problem,
    windows_run_as_non_root_problem,
    windows_user_name,
)

if TYPE_CHECKING:
    from kubesim.kubelet.container_config import AnyContainer, ContainerRequest
    from kubesim.kubelet.node_settings import NodeSettings

_MODES = {
    NamespaceMode.POD: api.POD,
    NamespaceMode.CONTAINER: api.CONTAINER,
    NamespaceMode.NODE: api.NODE,
    NamespaceMode.TARGET: api.TARGET,
}
_PROFILES = {
    "RuntimeDefault": api.SecurityProfile.RuntimeDefault,
    "Unconfined": api.SecurityProfile.Unconfined,
    "Localhost": api.SecurityProfile.Localhost,
}
_APP_ARMOR_WORDS = {"RuntimeDefault": "runtime/default", "Unconfined": "unconfined", "Localhost": "localhost/"}
"""How the annotation says a type, and the field of CRI that came before `apparmor`."""


def pod_security(pod: v1.Pod) -> PodSecurity:
    """The pod's security context as the rules read it."""
    spec = pod.spec
    context = spec.security_context or v1.PodSecurityContext()
    windows = context.windows_options
    return PodSecurity(
        run_as_user=context.run_as_user,
        run_as_group=context.run_as_group,
        run_as_non_root=context.run_as_non_root,
        run_as_user_name=windows.run_as_user_name if windows is not None else None,
        host_process=windows.host_process if windows is not None else None,
        fs_group=context.fs_group,
        supplemental_groups=tuple(context.supplemental_groups),
        supplemental_groups_policy=context.supplemental_groups_policy,
        seccomp=_profile(context.seccomp_profile),
        host_network=spec.host_network,
        host_pid=spec.host_pid,
        host_ipc=spec.host_ipc,
        share_process_namespace=bool(spec.share_process_namespace),
    )


def container_security(container: AnyContainer) -> ContainerSecurity:
    """A container's own security context as the rules read it."""
    context = container.security_context or v1.SecurityContext()
    windows = context.windows_options
    return ContainerSecurity(
        run_as_user=context.run_as_user,
        run_as_group=context.run_as_group,
        run_as_non_root=context.run_as_non_root,
        run_as_user_name=windows.run_as_user_name if windows is not None else None,
        host_process=windows.host_process if windows is not None else None,
        privileged=bool(context.privileged),
        read_only_root_filesystem=bool(context.read_only_root_filesystem),
        allow_privilege_escalation=context.allow_privilege_escalation,
        proc_mount=context.proc_mount,
        seccomp=_profile(context.seccomp_profile),
    )


def _profile(profile: v1.SeccompProfile | None) -> SeccompProfile | None:
    if profile is None:
        return None
    return SeccompProfile(type=profile.type, localhost_ref=profile.localhost_profile or "")


def non_root_problem(
    pod: v1.Pod,
    container: AnyContainer,
    *,
    image_uid: int | None,
    image_username: str,
    os: str,
    minor: int = LAST_MINOR,
) -> str:
    """Why runAsNonRoot forbids the container to a kubelet of that minor version; empty when it does not."""
    check = windows_run_as_non_root_problem if os == "windows" else partial(run_as_non_root_problem, minor=minor)
    problem = check(
        pod_security(pod),
        container_security(container),
        ImageUser(uid=image_uid, username=image_username),
        pod_display_name=f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})",
        container_name=container.name,
    )
    return problem or ""


def sandbox_context(
    pod: v1.Pod, user_namespace: api.UserNamespace | None, *, is_windows: bool = False
) -> api.LinuxSandboxSecurityContext:
    """The security context of a sandbox. On Windows nobody is told of users, nor of the group that owns volumes."""
    privileged = any(
        one.security_context is not None and bool(one.security_context.privileged)
        for one in (*pod.spec.init_containers, *pod.spec.containers)
    )
    asked = pod_security(pod)
    if is_windows:
        asked = replace(asked, run_as_user=None, run_as_group=None, fs_group=None)
    answer = sandbox_security_context(asked, any_container_privileged=privileged)
    context = api.LinuxSandboxSecurityContext(
        privileged=answer.privileged,
        supplemental_groups=answer.supplemental_groups,
        namespace_options=_namespace_options(answer.namespaces, user_namespace),
        seccomp=_seccomp(answer.seccomp),
    )
    if answer.run_as_user is not None:
        context.run_as_user.value = answer.run_as_user
    if answer.run_as_group is not None:
        context.run_as_group.value = answer.run_as_group
    if answer.supplemental_groups_policy is not None:
        context.supplemental_groups_policy = _policy(answer.supplemental_groups_policy)
    labels = pod.spec.security_context.se_linux_options if pod.spec.security_context is not None else None
    if labels is not None and not is_windows:
        context.selinux_options.CopyFrom(_selinux(labels))
    return context


def linux_security_context(
    request: ContainerRequest, node: NodeSettings, *, root_directory: str
) -> api.LinuxContainerSecurityContext:
    """The security context of a container; profiles of seccomp lie below the kubelet's root directory."""
    answer = container_security_context(
        pod_security(request.pod),
        container_security(request.container),
        ImageUser(uid=request.image_uid, username=request.image_username),
        target_id=request.target_container_id,
        seccomp_default=node.seccomp_default,
        seccomp_root=f"{root_directory}/seccomp",
    )
    context = api.LinuxContainerSecurityContext(
        privileged=answer.privileged,
        namespace_options=_namespace_options(answer.namespaces, request.user_namespace),
        run_as_username=answer.run_as_username,
        supplemental_groups=answer.supplemental_groups,
        supplemental_groups_policy=_policy(answer.supplemental_groups_policy),
        readonly_rootfs=answer.readonly_rootfs,
        no_new_privs=answer.no_new_privs,
        masked_paths=answer.masked_paths,
        readonly_paths=answer.readonly_paths,
        seccomp=_seccomp(answer.seccomp),
    )
    if answer.run_as_user is not None:
        context.run_as_user.value = answer.run_as_user
    if answer.run_as_group is not None:
        context.run_as_group.value = answer.run_as_group
    own = request.container.security_context
    if own is not None and own.capabilities is not None:
        context.capabilities.add_capabilities.extend(own.capabilities.add)
        context.capabilities.drop_capabilities.extend(own.capabilities.drop)
    of_pod = request.pod.spec.security_context
    labels = next((one.se_linux_options for one in (own, of_pod) if one is not None and one.se_linux_options), None)
    if labels is not None:
        context.selinux_options.CopyFrom(_selinux(labels))
    profile = app_armor_profile(request.pod, request.container)
    if profile is not None:
        context.apparmor.CopyFrom(
            api.SecurityProfile(profile_type=_PROFILES[profile.type], localhost_ref=profile.localhost_profile or "")
        )
        context.apparmor_profile = _APP_ARMOR_WORDS[profile.type] + (profile.localhost_profile or "")
    return context


def _selinux(labels: v1.SELinuxOptions) -> api.SELinuxOption:
    return api.SELinuxOption(user=labels.user, role=labels.role, type=labels.type, level=labels.level)


def app_armor_profile(pod: v1.Pod, container: AnyContainer) -> v1.AppArmorProfile | None:
    """The container's own profile, else that of its annotation, else the pod's.

    Mirrors Kubernetes: pkg/security/apparmor/helpers.go, GetProfile.
    """
    context, of_pod = container.security_context, pod.spec.security_context
    if context is not None and context.app_armor_profile is not None:
        return context.app_armor_profile
    word = pod.metadata.annotations.get(APP_ARMOR + container.name)
    for kind, start in _APP_ARMOR_WORDS.items():
        if word is not None and (word == start or (kind == "Localhost" and word.startswith(start))):
            return v1.AppArmorProfile(type=kind, localhost_profile=word.removeprefix(start) or None)
    return of_pod.app_armor_profile if of_pod is not None else None


def uses_app_armor(pod: v1.Pod) -> bool:
    """Whether a pod can only run where profiles are enforced. Mirrors helpers.go, isRequired."""
    containers: list[AnyContainer] = [*pod.spec.init_containers, *pod.spec.containers, *pod.spec.ephemeral_containers]
    contexts = (pod.spec.security_context, *(one.security_context for one in containers))
    profiles = (one.app_armor_profile for one in contexts if one is not None)
    return any(one is not None and one.type != "Unconfined" for one in profiles) or any(
        key.startswith(APP_ARMOR) and word != "unconfined" for key, word in pod.metadata.annotations.items()
    )


def windows_security_context(request: ContainerRequest) -> api.WindowsContainerSecurityContext:
    """The security context of a container on a Windows node."""
    image = ImageUser(uid=request.image_uid, username=request.image_username)
    name = windows_user_name(pod_security(request.pod), container_security(request.container), image)
    return api.WindowsContainerSecurityContext(
        run_as_username=name,
        host_process=wants_host_process(request.pod, request.container),
        credential_spec=_credential_spec(request.pod, request.container),
    )


def _credential_spec(pod: v1.Pod, container: AnyContainer) -> str:
    """The credentials of a group managed service account: the container's own, else the pod's."""
    for context in (container.security_context, pod.spec.security_context):
        options = context.windows_options if context is not None else None
        if options is not None and options.gmsa_credential_spec is not None:
            return options.gmsa_credential_spec
    return ""


def has_host_process(pod: v1.Pod) -> bool:
    """Whether any container of a pod does. Mirrors kubelet: HasWindowsHostProcessContainer."""
    containers: list[AnyContainer] = [*pod.spec.init_containers, *pod.spec.containers, *pod.spec.ephemeral_containers]
    return any(wants_host_process(pod, one) for one in containers)


def wants_host_process(pod: v1.Pod, container: AnyContainer) -> bool:
    """Whether a container runs in the host's own process space. Mirrors kubelet: HasWindowsHostProcessRequest."""
    return bool(effective_security(pod_security(pod), container_security(container)).host_process)


def _namespace_options(namespaces: Namespaces, user_namespace: api.UserNamespace | None) -> api.NamespaceOption:
    return api.NamespaceOption(
        userns_options=user_namespace,
        network=api.NODE if namespaces.network is NetworkMode.NODE else api.POD,
        pid=_MODES[namespaces.pid],
        ipc=_MODES[namespaces.ipc],
        target_id=namespaces.target_id,
    )


def _seccomp(profile: SeccompProfile) -> api.SecurityProfile:
    return api.SecurityProfile(profile_type=_PROFILES[profile.type], localhost_ref=profile.localhost_ref)


def _policy(policy: GroupsPolicy) -> api.SupplementalGroupsPolicy.ValueType:
    return api.Strict if policy is GroupsPolicy.STRICT else api.Merge
