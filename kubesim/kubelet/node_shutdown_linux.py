"""Watches logind for shutdowns and holds a delay lock until the pods are gone.

    start: read InhibitDelayMaxUSec ─(too short)─> write 99-kubelet.conf, reload, read again ─> take lock ─> subscribe
    bus connection lost: wait 1 s, start again, for ever

Mirrors kubelet: pkg/kubelet/nodeshutdown/nodeshutdown_manager_linux.go and systemd/inhibit_linux.go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from kubesim.kernel import Channel, Kernel, Task, sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_shutdown_error import ShutdownUnavailable
from kubesim.kubelet.outside import InhibitorLock, Logind
from kubesim.model.duration import format_duration

SECOND_NS = 10**9
MILLISECOND_NS = 10**6

DROP_IN_NAME = "99-kubelet.conf"
DROP_IN_PATH = f"/etc/systemd/logind.conf.d/{DROP_IN_NAME}"
RECONNECT_NS = SECOND_NS
READ_ATTEMPTS = 5
READ_AGAIN_NS = 100 * MILLISECOND_NS
"""The wait after the first reading that is still too short; it doubles each time."""


class LinuxShutdownWatch:
    """The part of the shutdown manager that talks to logind. Signals are handled one after the other."""

    def __init__(
        self,
        kernel: Kernel,
        logind: Logind,
        *,
        klog: Klog,
        requested_seconds: int,
        on_shutdown: Callable[[], Awaitable[None]],
        on_cancel: Callable[[], object],
    ) -> None:
        self._kernel = kernel
        self._logind = logind
        self._klog = klog
        self._requested_ns = requested_seconds * SECOND_NS
        self._on_shutdown = on_shutdown
        self._on_cancel = on_cancel
        self._lock: InhibitorLock | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._task: Task[None] | None = None

    async def start(self) -> None:
        """Take the lock and begin to watch. Raises ShutdownUnavailable; then nothing is watched, ever."""
        signals = await self._connect()
        self._task = self._kernel.spawn(self._watch(signals), name="node shutdown: watch logind")

    def stop(self) -> None:
        """What the end of the process does: descriptors are closed, so the lock is gone, and so is the subscription."""
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
        if self._lock is not None:
            self._lock.close()

    async def _connect(self) -> Channel[bool]:
        delay_ns = self._inhibit_delay_ns()
        if self._requested_ns > delay_ns:
            self._override_inhibit_delay()
            await self._wait_for_new_delay()
        self._acquire_lock()
        signals: Channel[bool] = Channel()
        try:
            self._unsubscribe = self._logind.subscribe(lambda body: self._received(signals, body), signals.close)
        except OSError as error:
            if self._lock is not None:
                self._lock.close()
            raise ShutdownUnavailable(f"failed to monitor shutdown: {error}") from error
        return signals

    def _inhibit_delay_ns(self) -> int:
        try:
            usec = self._logind.inhibit_delay_max_usec()
        except OSError as error:
            raise ShutdownUnavailable(f"failed reading InhibitDelayMaxUSec property from logind: {error}") from error
        # Go turns the uint64 into a signed Duration, so that logind's "infinity" becomes minus one microsecond.
        return _signed_64(_signed_64(usec) * 1000)

    def _override_inhibit_delay(self) -> None:
        text = f"# Kubelet logind override\n[Login]\nInhibitDelayMaxSec={self._requested_ns // SECOND_NS}\n"
        try:
            self._logind.write_drop_in(DROP_IN_NAME, text)
        except OSError as error:
            raise ShutdownUnavailable(
                "unable to override inhibit delay by shutdown manager: "
                f"failed writing logind shutdown inhibit override file {DROP_IN_PATH}: {error}"
            ) from error
        try:
            self._logind.reload()
        except OSError as error:
            raise ShutdownUnavailable(f"unable to reload logind conf: {error}") from error

    async def _wait_for_new_delay(self) -> None:
        requested = format_duration(self._requested_ns)
        wait_ns = READ_AGAIN_NS
        for attempt in range(1, READ_ATTEMPTS + 1):
            delay_ns = self._inhibit_delay_ns()
            if self._requested_ns <= delay_ns:
                return
            if attempt < READ_ATTEMPTS:
                self._klog.info(
                    "InhibitDelayMaxSec still less than requested, retrying",
                    verbosity=3,
                    attempt=attempt,
                    current=format_duration(delay_ns),
                    requested=requested,
                )
                await sleep(wait_ns)
                wait_ns *= 2
        raise ShutdownUnavailable(
            f"node shutdown manager was timed out after {READ_ATTEMPTS} attempts waiting for logind InhibitDelayMaxSec "
            f"to update to {requested} (ShutdownGracePeriod), current value is {format_duration(delay_ns)}"
        )

    def _acquire_lock(self) -> None:
        try:
            lock = self._logind.inhibit(
                what="shutdown", who="kubelet", why="Kubelet needs time to handle node shutdown", mode="delay"
            )
        except OSError as error:
            raise ShutdownUnavailable(f"failed creating systemd inhibitor: {error}") from error
        if self._lock is not None:
            self._lock.close()
        self._lock = lock

    def _received(self, signals: Channel[bool], body: Sequence[object]) -> None:
        if not body:
            self._klog.error("Failed obtaining shutdown event, PrepareForShutdown event was empty")
        elif not isinstance(body[0], bool):
            self._klog.error("Failed obtaining shutdown event, PrepareForShutdown event was not bool type as expected")
        else:
            signals.send_nowait(body[0])

    async def _watch(self, signals: Channel[bool]) -> None:
        while True:
            async for is_shutdown in signals:
                await self._handle(is_shutdown=is_shutdown)
            self._klog.error("Ended to watching the node for shutdown events")
            signals = await self._reconnect()

    async def _reconnect(self) -> Channel[bool]:
        while True:
            await sleep(RECONNECT_NS)
            self._klog.info("Restarting watch for node shutdown events", verbosity=1)
            try:
                return await self._connect()
            except ShutdownUnavailable as error:
                self._klog.error("Unable to watch the node for shutdown events", err=str(error))

    async def _handle(self, *, is_shutdown: bool) -> None:
        self._klog.info(
            "Shutdown manager detected new shutdown event, isNodeShuttingDownNow", verbosity=1, event=is_shutdown
        )
        kind = "shutdown" if is_shutdown else "cancelled"
        self._klog.info("Shutdown manager detected new shutdown event", verbosity=1, event=kind)
        if is_shutdown:
            await self._on_shutdown()
            if self._lock is not None:
                self._lock.close()
            self._klog.info(
                "Shutdown manager completed processing shutdown event, node will shutdown shortly", verbosity=1
            )
            return
        self._on_cancel()
        try:
            self._acquire_lock()
        except ShutdownUnavailable:
            # The kubelet drops this error too: from here on it has no lock, and the next shutdown does not wait.
            return


def _signed_64(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63
