"""The machine that a kubelet process runs on, as the process is told of it."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

from kubesim.kubelet.outside import Disk, HostFiles, Logind, Memory, PodNetwork, ServiceControlManager
from kubesim.model import k8s_v1 as v1
from kubesim.model.validation.options import DEFAULT_STRATEGY, PodStrategy
from kubesim.policy.pod_cgroup import PodCgroup

ROOT_DIRECTORY = "/var/lib/kubelet"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletHost:
    """The machine and the flags of one kubelet process. `capacity` None is a small cloud machine.

    `disk` or `memory` None: they are somebody else's, so no image is ever removed, and no pod evicted. `network` None:
    no pod can be reached, so of probes and hooks only commands run.
    """

    name: str = "node-1"
    ip: str = "192.0.2.2"
    os: str = "linux"
    files: HostFiles
    disk: Disk | None = None
    memory: Memory | None = None
    network: PodNetwork | None = None
    logind: Logind | None = None
    service_control_manager: ServiceControlManager | None = None
    root_directory: str = ROOT_DIRECTORY
    capacity: Mapping[str, v1.Quantity] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    cgroup_version: int = 2
    pod_cgroups: MutableMapping[str, PodCgroup] = field(default_factory=dict)
    """The control groups of pods by uid; they stay when the process ends."""
    strategy: PodStrategy = DEFAULT_STRATEGY
    """How static pods are validated."""
