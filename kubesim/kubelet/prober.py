"""Runs a probe once: its command, its GET, its connection or its health check.

Mirrors kubelet: pkg/kubelet/prober/prober.go (probe, runProbeWithRetries, runProbe), pkg/probe/exec, http, tcp, grpc.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import WARNING, EventRecorder
from kubesim.kubelet.event_reference import container_reference
from kubesim.kubelet.http_get_client import GetFailed, follow_get
from kubesim.kubelet.outside import PodNetwork
from kubesim.kubelet.runtime_pods import bare_id
from kubesim.model import k8s_v1 as v1
from kubesim.policy.env_expansion import expand_words
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.go_net_error import address_text
from kubesim.policy.http_get import PortError, http_outcome, http_request, resolve_port
from kubesim.policy.pod_view import ProbeResult
from kubesim.policy.probe_outcome import (
    RUNS_MAX,
    ProbeOutcome,
    ProbeVerdict,
    errored,
    exec_outcome,
    exec_timed_out,
    failed,
    grpc_outcome,
    probe_event,
)
from kubesim.policy.probe_worker import ProbeKind

SECOND_NS = 1_000_000_000


class Prober:
    """Probes the containers of one node. Without a `network` only commands can be run."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        recorder: EventRecorder,
        network: PodNetwork | None,
        *,
        minor: int,
        gates: Mapping[str, bool],
    ) -> None:
        """`minor` is the kubelet's."""
        self._kernel = kernel
        self._client = client
        self._recorder = recorder
        self._network = network
        self._minor = minor
        self._gates = gates

    async def probe(
        self,
        pod: v1.Pod,
        container: v1.Container,
        kind: ProbeKind,
        probe: v1.Probe,
        *,
        container_id: str,
        pod_ip: str,
    ) -> ProbeResult | None:
        """Probe once, and write the event of what went wrong. None: it could not be run, which does not count."""
        outcome = errored("never run")
        for _ in range(RUNS_MAX):
            outcome = await self._run(container, probe, container_id, pod_ip)
            if not outcome.error:
                break
        event = probe_event(kind, outcome, minor=self._minor)
        if event is not None:
            reason, message = event
            self._recorder.event(container_reference(pod, container.name), WARNING, reason, message)
        return outcome.result

    async def _run(self, container: v1.Container, probe: v1.Probe, container_id: str, pod_ip: str) -> ProbeOutcome:
        if probe.exec is not None:
            return await self._run_exec(container, probe.exec, container_id, probe.timeout_seconds)
        if self._network is None:
            return errored("this kubelet has no network to its pods")
        timeout_ns = probe.timeout_seconds * SECOND_NS
        try:
            if probe.http_get is not None:
                return await self._run_http(self._network, container, probe.http_get, pod_ip, timeout_ns)
            if probe.tcp_socket is not None:
                return await self._run_tcp(self._network, container, probe.tcp_socket, pod_ip, timeout_ns)
        except PortError as error:
            return errored(str(error))
        assert probe.grpc is not None, "a probe has a handler"
        return await self._run_grpc(self._network, probe.grpc, pod_ip, probe.timeout_seconds)

    async def _run_exec(
        self, container: v1.Container, action: v1.ExecAction, container_id: str, timeout_seconds: int
    ) -> ProbeOutcome:
        # Only the container's literal variables are known here: one with a source is empty.
        command = expand_words(action.command, {one.name: one.value for one in container.env})
        try:
            answer = await self._client.exec_sync(
                api.ExecSyncRequest(container_id=bare_id(container_id), cmd=command, timeout=timeout_seconds)
            )
        except CriError as error:
            if error.code is not Code.DEADLINE_EXCEEDED:
                return errored(error.go_text)
            return exec_timed_out(
                command,
                timeout_seconds=timeout_seconds,
                minor=self._minor,
                counts_as_failure=gate_enabled(self._gates, "ExecProbeTimeout"),
            )
        return exec_outcome(answer.exit_code, answer.stdout + answer.stderr)

    async def _run_http(
        self, network: PodNetwork, container: v1.Container, action: v1.HTTPGetAction, pod_ip: str, timeout_ns: int
    ) -> ProbeOutcome:
        request = http_request(
            scheme=action.scheme,
            host=action.host or pod_ip,
            port=resolve_port(action.port, named_ports(container)),
            path=action.path,
            headers=[(one.name, one.value) for one in action.http_headers],
            agent=f"kube-probe/1.{self._minor}",
        )
        try:
            answer = await follow_get(self._kernel, network, request, timeout_ns=timeout_ns)
        except GetFailed as error:
            return failed(str(error))
        return http_outcome(answer)

    async def _run_tcp(
        self, network: PodNetwork, container: v1.Container, action: v1.TCPSocketAction, pod_ip: str, timeout_ns: int
    ) -> ProbeOutcome:
        host, port = action.host or pod_ip, resolve_port(action.port, named_ports(container))
        try:
            await network.connect(host, port, timeout_ns=timeout_ns)
        except TimeoutError:
            return failed(f"dial tcp {address_text(host, port)}: i/o timeout")
        except OSError as error:
            return failed(str(error))
        return ProbeOutcome(verdict=ProbeVerdict.SUCCESS)

    async def _run_grpc(
        self, network: PodNetwork, action: v1.GRPCAction, pod_ip: str, timeout_seconds: int
    ) -> ProbeOutcome:
        answer = await network.check_health(
            pod_ip,
            action.port,
            action.service or "",
            agent=f"kube-probe/1.{self._minor}",
            timeout_ns=timeout_seconds * SECOND_NS,
        )
        return grpc_outcome(answer, address=address_text(pod_ip, action.port), timeout_seconds=timeout_seconds)


def named_ports(container: v1.Container | v1.EphemeralContainer) -> dict[str, int]:
    """The ports of a container by name; of two with one name the first counts."""
    found: dict[str, int] = {}
    for one in container.ports:
        if one.name:
            found.setdefault(one.name, one.container_port)
    return found
