"""What changes between versions and with feature gates in what an API server refuses.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, PodValidationOptions, and pkg/api/pod/util.go,
GetValidationOptionsFromPodSpecAndMeta, for objects without an older self.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kubesim.model.k8s_v1 import Pod
from kubesim.model.k8s_versions import LAST_MINOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationOptions:
    """The gate behind each option has its name; the defaults are those of 1.36."""

    allow_sleep_of_zero: bool = True
    """PodLifecycleSleepActionAllowZero."""
    pod_level_resources: bool = True
    """PodLevelResources."""
    restart_rules: bool = True
    """ContainerRestartRules."""
    restart_all_containers: bool = True
    """RestartAllContainersOnContainerExits."""
    relaxed_env_names: bool = True
    """RelaxedEnvironmentVariableValidation."""
    relaxed_dns_searches: bool = True
    """RelaxedDNSSearchValidation."""
    env_files: bool = True
    """EnvFiles."""
    init_resize_policy: bool = True
    """InPlacePodVerticalScaling."""
    user_namespace_on_host_network: bool = False
    """UserNamespacesHostNetworkSupport."""
    any_selinux_change_policy: bool = False
    """SELinuxMount."""
    compared_tolerations: bool = False
    """TaintTolerationComparisonOperators."""
    strict_addresses: bool = True
    """StrictIPCIDRValidation."""
    image_volume_sub_paths: bool = True
    """From 1.33 on."""
    stop_signals: bool = True
    """ContainerStopSignals; without it the field is gone before anybody looks."""
    names_service_account: bool = True
    """The admission plugin ServiceAccount runs: a pod that names no account gets one before it is validated."""
    ephemeral_containers_on_create: bool = False
    """No API server takes them with a new pod: but a pod that is looked at may be one that runs already."""


DEFAULT_OPTIONS = ValidationOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStrategy:
    """What an API server does with a user's pod before it is stored."""

    minor: int = LAST_MINOR
    """The version, whose fields are known."""
    options: ValidationOptions = DEFAULT_OPTIONS
    prepare: Callable[[Pod], Pod] | None = None
    """Takes the fields away whose feature gates are off; before the pod is validated. None: nothing to take."""


DEFAULT_STRATEGY = PodStrategy()
ANY_GATES = ValidationOptions(
    user_namespace_on_host_network=True, any_selinux_change_policy=True, compared_tolerations=True, stop_signals=False
)
"""For manifests whose API server is not known yet: what some gate allows passes here, and is judged when applied."""
