"""Which cgroup driver the kubelet uses: what the runtime says, or its own configuration.

A start of the kubelet asks the runtime three times in a row; success does not end the loop, the last answer counts.
`next_step` is told what was answered so far and says what to do: ask (perhaps after a pause), or stop with an outcome.

    answers = []
    while isinstance(step := next_step(configured="cgroupfs", answers=answers, gates=gates), Ask):
        await sleep(step.delay_seconds)
        answers.append(await ask_runtime_config())

Mirrors kubelet: cmd/kubelet/app/server.go, run and getCgroupDriverFromCRI.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled

_GATE = "KubeletCgroupDriverFromCRI"
_ITERATIONS = 3
_RETRY_DELAY_SECONDS = 2
_DRIVERS = {0: "systemd", 1: "cgroupfs"}
_FALLBACK_LOG = (
    "CRI implementation should be updated to support RuntimeConfig. "
    "Falling back to using cgroupDriver from kubelet config."
)
_RECEIVED_LOG = "Using cgroup driver setting received from the CRI runtime"
LOSING_SUPPORT_VERSION = "1.37.0"
"""The label `version` of kubelet_cri_losing_support: the release in which the fall-back is planned to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverAnswer:
    """RuntimeConfig answered with a driver."""

    number: int
    """The CRI enum: 0 SYSTEMD, 1 CGROUPFS. An empty `linux` message means 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLinuxAnswer:
    """RuntimeConfig answered without the `linux` message, as a runtime on Windows does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """RuntimeConfig failed."""

    message: str
    """The error as the kubelet prints it: `rpc error: code = Unavailable desc = ...`."""
    is_unimplemented: bool = False


Answer = DriverAnswer | NoLinuxAnswer | ErrorAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of the kubelet's log, level info."""

    message: str
    values: tuple[tuple[str, str], ...] = ()
    """Keys and values behind the message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask the runtime again."""

    delay_seconds: int
    """How long to wait before: 2 s after an error, else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupDriverDecision:
    """The driver the kubelet runs with."""

    driver: str
    is_from_runtime: bool
    is_fallback: bool
    """True when the runtime does not know RuntimeConfig."""
    losing_support_version: str
    """The label of the metric kubelet_cri_losing_support, which is 1 then; empty when the metric does not exist."""
    log: tuple[LogLine, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFailed:
    """The kubelet does not start; the process ends with `message`."""

    message: str
    delay_seconds: int
    """How long the kubelet waits before it ends: it pauses after an error without looking whether it will ask again."""
    why: str


Step = Ask | CgroupDriverDecision | StartFailed


def next_step(
    *,
    configured: str,
    answers: Sequence[Answer],
    gates: Mapping[str, bool] = DEFAULT_GATES,
    is_fallback_removed: bool = False,
) -> Step:
    """What the kubelet does after these answers of RuntimeConfig, in the order they came.

    `configured` is KubeletConfiguration.cgroupDriver. `is_fallback_removed` is for the releases from
    LOSING_SUPPORT_VERSION on, where a runtime without RuntimeConfig is an error like any other.
    """
    if not gate_enabled(gates, _GATE):
        return _kept(configured, f"the feature gate {_GATE} is off: the runtime is not asked")
    if not answers:
        return Ask(delay_seconds=0)
    last = answers[-1]
    if isinstance(last, ErrorAnswer) and last.is_unimplemented and not is_fallback_removed:
        return CgroupDriverDecision(
            driver=configured,
            is_from_runtime=False,
            is_fallback=True,
            losing_support_version=LOSING_SUPPORT_VERSION,
            log=(LogLine(message=_FALLBACK_LOG),),
            why="the runtime does not implement RuntimeConfig: the kubelet's own setting counts",
        )
    if len(answers) < _ITERATIONS:
        return Ask(delay_seconds=_RETRY_DELAY_SECONDS if isinstance(last, ErrorAnswer) else 0)
    return _concluded(configured, last)


def _concluded(configured: str, last: Answer) -> Step:
    """The outcome of the last iteration."""
    if isinstance(last, ErrorAnswer):
        why = f"RuntimeConfig failed, the last of {_ITERATIONS} times too"
        return StartFailed(message=last.message, delay_seconds=_RETRY_DELAY_SECONDS, why=why)
    if isinstance(last, NoLinuxAnswer):
        return _kept(configured, "the runtime answers without `linux`: the kubelet's own setting counts")
    driver = _DRIVERS.get(last.number)
    if driver is None:
        message = f"runtime returned an unknown cgroup driver {last.number}"
        return StartFailed(message=message, delay_seconds=0, why="the runtime's answer is no driver the kubelet knows")
    return CgroupDriverDecision(
        driver=driver,
        is_from_runtime=True,
        is_fallback=False,
        losing_support_version="",
        log=(LogLine(message=_RECEIVED_LOG, values=(("cgroupDriver", driver),)),),
        why="the runtime's answer overrides the kubelet's setting",
    )


def _kept(configured: str, why: str) -> CgroupDriverDecision:
    return CgroupDriverDecision(
        driver=configured, is_from_runtime=False, is_fallback=False, losing_support_version="", log=(), why=why
    )
