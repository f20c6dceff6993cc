"""What a kubelet process does before it works for any pod: it checks its configuration, and settles old records.

Mirrors kubelet: cmd/kubelet/app/server.go (run) and pkg/kubelet/kubelet.go (NewMainKubelet).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel
from kubesim.kubelet.image_pull_records import ImagePullRecords, VerificationSettings
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.kubelet_host import KubeletHost
from kubesim.kubelet.node_configuration import eviction_settings, image_policy, shutdown_config
from kubesim.kubelet.node_description import NodeDescription
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.model.duration import parse_duration
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.model.quantity import whole_units
from kubesim.policy.eviction_thresholds import eviction_problem
from kubesim.policy.feature_gates import gate_warnings
from kubesim.policy.kubelet_configuration_problems import aggregated, configuration_problems
from kubesim.policy.node_allocatable import node_allocatable_problem
from kubesim.policy.reserved_cpus import reserved_cpus_problem, with_reserved_cpus
from kubesim.policy.reserved_resources import reservation_problem
from kubesim.policy.resync import sync_frequency_problem
from kubesim.policy.swap_behavior import limited_swap_problem
from kubesim.policy.sysctl_admission import unsafe_sysctl_problem


def checked_configuration(
    config: KubeletConfiguration,
    host: KubeletHost,
    description: NodeDescription,
    *,
    version: str,
    gates: Mapping[str, bool],
    klog: Klog,
) -> KubeletConfiguration:
    """Say what the process says of its configuration before it does anything, and return the one in force.

    Raises KubeletStartError.
    """
    for name, stage, value in gate_warnings(version, config.feature_gates):
        word = stage if stage == "GA" else stage.lower()
        message = f"Warning: setting {word} feature gate. It will be removed in a future release."
        klog.info(message, featureGate=name, value=value)
    problems = configuration_problems(
        config,
        image=image_policy(config),
        shutdown=shutdown_config(config),
        gates=gates,
        os=host.os,
        cgroup_version=host.cgroup_version,
    )
    if problems:
        raise KubeletStartError(f"failed to validate kubelet configuration, error: {aggregated(problems)}")
    error = (
        reserved_cpus_problem(config, processors=whole_units(description.all_capacity.get("cpu", "0")))
        or reservation_problem(kube=config.kube_reserved, system=config.system_reserved)
        or eviction_problem(eviction_settings(config))
        or limited_swap_problem(config.memory_swap.swap_behavior, host.cgroup_version, gates)
        or sync_frequency_problem(parse_duration(config.sync_frequency))
        or unsafe_sysctl_problem(config.allowed_unsafe_sysctls)
    )
    if error:
        raise KubeletStartError(f"failed to run Kubelet: {error}")
    return with_reserved_cpus(config)


def check_node_allocatable(description: NodeDescription, *, klog: Klog) -> None:
    """Say what a container manager says that starts on a machine with less than is reserved. Raises KubeletStartError.

    A Windows node does not look. Mirrors kubelet: pkg/kubelet/kubelet.go, initializeRuntimeDependentModules, and
    pkg/kubelet/cm/container_manager_linux.go, Start.
    """
    if description.os != "linux":
        return
    capacity = {name: amount for name, amount in description.all_capacity.items() if name != "pods"}
    problem = node_allocatable_problem(capacity, reserved=description.reserved, eviction_hard=description.eviction_hard)
    if problem:
        klog.error("Failed to start ContainerManager", err=problem)
        raise KubeletStartError(f"Failed to start ContainerManager: {problem}")


async def pull_records(
    kernel: Kernel, client: CriClient, host: KubeletHost, config: KubeletConfiguration, *, klog: Klog
) -> ImagePullRecords:
    """The records of pulled images, with those in which an earlier process was interrupted made good."""
    records = ImagePullRecords(
        kernel,
        host.files,
        root_directory=host.root_directory,
        settings=VerificationSettings(
            policy=config.image_pull_credentials_verification_policy,
            allowlist=tuple(config.preloaded_images_verification_allowlist),
        ),
    )
    if records.has_intents:
        try:
            images = (await client.list_images(api.ListImagesRequest())).images
        except CriError as error:
            klog.error("failed to list images", err=error.go_text)
        else:
            records.settle_intents({one.id: (*one.repo_digests, *one.repo_tags) for one in images})
    return records
