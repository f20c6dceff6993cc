"""What the emulated API server does with a user's pod before it is stored: by its version and its feature gates. Pure.

Mirrors Kubernetes: pkg/registry/core/pod/strategy.go (podStrategy) and pkg/api/pod/util.go
(GetValidationOptionsFromPodSpecAndMeta). It has the gates of the emulated kubelet; gates that a kubelet does not have
are as the version's defaults have them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from kubesim.model.frozen_records import replace
from kubesim.model.validation.options import PodStrategy, ValidationOptions
from kubesim.node.disabled_fields import without_disabled_fields
from kubesim.policy.feature_gates import feature_gates, gate_enabled, resolve_gates

_IMAGE_SUB_PATH_MINOR = 33


def minor_version(version: str) -> int:
    """36 of "1.36" or "1.36.2". Raises InputError for a version that is not known."""
    feature_gates(version)
    return int(version.split(".")[1])


def pod_strategy(version: str, gates: Mapping[str, bool] | None = None) -> PodStrategy:
    """The strategy of an API server of that version; with the version's own gates unless others are given.

    Raises InputError for a version that is not known.
    """
    minor = minor_version(version)
    gates = resolve_gates(version) if gates is None else gates
    options = ValidationOptions(
        allow_sleep_of_zero=gate_enabled(gates, "PodLifecycleSleepActionAllowZero"),
        pod_level_resources=gate_enabled(gates, "PodLevelResources"),
        restart_rules=gate_enabled(gates, "ContainerRestartRules"),
        restart_all_containers=gate_enabled(gates, "RestartAllContainersOnContainerExits"),
        relaxed_env_names=gate_enabled(gates, "RelaxedEnvironmentVariableValidation"),
        relaxed_dns_searches=gate_enabled(gates, "RelaxedDNSSearchValidation"),
        env_files=gate_enabled(gates, "EnvFiles"),
        init_resize_policy=gate_enabled(gates, "InPlacePodVerticalScaling"),
        user_namespace_on_host_network=gate_enabled(gates, "UserNamespacesHostNetworkSupport"),
        strict_addresses=gate_enabled(gates, "StrictIPCIDRValidation"),
        image_volume_sub_paths=minor >= _IMAGE_SUB_PATH_MINOR,
    )
    return PodStrategy(minor=minor, options=options, prepare=partial(without_disabled_fields, gates=gates))


def running_pod_strategy(version: str) -> PodStrategy:
    """The same for pods that nobody creates: a manifest may be what a cluster shows of a pod that runs."""
    strategy = pod_strategy(version)
    return replace(strategy, options=replace(strategy.options, ephemeral_containers_on_create=True))
