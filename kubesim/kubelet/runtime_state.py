"""What the kubelet knows about its container runtime: when it answered last, and what it said it can do.

A Status call that fails changes nothing; after 30 s without a good one the runtime counts as down.

Mirrors kubelet: pkg/kubelet/kubelet.go (updateRuntimeUp), pkg/kubelet/runtime.go and
pkg/kubelet/kuberuntime/helpers.go (toKubeRuntimeStatus).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from kubesim.cri import api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Kernel, Looks
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.mutex import Mutex
from kubesim.policy.node_conditions import RuntimeCondition, RuntimeHealth

RUNTIME_READY = "RuntimeReady"
NETWORK_READY = "NetworkReady"

_REQUEST = api.StatusRequest()
_CONDITIONS_MIN = 2
_CONDITIONS_MISSING = "RuntimeReady or NetworkReady condition are not set"


class RuntimeHandler(Struct, frozen=True, kw_only=True, gc=False):
    """One runtime handler; the default one has the name ""."""

    name: str
    recursive_read_only_mounts: bool = False
    user_namespaces: bool = False


class RuntimeFeatures(Struct, frozen=True, kw_only=True, gc=False):
    """What the runtime says about itself as a whole."""

    supplemental_groups_policy: bool = False
    user_namespaces_host_network: bool = False


class RuntimeState:
    """The last good answers. `features` is None for a runtime that sent none."""

    def __init__(
        self, kernel: Kernel, client: CriClient, *, klog: Klog, on_ready: Callable[[], Awaitable[None]]
    ) -> None:
        """`on_ready` runs once, when the runtime is ready for the first time, before that counts as a good answer."""
        self._kernel = kernel
        self._client = client
        self._klog = klog
        self._on_ready = on_ready
        self._mutex = Mutex()
        self._was_ready = False
        self.has_status = False
        self.last_sync_ns: int | None = None
        self._answer = b""
        self._again = client.again(methods.STATUS, _REQUEST)
        self._is_well = False
        """Whether the last answer has nothing that has to be said again each time."""
        self.runtime_ready: RuntimeCondition | None = None
        self.network_ready: RuntimeCondition | None = None
        self.handlers: tuple[RuntimeHandler, ...] = ()
        self.features: RuntimeFeatures | None = None

    def health(self, pleg_error: str, evented_pleg_error: str) -> RuntimeHealth:
        """The health of the runtime now, with what the PLEG says of it: empty texts when that is well."""
        return RuntimeHealth(
            now_ns=self._kernel.now_ns,
            last_runtime_sync_ns=self.last_sync_ns,
            has_status=self.has_status,
            runtime_ready=self.runtime_ready,
            network_ready=self.network_ready,
            pleg_error=pleg_error,
            evented_pleg_error=evented_pleg_error,
        )

    def handler(self, name: str) -> RuntimeHandler | None:
        """The handler of that name, None when the runtime has not reported it."""
        for handler in self.handlers:
            if handler.name == name:
                return handler
        return None

    def supports_rro(self) -> bool:
        """Whether the default handler makes recursive read-only mounts.

        Mirrors kubelet: pkg/kubelet/kubelet_pods.go, runtimeHandlerSupportsRecursiveReadOnlyMounts.
        """
        handler = self.handler("")
        return handler is not None and handler.recursive_read_only_mounts

    async def update(self) -> bool:
        """Ask the runtime for its status; whether it says what it said before, and is well."""
        async with self._mutex:
            before = self._answer
            try:
                self._answer = await self._client.call_encoded(methods.STATUS, _REQUEST)
            except CriError as error:
                self._answer = b""
                self._klog.error("Status from runtime service failed", err=error.go_text)
                self._klog.error("Container runtime sanity check failed", err=error.go_text)
                return False
            is_same = self._answer == before
            if is_same and self._is_well:
                self.last_sync_ns = self._kernel.now_ns
                return True
            self._is_well = False
            response = self._checked(api.StatusResponse.FromString(self._answer))
            if response is None:
                self._answer = b""
                return False
            await self._take(response)
            # What is not well is said again each time.
            return is_same and self._is_well

    @property
    def is_steady(self) -> bool:
        """Whether the runtime says the same as long as nothing happens."""
        return self._again is not None

    def update_again(self, looks: Looks) -> None:
        """`update` where nothing has happened since the last one said the same as before; of a steady runtime."""
        if self._again is not None:
            self._again(self._answer, looks)
        self.last_sync_ns = looks.series.last_ns

    def still_holds(self) -> bool:
        """Whether the runtime would say what it said last, and that is well."""
        return self._is_well and self._client.peek(methods.STATUS, _REQUEST) == self._answer

    def _checked(self, response: api.StatusResponse) -> api.StatusResponse | None:
        if len(response.status.conditions) < _CONDITIONS_MIN:
            self._klog.error("Status failed", err=_CONDITIONS_MISSING)
            self._klog.error("Container runtime sanity check failed", err=_CONDITIONS_MISSING)
            return None
        return response

    async def _take(self, response: api.StatusResponse) -> None:
        conditions = {
            one.type: RuntimeCondition(type=one.type, status=one.status, reason=one.reason, message=one.message)
            for one in response.status.conditions
        }
        self.has_status = True
        self.network_ready = conditions.get(NETWORK_READY)
        self.runtime_ready = conditions.get(RUNTIME_READY)
        # Until the node was ready once, a runtime that is not ready is no news.
        verbosity = 0 if self._was_ready else 4
        if self.network_ready is None or not self.network_ready.status:
            shown = _shown(self.network_ready)
            self._klog.info("Container runtime network not ready", verbosity=verbosity, networkReady=shown)
        if self.runtime_ready is None or not self.runtime_ready.status:
            shown = _shown(self.runtime_ready)
            self._klog.info("Container runtime not ready", verbosity=verbosity, runtimeReady=shown)
            return
        self.handlers = tuple(sorted(map(_handler, response.runtime_handlers), key=lambda one: one.name))
        self.features = _features(response)
        if not self._was_ready:
            self._was_ready = True
            await self._on_ready()
        self.last_sync_ns = self._kernel.now_ns
        self._is_well = self.network_ready is not None and self.network_ready.status


def _handler(handler: api.RuntimeHandler) -> RuntimeHandler:
    return RuntimeHandler(
        name=handler.name,
        recursive_read_only_mounts=handler.features.recursive_read_only_mounts,
        user_namespaces=handler.features.user_namespaces,
    )


def _features(response: api.StatusResponse) -> RuntimeFeatures | None:
    if not response.HasField("features"):
        return None
    return RuntimeFeatures(
        supplemental_groups_policy=response.features.supplemental_groups_policy,
        user_namespaces_host_network=response.features.user_namespaces_host_network,
    )


def _shown(condition: RuntimeCondition | None) -> str:
    return "nil" if condition is None else str(condition)
