"""Lifecycle hooks: exec, httpGet and sleep. The API takes tcpSocket too, but no kubelet runs it.

Mirrors kubelet: pkg/kubelet/lifecycle/handlers.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.errors import KubesimError
from kubesim.kernel import Kernel, sleep
from kubesim.kubelet.event_recorder import WARNING, EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.http_get_client import GetFailed, follow_get
from kubesim.kubelet.metrics import HTTP_HOOK_FALLBACKS, Metrics
from kubesim.kubelet.outside import PodNetwork
from kubesim.kubelet.prober import named_ports
from kubesim.kubelet.runtime_pods import RuntimePods
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.policy.go_quote import go_quote
from kubesim.policy.http_get import HttpRequest, PortError, http_request, resolve_port

SECOND_NS = 1_000_000_000
HTTP_ANSWERED_HTTPS = "server gave HTTP response to HTTPS client"


class HookFailed(KubesimError):
    """A hook did not succeed; the text is the kubelet's message."""


class ContainerHooks:
    """Runs the hooks of containers. Without a `network` no HTTP hook can be run."""

    def __init__(
        self,
        kernel: Kernel,
        client: CriClient,
        recorder: EventRecorder,
        runtime_pods: RuntimePods,
        network: PodNetwork | None,
        metrics: Metrics,
        *,
        minor: int,
    ) -> None:
        """`minor` is the kubelet's."""
        self._kernel = kernel
        self._client = client
        self._recorder = recorder
        self._runtime_pods = runtime_pods
        self._network = network
        self._metrics = metrics
        self._minor = minor

    async def run(
        self,
        pod: v1.Pod,
        container: v1.Container | v1.EphemeralContainer,
        container_id: str,
        handler: v1.LifecycleHandler,
    ) -> None:
        """Run one hook to its end. Raises HookFailed."""
        meta = pod.metadata
        where = f'for Container "{container.name}" in Pod "{meta.name}_{meta.namespace}({meta.uid})"'
        if handler.exec is not None:
            await self._run_exec(where, container_id, handler.exec.command)
        elif handler.http_get is not None:
            try:
                await self._run_http(pod, container, handler.http_get)
            except HookFailed as error:
                path = handler.http_get.path
                raise HookFailed(f"HTTP lifecycle hook ({path}) {where} failed - error: {error}") from error
        elif handler.sleep is not None:
            await sleep(handler.sleep.seconds * SECOND_NS)
        else:
            raise HookFailed(f"Cannot run handler: invalid handler: {_go_text(handler)}")

    async def _run_exec(self, where: str, container_id: str, command: list[str]) -> None:
        text = " ".join(command)
        try:
            result = await self._client.exec_sync(
                api.ExecSyncRequest(container_id=container_id, cmd=command, timeout=0)
            )
        except CriError as error:
            raise HookFailed(
                f'Exec lifecycle hook ([{text}]) {where} failed - error: {error.go_text}, message: ""'
            ) from error
        if result.exit_code != 0:
            output = (result.stdout + result.stderr).decode(errors="replace")
            error_text = f"command '{text}' exited with {result.exit_code}: {result.stderr.decode(errors='replace')}"
            raise HookFailed(
                f"Exec lifecycle hook ([{text}]) {where} failed - error: {error_text}, message: {go_quote(output)}"
            )

    async def _run_http(
        self, pod: v1.Pod, container: v1.Container | v1.EphemeralContainer, action: v1.HTTPGetAction
    ) -> None:
        """Any answer will do, whatever its status. Raises HookFailed with the reason alone."""
        host = action.host or await self._pod_ip(pod)
        try:
            port = resolve_port(action.port, named_ports(container))
        except PortError as error:
            raise HookFailed(str(error)) from error
        request = http_request(
            scheme=action.scheme,
            host=host,
            port=port,
            path=action.path,
            headers=[(one.name, one.value) for one in action.http_headers],
            agent=f"kube-lifecycle/1.{self._minor}",
        )
        try:
            await self._get(request)
        except HookFailed as error:
            if HTTP_ANSWERED_HTTPS not in str(error):
                raise
            await self._fall_back(pod, request, error)

    async def _fall_back(self, pod: v1.Pod, request: HttpRequest, error: HookFailed) -> None:
        """The server speaks plain HTTP: ask it so, without what was meant to be secret. Raises the first error."""
        headers = tuple(one for one in request.headers if one[0] != "Authorization")
        try:
            await self._get(replace(request, scheme="http", headers=headers))
        except HookFailed:
            raise error from None
        self._metrics.increase(HTTP_HOOK_FALLBACKS)
        text = f"request to HTTPS lifecycle hook {request.authority} got HTTP response, retry with HTTP succeeded"
        self._recorder.event(pod_reference(pod), WARNING, "LifecycleHTTPFallback", text)

    async def _get(self, request: HttpRequest) -> None:
        if self._network is None:
            raise HookFailed("this kubelet has no network to its pods")
        try:
            await follow_get(self._kernel, self._network, request, keeps_alive=True)
        except GetFailed as error:
            raise HookFailed(str(error)) from error

    async def _pod_ip(self, pod: v1.Pod) -> str:
        """The first address of the pod, asked of the runtime. Raises HookFailed."""
        try:
            runtime = await self._runtime_pods.pod_status(pod.metadata.uid)
        except CriError as error:
            text = f"unable to get pod status, event handlers may be invalid: {error.go_text}"
            raise HookFailed(text) from error
        newest = runtime.sandboxes[0] if runtime.sandboxes else None
        ips = runtime.addresses if newest is not None and newest.is_ready else ()
        if not ips:
            raise HookFailed(f"failed to find networking container: no sandbox of pod {pod.metadata.name} has an IP")
        return ips[0]


def _go_text(handler: v1.LifecycleHandler) -> str:
    """A handler with a tcpSocket as Go prints it. Mirrors k8s.io/api/core/v1: generated.pb.go, String."""
    socket = handler.tcp_socket
    assert socket is not None, "the other handlers are run"
    port = f"{{1 0 {socket.port}}}" if isinstance(socket.port, str) else f"{{0 {socket.port} }}"
    action = f"&TCPSocketAction{{Port:{port},Host:{socket.host},}}"
    return f"&LifecycleHandler{{Exec:nil,HTTPGet:nil,TCPSocket:{action},Sleep:nil,}}"
