"""Asks the runtime for its cgroup driver when the kubelet starts, as `policy.cgroup_driver` says.

Mirrors kubelet: cmd/kubelet/app/server.go (getCgroupDriverFromCRI) and cri-client: pkg/remote_runtime.go
(RuntimeConfig).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.kernel import sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import LOSING_SUPPORT, Metrics
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.policy.cgroup_driver import (
    Answer,
    Ask,
    CgroupDriverDecision,
    DriverAnswer,
    ErrorAnswer,
    NoLinuxAnswer,
    next_step,
)

SECOND_NS = 10**9


async def discover_cgroup_driver(
    client: CriClient,
    *,
    configured: str,
    gates: Mapping[str, bool],
    metrics: Metrics,
    klog: Klog,
    is_fallback_removed: bool = False,
) -> CgroupDriverDecision:
    """The driver in force, and why. `configured` is KubeletConfiguration.cgroupDriver.

    Writes the kubelet's log lines and its fall-back metric. Raises KubeletStartError when the kubelet would not start.
    """
    answers: list[Answer] = []
    while True:
        step = next_step(configured=configured, answers=answers, gates=gates, is_fallback_removed=is_fallback_removed)
        if isinstance(step, CgroupDriverDecision):
            for line in step.log:
                klog.line(line.message, dict(line.values))
            if step.losing_support_version:
                metrics.put(LOSING_SUPPORT, 1, version=step.losing_support_version)
            return step
        if step.delay_seconds:
            await sleep(step.delay_seconds * SECOND_NS)
        if not isinstance(step, Ask):
            raise KubeletStartError(f"failed to run Kubelet: {step.message}")
        answers.append(await _ask(client, klog))


async def _ask(client: CriClient, klog: Klog) -> Answer:
    try:
        response = await client.runtime_config(api.RuntimeConfigRequest())
    except CriError as error:
        klog.error("RuntimeConfig from runtime service failed", err=error.go_text)
        return ErrorAnswer(message=error.go_text, is_unimplemented=error.code is Code.UNIMPLEMENTED)
    if not response.HasField("linux"):
        return NoLinuxAnswer()
    return DriverAnswer(number=response.linux.cgroup_driver)
