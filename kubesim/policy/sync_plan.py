"""The plan of one sync of a running pod, and what it is made from.

The rules that fill it are pod_actions (sandbox and regular containers) and init_actions.
Mirrors kubelet: pkg/kubelet/kuberuntime/kuberuntime_manager.go, podActions and containerToKillInfo.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct, field

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled
from kubesim.policy.pod_view import ContainerSpecView, PodView, ProbeState, RuntimeContainer, RuntimePod
from kubesim.policy.resize_plan import ContainerResize
from kubesim.policy.restart import should_container_be_restarted


class KillReason(StrEnum):
    """Why one container is killed; a probe's own grace period counts only for its own kills."""

    OTHER = ""
    STARTUP_PROBE = "StartupProbe"
    LIVENESS_PROBE = "LivenessProbe"
    UNKNOWN_STATE = "Unknown"
    FAILED_POST_START_HOOK = "FailedPostStartHook"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerToKill:
    """One container to stop; `message` is the text of the Killing event."""

    name: str
    container_id: str
    message: str
    reason: KillReason = KillReason.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerToReset:
    """One container to remove from the runtime, killed with grace 0 before unless it has exited."""

    name: str
    container_id: str
    is_killed: bool


class PodActions(Struct, frozen=True, kw_only=True, gc=False):
    """The plan of one sync. Containers are named; lists of containers to start are in spec order.

    With `kill_pod` every container is killed and every sandbox stopped, and `containers_to_kill` does not matter.
    `sandbox_id` is the sandbox that is replaced (with `create_sandbox`) or used.
    """

    kill_pod: bool = False
    create_sandbox: bool = False
    sandbox_id: str = ""
    attempt: int = 0
    init_containers_to_start: tuple[str, ...] = ()
    ephemeral_containers_to_start: tuple[str, ...] = ()
    containers_to_start: tuple[str, ...] = ()
    containers_to_kill: tuple[ContainerToKill, ...] = ()
    containers_to_reset: tuple[ContainerToReset, ...] = ()
    containers_to_resize: tuple[str, ...] = ()
    """Running containers whose resources change in place, in the order in which they were looked at."""
    restarts_to_resize: bool = False
    """Whether a container is killed for its resize."""
    resizes_pod_level: bool = False

    @property
    def resizes(self) -> bool:
        """Whether resources of running containers, or of the pod, change."""
        return bool(self.containers_to_resize) or self.restarts_to_resize or self.resizes_pod_level

    @property
    def ends_any(self) -> bool:
        """Whether a container, or all of the pod, is to be killed or removed."""
        return self.kill_pod or bool(self.containers_to_kill) or bool(self.containers_to_reset)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (
            self.containers_to_start
            or self.create_sandbox
            or self.init_containers_to_start
            or self.ephemeral_containers_to_start
            or self.ends_any
            or self.resizes
        )


class ActionInputs(Struct, frozen=True, kw_only=True, gc=False):
    """What the plan depends on.

    `probes` is the prober's state by container name, for the containers' present ids. `resizes` has the containers that
    do not have the resources allocated to them, and `resizes_pod_level` says so of the pod. `is_restarting_all` says
    that the status just generated has the condition AllContainersRestarting.
    """

    pod: PodView
    runtime: RuntimePod
    probes: Mapping[str, ProbeState]
    resizes: Mapping[str, ContainerResize] = field(default_factory=dict)
    resizes_pod_level: bool = False
    is_restarting_all: bool = False
    gates: Mapping[str, bool] = field(default_factory=lambda: DEFAULT_GATES)

    def probe(self, name: str) -> ProbeState:
        """The prober's state of one container."""
        return self.probes.get(name, ProbeState())

    def is_restarted(self, container: ContainerSpecView) -> bool:
        """restart.should_container_be_restarted for these inputs."""
        return should_container_be_restarted(container, self.pod, self.runtime, self.gates)

    def restarts_after_kill(self, container: ContainerSpecView) -> bool:
        """Whether a container that the kubelet kills starts again.

        Rules by exit code do not count: the container has not exited yet.
        """
        policy = self.pod.restart_policy
        if container.restart_policy and gate_enabled(self.gates, "ContainerRestartRules"):
            policy = container.restart_policy
        return policy != "Never"


def resize_kill(container: RuntimeContainer) -> ContainerToKill:
    """The kill of a container that gets its new resources when it starts again."""
    message = f"Container {container.name} resize requires restart"
    return ContainerToKill(name=container.name, container_id=container.id, message=message)


def unknown_state_kill(prefix: str, container: RuntimeContainer) -> ContainerToKill:
    """The kill of a container in state unknown, which might still run, before another one of its name starts."""
    return ContainerToKill(
        name=container.name,
        container_id=container.id,
        message=f'{prefix} is in "unknown" state, try killing it before restart',
        reason=KillReason.UNKNOWN_STATE,
    )
