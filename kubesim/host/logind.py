"""systemd-logind, as far as a shutdown goes: its configuration, its delay locks, and who waits for whom.

    idle ──prepare_for_shutdown──> preparing ──(all delay locks closed, or InhibitDelayMaxSec over)──> powered off
      ^                                │
      └────────cancel_shutdown─────────┘

Mirrors systemd: src/login/logind-dbus.c (delay_shutdown_or_sleep, manager_dispatch_delayed, method_inhibit) and
man org.freedesktop.login1(5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.host.logind_conf import Setting, drop_in_path, inhibit_delay_max
from kubesim.host.timeline import HostEntry, HostTimeline
from kubesim.kernel import Event, Kernel, timeout

DEFAULT_INHIBIT_DELAY_MAX_USEC = 5_000_000
"""logind's own InhibitDelayMaxSec: 5 s."""

SHUTDOWN = "shutdown"
WHATS = ("shutdown", "sleep", "idle", "handle-power-key", "handle-suspend-key", "handle-hibernate-key",
         "handle-lid-switch", "handle-reboot-key")  # fmt: skip


class InhibitorLock:
    """A lock of logind. Whoever took it holds a file descriptor; closing that releases the lock."""

    def __init__(self, owner: Logind, *, what: str, who: str, why: str, mode: str) -> None:
        self._owner = owner
        self.what = what
        self.who = who
        self.why = why
        self.mode = mode
        self.is_closed = False

    @property
    def delays_shutdown(self) -> bool:
        """Whether a shutdown waits for it."""
        return not self.is_closed and self.mode == "delay" and SHUTDOWN in self.what.split(":")

    def close(self) -> None:
        """Release the lock. A descriptor that is closed twice does no harm here."""
        if not self.is_closed:
            self.is_closed = True
            self._owner.lock_closed(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownRecord:
    """How a shutdown went. `late` are the lock holders that logind did not wait for any longer."""

    requested_ns: int
    ended_ns: int
    is_cancelled: bool
    late: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Subscription:
    on_signal: Callable[[Sequence[object]], object]
    on_close: Callable[[], object]


class Logind:
    """The model. All times are the kernel's; `power_off_ns` is the instant at which the machine goes down."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        inhibit_delay_max_usec: int = DEFAULT_INHIBIT_DELAY_MAX_USEC,
        drop_ins: Mapping[str, str] | None = None,
        reload_delay_ns: int = 0,
    ) -> None:
        """A logind that has read its configuration.

        `inhibit_delay_max_usec` is the compiled-in default. `drop_ins` are configuration files by path; a bare file
        name lies in /etc/systemd/logind.conf.d. `reload_delay_ns` passes between a SIGHUP and the new values.
        Raises InputError for a file that logind would not read.
        """
        self._kernel = kernel
        self._default_usec = inhibit_delay_max_usec
        self._reload_delay_ns = reload_delay_ns
        self._files = {drop_in_path(name): text for name, text in (drop_ins or {}).items()}
        self._setting = self._configured()
        self._bus_error = ""
        self._locks: list[InhibitorLock] = []
        self._subscriptions: list[_Subscription] = []
        self._changed = Event()
        self._preparation: object = None
        self._timeline = HostTimeline(kernel, "logind")
        self.shutdowns: list[ShutdownRecord] = []
        self.power_off_ns: int | None = None

    # -- what a client calls over D-Bus, and writes to disk -------------------------------------------------

    def inhibit_delay_max_usec(self) -> int:
        """The property InhibitDelayMaxUSec: the value that logind has read last. Raises OSError."""
        self._check_bus()
        return self._setting.value_usec

    def write_drop_in(self, name: str, text: str) -> None:
        """Write /etc/systemd/logind.conf.d/<name>. It counts after the next reload."""
        self._files[drop_in_path(name)] = text
        self._timeline.add("configuration written", name, reason=text.strip().rpartition("\n")[2])

    def reload(self) -> None:
        """SIGHUP to systemd-logind.service: read the configuration again. Raises OSError."""
        self._check_bus()
        if self._reload_delay_ns:
            self._kernel.call_later(self._reload_delay_ns, self._reload)
        else:
            self._reload()

    def inhibit(self, *, what: str, who: str, why: str, mode: str) -> InhibitorLock:
        """Take a lock: `what` is a colon-separated list, `mode` "delay" or "block". Raises OSError and InputError."""
        self._check_bus()
        unknown = [part for part in what.split(":") if part not in WHATS]
        if unknown:
            raise InputError(f"logind cannot inhibit {unknown[0]!r}", hint=f"it knows {', '.join(WHATS)}")
        if mode not in {"delay", "block"}:
            raise InputError(f"{mode!r} is no mode of an inhibitor lock", hint="modes are delay and block")
        lock = InhibitorLock(self, what=what, who=who, why=why, mode=mode)
        self._locks.append(lock)
        self._timeline.add("lock taken", who, reason=f"{mode} {what}: {why}")
        return lock

    def subscribe(
        self, on_signal: Callable[[Sequence[object]], object], on_close: Callable[[], object]
    ) -> Callable[[], None]:
        """Call `on_signal(body)` at PrepareForShutdown and `on_close()` when the bus connection ends. Raises OSError.

        Returns the function that ends the subscription.
        """
        self._check_bus()
        subscription = _Subscription(on_signal=on_signal, on_close=on_close)
        self._subscriptions.append(subscription)

        def unsubscribe() -> None:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)

        return unsubscribe

    @property
    def inhibitors(self) -> tuple[InhibitorLock, ...]:
        """The locks that are held, oldest first. What ListInhibitors answers."""
        return tuple(self._locks)

    # -- what happens to the machine ------------------------------------------------------------------------

    async def prepare_for_shutdown(self) -> ShutdownRecord:
        """Shut down: signal (true), wait for the delay locks at most InhibitDelayMaxSec, then power off.

        A lock taken while the wait goes on is waited for as well. Raises InputError while a shutdown is under way, and
        when somebody blocks shutdowns.
        """
        blockers = [lock.who for lock in self._locks if lock.mode == "block" and SHUTDOWN in lock.what.split(":")]
        if blockers:
            raise InputError(f"shutdown is blocked by {', '.join(blockers)}", hint="close the lock first")
        self._check_power()
        if self._preparation is not None:
            raise InputError("a shutdown is under way already", hint="cancel it first")
        requested_ns = self._kernel.now_ns
        # An object of its own, so that a shutdown that follows a cancelled one is not taken for it.
        mine = self._preparation = object()
        self.emit_prepare_for_shutdown((True,))
        late: tuple[str, ...] = ()
        try:
            async with timeout(self._setting.value_usec * 1000):
                while self._preparation is mine and self._holders():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            late = self._holders()
            for who in late:
                self._timeline.add("gave up on lock", who, reason=f"InhibitDelayMaxSec is over: {self._describe()}")
        is_cancelled = self._preparation is not mine
        if not is_cancelled:
            self._preparation = None
            self.power_off_ns = self._kernel.now_ns
            self._timeline.add("power off", reason="time is up" if late else "no delay lock is held")
        record = ShutdownRecord(
            requested_ns=requested_ns, ended_ns=self._kernel.now_ns, is_cancelled=is_cancelled, late=late
        )
        self.shutdowns.append(record)
        return record

    def cancel_shutdown(self) -> None:
        """The shutdown does not happen after all: signal (false). Raises InputError when the machine is off."""
        self._check_power()
        self._preparation = None
        self._changed.set()
        self.emit_prepare_for_shutdown((False,))

    def emit_prepare_for_shutdown(self, body: Sequence[object]) -> None:
        """Send the signal PrepareForShutdown with any body, also one that a real logind never sends."""
        self._timeline.add("signal PrepareForShutdown", reason=f"body {tuple(body)!r}")
        for subscription in tuple(self._subscriptions):
            subscription.on_signal(tuple(body))

    # -- faults ---------------------------------------------------------------------------------------------

    def set_bus_error(self, message: str) -> None:
        """From now on every call fails with ConnectionError(message); "" ends it."""
        self._bus_error = message

    def drop_connections(self) -> None:
        """The message bus restarts: every client loses its connection. Locks stay, as the descriptors they are."""
        self._timeline.add("bus connections lost")
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            subscription.on_close()

    # -- what it saw ----------------------------------------------------------------------------------------

    @property
    def timeline(self) -> Sequence[HostEntry]:
        """What happened, in order."""
        return self._timeline.entries

    def lock_closed(self, lock: InhibitorLock) -> None:
        """Called by a lock when its descriptor is closed."""
        self._locks.remove(lock)
        self._timeline.add("lock released", lock.who, reason=f"{lock.mode} {lock.what}")
        self._changed.set()

    def _holders(self) -> tuple[str, ...]:
        return tuple(lock.who for lock in self._locks if lock.delays_shutdown)

    def _configured(self) -> Setting:
        return inhibit_delay_max(self._files, default_usec=self._default_usec)

    def _reload(self) -> None:
        self._setting = self._configured()
        self._timeline.add("configuration read", reason=self._describe())

    def _describe(self) -> str:
        return f"{self._setting.value_usec / 1e6:g} s from {self._setting.path or 'its default'}"

    def _check_power(self) -> None:
        if self.power_off_ns is not None:
            raise InputError("the machine is powered off", hint="a shutdown can be cancelled only while it goes on")

    def _check_bus(self) -> None:
        if self._bus_error:
            raise ConnectionError(self._bus_error)
