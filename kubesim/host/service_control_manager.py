"""The Windows service control manager, as far as a shutdown goes: who is told first, and how long it may take.

At a shutdown the services in the registry value PreshutdownOrder are told first, one after the other in that order;
each has its own time-out. The kubelet's turn comes where its name stands, or after the listed ones when it is not
listed. Other services here have nothing to do and stop at once: what shows is whether they stop before or after the
pods.

Mirrors the documentation of SERVICE_CONTROL_PRESHUTDOWN and SERVICE_PRESHUTDOWN_INFO (Windows, winsvc.h).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.host.timeline import HostEntry, HostTimeline
from kubesim.kernel import Event, Kernel, timeout

KUBELET = "kubelet"
DEFAULT_PRESHUTDOWN_TIMEOUT_MS = 180_000
OPERATIONS = ("dependencies", "preshutdown_order", "set_preshutdown_order", "preshutdown_timeout_ms",
              "set_preshutdown_timeout_ms")  # fmt: skip

PreshutdownHandler = Callable[[Callable[[], object]], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreshutdownRecord:
    """How a shutdown went: `is_late` when the kubelet did not say in time that it is done."""

    requested_ns: int
    ended_ns: int
    is_late: bool


class ServiceControlManager:
    """The model. `power_off_ns` is the instant at which the machine goes down."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        service: bool = True,
        dependencies: Sequence[str] = (),
        preshutdown_order: Sequence[str] = (),
        timeout_ms: int = DEFAULT_PRESHUTDOWN_TIMEOUT_MS,
        timeout_ms_max: int | None = None,
    ) -> None:
        """`service`: the kubelet runs as the service `kubelet`. `timeout_ms_max`: the host silently allows no more."""
        self._kernel = kernel
        self._is_service = service
        self._dependencies = tuple(dependencies)
        self._order = tuple(preshutdown_order)
        self._timeout_ms = timeout_ms
        self._timeout_ms_max = timeout_ms_max
        self._handler: PreshutdownHandler | None = None
        self._failures: dict[str, str] = {}
        self._timeline = HostTimeline(kernel, "service control manager")
        self.shutdowns: list[PreshutdownRecord] = []
        self.power_off_ns: int | None = None
        self._is_shutting_down = False

    # -- what the kubelet calls -----------------------------------------------------------------------------

    def is_service(self) -> bool:
        """Whether the kubelet runs as the service `kubelet`."""
        return self._is_service

    def dependencies(self) -> Sequence[str]:
        """Services that the kubelet service depends on. Raises OSError."""
        self._check("dependencies")
        return self._dependencies

    def preshutdown_order(self) -> Sequence[str]:
        """The registry value PreshutdownOrder. Raises OSError."""
        self._check("preshutdown_order")
        return self._order

    def set_preshutdown_order(self, order: Sequence[str]) -> None:
        """Write the registry value. Raises OSError."""
        self._check("set_preshutdown_order")
        self._order = tuple(order)
        self._timeline.add("PreshutdownOrder written", reason=" ".join(order))

    def preshutdown_timeout_ms(self) -> int:
        """The kubelet service's time-out in SERVICE_CONFIG_PRESHUTDOWN_INFO. Raises OSError."""
        self._check("preshutdown_timeout_ms")
        return self._timeout_ms

    def set_preshutdown_timeout_ms(self, timeout_ms: int) -> None:
        """Change it; a host with a maximum takes the maximum and does not say so. Raises OSError."""
        self._check("set_preshutdown_timeout_ms")
        self._timeout_ms = timeout_ms if self._timeout_ms_max is None else min(timeout_ms, self._timeout_ms_max)
        self._timeline.add(
            "preshutdown time-out set", KUBELET, reason=f"{self._timeout_ms} ms of {timeout_ms} ms asked"
        )

    def subscribe(self, handler: PreshutdownHandler) -> Callable[[], None]:
        """Call `handler(done)` at SERVICE_CONTROL_PRESHUTDOWN. A process has one handler; a later one replaces it.

        Returns the function that ends it, as the end of the process does.
        """
        self._handler = handler

        def unsubscribe() -> None:
            if self._handler is handler:
                self._handler = None

        return unsubscribe

    # -- what happens to the machine ------------------------------------------------------------------------

    async def preshutdown(self) -> PreshutdownRecord:
        """Shut down: tell the services in their order, wait for the kubelet at most its time-out, then power off.

        Raises InputError while a shutdown is under way, and when the machine is off.
        """
        if self._is_shutting_down:
            raise InputError("a shutdown is under way already, or over", hint="Windows cannot cancel it")
        self._is_shutting_down = True
        requested_ns = self._kernel.now_ns
        services = [name for name in self._order if name.lower() != KUBELET]
        listed = [name.lower() for name in self._order]
        first = services if KUBELET not in listed else services[: listed.index(KUBELET)]
        is_late = False
        for name in first:
            self._stop(name)
        if self._is_service:
            is_late = await self._preshutdown_kubelet()
        for name in services[len(first) :]:
            self._stop(name)
        self.power_off_ns = self._kernel.now_ns
        self._timeline.add("power off")
        record = PreshutdownRecord(requested_ns=requested_ns, ended_ns=self._kernel.now_ns, is_late=is_late)
        self.shutdowns.append(record)
        return record

    async def _preshutdown_kubelet(self) -> bool:
        """Whether it took longer than its time-out."""
        self._timeline.add("SERVICE_CONTROL_PRESHUTDOWN", KUBELET, reason=f"time-out {self._timeout_ms} ms")
        if self._handler is None:
            self._stop(KUBELET, reason="it has no preshutdown handler")
            return False
        done = Event()
        handler, self._handler = self._handler, None  # the service's control loop ends with this control
        handler(done.set)
        try:
            async with timeout(self._timeout_ms * 1_000_000):
                await done.wait()
        except TimeoutError:
            self._timeline.add("gave up on service", KUBELET, reason=f"{self._timeout_ms} ms are over")
            return True
        self._stop(KUBELET)
        return False

    def _stop(self, name: str, *, reason: str = "") -> None:
        self._timeline.add("service stopped", name, reason=reason)

    # -- faults, and what it saw ----------------------------------------------------------------------------

    def set_failure(self, operation: str, message: str) -> None:
        """From now on `operation` (one of OPERATIONS) fails with OSError(message); "" ends it."""
        assert operation in OPERATIONS, f"{operation} is not one of {OPERATIONS}"
        self._failures[operation] = message

    @property
    def timeline(self) -> Sequence[HostEntry]:
        """What happened, in order."""
        return self._timeline.entries

    def _check(self, operation: str) -> None:
        message = self._failures.get(operation, "")
        if message:
            raise OSError(message)
