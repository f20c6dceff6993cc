"""What a node's status is made with: its settings, and what other parts of the kubelet report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubesim.kernel import Looks

SECOND_NS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatusSettings:
    """What KubeletConfiguration says about it; durations in ns, `images_max` -1 for all."""

    update_frequency_ns: int = 10 * SECOND_NS
    report_frequency_ns: int = 300 * SECOND_NS
    images_max: int = 50
    port: int = 10250
    is_registering: bool = True
    is_attach_detach_by_controller: bool = True
    isolates_storage: bool = True
    enforced_allocatable: tuple[str, ...] = ()
    """What the events say about the limits of the node's cgroups."""
    cgroup_warning: str = ""
    """What an event says about the version of the node's cgroups."""
    cleans_up_devices: bool = False
    """Whether the kubelet, when it starts, removes what drivers of devices said of this node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReports:
    """What other parts of the kubelet say about the node when they are asked; texts are "" when all is well."""

    pleg_error: Callable[[], str] = str
    note_pleg_check: Callable[[], object] = lambda: None
    """Hears of each health check, which asks for that,"""
    pleg_checked_again: Callable[[Looks], object] = lambda _: None
    """and of those that found the same as before."""
    pleg_well_until_ns: Callable[[], int] = lambda: sys.maxsize
    """When that is another one though nothing happens."""
    evented_pleg_error: Callable[[], str] = str
    storage_error: Callable[[], str] = str
    is_shutting_down: Callable[[], bool] = bool
    pressures: Callable[[], tuple[str, ...]] = tuple
    """Condition types under pressure now: MemoryPressure, DiskPressure, PIDPressure."""
    volumes_in_use: Callable[[], Sequence[str]] = tuple
