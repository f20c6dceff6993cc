"""Tells the Windows service manager to warn the kubelet before a shutdown, early and long enough.

Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager_windows.go (start, ProcessShutdownEvent). A preshutdown
cannot be cancelled and comes at most once in the life of a process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubesim.kernel import Kernel, Task
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_shutdown_error import ShutdownUnavailable
from kubesim.kubelet.outside import ServiceControlManager
from kubesim.policy.preshutdown_order import preshutdown_order

SERVICE = "kubelet"


class WindowsShutdownWatch:
    """The part of the shutdown manager that talks to the service control manager."""

    def __init__(
        self,
        kernel: Kernel,
        services: ServiceControlManager,
        *,
        klog: Klog,
        requested_seconds: int,
        on_shutdown: Callable[[], Awaitable[None]],
    ) -> None:
        self._kernel = kernel
        self._services = services
        self._klog = klog
        self._requested_ms = requested_seconds * 1000
        self._on_shutdown = on_shutdown
        self._unsubscribe: Callable[[], None] = lambda: None
        self._task: Task[None] | None = None

    async def start(self) -> None:
        """Set the service up and register for the control. Raises ShutdownUnavailable; then nothing is watched."""
        self._klog.info("Shutdown manager get started", verbosity=1)
        if not self._services.is_service():
            raise ShutdownUnavailable(f"{SERVICE} is NOT running as a Windows service")
        timeout_ms = self._timeout_ms("Could not query preshutdown info")
        self._klog.info("Shutdown manager get current preshutdown info", verbosity=1, PreshutdownTimeout=timeout_ms)
        self._put_first()
        if self._requested_ms > timeout_ms:
            self._raise_timeout()
        self._unsubscribe = self._services.subscribe(self._preshutdown)

    def stop(self) -> None:
        """What the end of the process does."""
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()

    def _timeout_ms(self, problem: str) -> int:
        try:
            return self._services.preshutdown_timeout_ms()
        except OSError as error:
            raise ShutdownUnavailable(f"{problem}: {error}") from error

    def _put_first(self) -> None:
        """Move the kubelet before the services it depends on. The value is written even when nothing changes."""
        try:
            dependencies = self._services.dependencies()
        except OSError as error:
            raise ShutdownUnavailable(f"Could not access config of service {SERVICE}: {error}") from error
        try:
            existing = self._services.preshutdown_order()
        except OSError as error:
            raise ShutdownUnavailable(f"Could not access registry value PreshutdownOrder: {error}") from error
        self._klog.info(
            "Shutdown manager get current service preshutdown order", verbosity=1, Preshutdownorder=list(existing)
        )
        order = preshutdown_order(existing, dependencies, SERVICE)
        try:
            self._services.set_preshutdown_order(order)
        except OSError as error:
            raise ShutdownUnavailable(
                f"Could not set registry PreshutdownOrder to be new value [{' '.join(order)}]: {error}"
            ) from error

    def _raise_timeout(self) -> None:
        self._klog.info(
            "Shutdown manager override preshutdown info", verbosity=1, ShutdownGracePeriod=self._requested_ms
        )
        try:
            self._services.set_preshutdown_timeout_ms(self._requested_ms)
        except OSError as error:
            raise ShutdownUnavailable(f"Unable to override preshoutdown config by shutdown manager: {error}") from error
        timeout_ms = self._timeout_ms("Unable to get preshoutdown info after overrided by shutdown manager")
        if self._requested_ms > timeout_ms:
            raise ShutdownUnavailable(
                f"Shutdown manager was unable to update preshutdown info to {self._requested_ms} (ShutdownGracePeriod),"
                f" current value of preshutdown info ({timeout_ms}) is less than requested ShutdownGracePeriod"
            )

    def _preshutdown(self, done: Callable[[], object]) -> None:
        self._task = self._kernel.spawn(self._handle(done), name="node shutdown: preshutdown")

    async def _handle(self, done: Callable[[], object]) -> None:
        self._klog.info("Node pre-shutdown")
        self._klog.info("Shutdown manager detected new preshutdown event", verbosity=1, event="preshutdown")
        await self._on_shutdown()
        self._klog.info(
            "Shutdown manager completed processing preshutdown event, node will shutdown shortly", verbosity=1
        )
        done()
