"""How long the steps of a runtime take, in the kernel's time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

_MS = 1_000_000

TimingsKind: TypeAlias = Literal["instant", "measured"]
"""What a server's user chooses from: `Timings.served` or `Timings.measured`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Durations in ns, added to what the processes in a container take themselves."""

    run_sandbox_ns: int = 0
    stop_sandbox_ns: int = 0
    remove_sandbox_ns: int = 0
    create_container_ns: int = 0
    start_container_ns: int = 0
    report_exit_ns: int = 0
    """From the end of a container's first process until the runtime shows it as exited: its shim has to tell it."""
    send_signal_ns: int = 0
    """From the call of StopContainer until the container's first process gets the signal."""
    stop_container_ns: int = 0
    """From the moment the container is shown as exited to the answer of StopContainer."""
    remove_container_ns: int = 0
    exec_ns: int = 0
    """From the call of ExecSync to the start of its command, or to the refusal of one that cannot be started."""
    pull_image_ns: int = 0
    """For an image whose fixture states neither a duration nor a bandwidth."""
    resolve_image_ns: int = 0
    """The question to the registry what a name means: all of a pull whose layers are there already."""
    resolve_spread: float = 0.0
    """By how much of itself that may take longer, now more, now less."""

    @classmethod
    def instant(cls) -> Self:
        """Every step is done at once."""
        return cls()

    @classmethod
    def served(cls) -> Self:
        """For `serve`, where the client measures real time: what happens on the node is done at once.

        A registry is another machine, so a pull takes at least the way there and back. A client whose deadline is
        shorter sees it pass, as it does with every runtime.
        """
        return cls(pull_image_ns=5 * _MS, resolve_image_ns=5 * _MS)

    @classmethod
    def measured(cls) -> Self:
        """What containerd 2.4 with runc 1.5 took on a 2-core machine: means of 50 calls, one at a time.

        For virtual runs, where a pod that starts in no time would hide races. The report of an exit is a part of the
        35 ms that StopContainer took, and so is the signal: the shim runs the OCI runtime to send it, so a process that
        has just started has set its traps by then. ExecSync is of containerd 2.3 with runc 1.4, as long for a command
        that cannot be started. The registry was on the same machine. No two of its answers take the same milliseconds,
        so two of the kubelet's messages about pulls are hardly ever the same.
        """
        return cls(
            run_sandbox_ns=111 * _MS,
            stop_sandbox_ns=135 * _MS,
            remove_sandbox_ns=21 * _MS,
            create_container_ns=7_100_000,
            start_container_ns=50 * _MS,
            report_exit_ns=20 * _MS,
            send_signal_ns=10 * _MS,
            stop_container_ns=5 * _MS,
            remove_container_ns=2_600_000,
            exec_ns=30 * _MS,
            pull_image_ns=62 * _MS,
            resolve_image_ns=20 * _MS,
            resolve_spread=0.5,
        )
