"""What a runtime reports after a restart that its processes did not survive.

The daemon, its shims or monitors and the processes of all pods ended together, but the node did not: its disks, and
the network namespaces that are pinned there, are as they were.

Mirrors containerd: internal/cri/server/restart.go, loadContainer, and internal/cri/server/podsandbox/recover.go,
RecoverContainer, where the task is not found; CRI-O: internal/lib/container_server.go, LoadSandbox and LoadContainer,
and internal/oci/runtime_oci.go, UpdateContainerStatus, where the OCI runtime knows nothing and there is no exit file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LOST_EXIT_CODE = 255
"""The exit code of a container whose end nobody saw, in both runtimes."""

GO_ZERO_TIME_NS = -6_795_364_578_871_345_152
"""What `time.Time{}.UnixNano()` is in Go: 1754-08-30T22:43:41.128654848Z. CRI-O shows it for a time that never was."""

StoredState = Literal["created", "running", "exited", "unknown"]
"""A container's state as the runtime had stored it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEnd:
    """How the end of a container is reported that nobody saw."""

    reason: str
    exit_code: int = LOST_EXIT_CODE
    started_at_ns: int | None = None
    """None leaves the time as it was."""


def is_sandbox_ready_after(*, was_ready: bool, keeps_pause_process: bool, shares_pids: bool) -> bool:
    """Whether a sandbox is READY after the restart: only one that had no process which could be lost.

    `keeps_pause_process` is the profile's; a pod that shares one pid namespace has a pause process everywhere.
    """
    return was_ready and not keeps_pause_process and not shares_pids


def container_end_after(
    state: StoredState,
    *,
    reason: Literal["Unknown", "Error"],
    created: Literal["kept", "ended"],
    is_sandbox_ready: bool,
) -> LostEnd | None:
    """The end of a container that had none; None when it is as it was.

    `reason` and `created` are the profile's `lostReason` and `createdWhenLost`. A container that was created can only
    stay so in a sandbox that is lost itself: in one that lives on, its part of the OCI runtime's work is missing.
    """
    if state == "exited":
        return None
    if state != "created":
        return LostEnd(reason=reason)
    if created == "kept" and not is_sandbox_ready:
        return None
    return LostEnd(reason=reason, started_at_ns=GO_ZERO_TIME_NS)
