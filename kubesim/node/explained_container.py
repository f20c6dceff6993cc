"""What is said of the identity of one container: who it is and why, or who refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import DEFAULT_GATES, NEWEST_VERSION
from kubesim.policy.identity import Identity, TraceStep
from kubesim.policy.runtime_profile import RuntimeProfile
from kubesim.policy.unseen_identity import UnseenIdentity

ContainerKind = Literal["container", "init container", "ephemeral container"]


class ImageNotAtHand(InputError):
    """No fixture holds the image of a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Nobody runs: who refuses, with which words."""

    by: Literal["API server", "kubelet", "runtime"]
    reason: str
    """Of the pod's status or event, or of the container's waiting state."""
    message: str
    """Exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrictAnswer:
    """What Strict would change."""

    is_known: bool
    """Whether this runtime knows the policy; the rest is what it would do if it did."""
    removed: tuple[int, ...] = ()
    """Groups that the container has and would not have."""
    identity: Identity | None = None
    """None when the runtime refuses with Strict as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedContainer:
    """The identity of one container, or the refusal. On Windows there is a user name, and no `identity`."""

    pod: str
    """`namespace/name`."""
    container: str
    kind: ContainerKind
    image: str
    profile: str
    kubelet_version: str
    os: str
    policy: str
    """`Merge` or `Strict`, as the kubelet sends it; empty on Windows."""
    kubelet_steps: tuple[TraceStep, ...] = ()
    runtime_steps: tuple[TraceStep, ...] = ()
    identity: Identity | None = None
    username: str = ""
    """On Windows; empty where the base image decides."""
    refusal: Refusal | None = None
    unseen: UnseenIdentity | None = None
    """None without an identity."""
    strict: StrictAnswer | None = None
    """None where no runtime is asked for a policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedNode:
    """The node that a pod is explained for. `os` None: what the pod says, else linux."""

    profile: RuntimeProfile
    kubelet_version: str = NEWEST_VERSION
    gates: Mapping[str, bool] = field(default_factory=lambda: DEFAULT_GATES)
    os: str | None = None

    def os_for(self, pod: v1.Pod) -> str:
        """The operating system of the node that the pod is put on."""
        return self.os or (pod.spec.os.name if pod.spec.os is not None else "linux")
