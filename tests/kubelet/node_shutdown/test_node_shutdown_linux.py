"""The shutdown manager and logind: configuration, lock, signals, lost connections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from kubesim.host.logind import Logind
from kubesim.kernel import Kernel, sleep
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_shutdown_error import ShutdownUnavailable
from kubesim.kubelet.node_shutdown_linux import LinuxShutdownWatch

SECOND = 10**9
MAX_DELAY = "unattended-upgrades-logind-maxdelay.conf"
UNABLE = "unable to override inhibit delay by shutdown manager: "
DROP_IN = "# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=30\n"


class Bench:
    """A watch on a logind; a shutdown takes `takes` seconds to handle."""

    def __init__(
        self,
        *,
        requested: int = 30,
        takes: float = 10,
        drop_ins: Mapping[str, str] | None = None,
        **logind: Any,
    ) -> None:
        self.kernel = Kernel(start_ns=0)
        self.logind = Logind(self.kernel, drop_ins=drop_ins, **logind)
        self.klog = Klog(self.kernel)
        self.takes = takes
        self.handled: list[tuple[float, str]] = []
        self.watch = LinuxShutdownWatch(
            self.kernel,
            self.logind,
            klog=self.klog,
            requested_seconds=requested,
            on_shutdown=self.shutdown,
            on_cancel=lambda: self.handled.append((self.now, "cancelled")),
        )

    @property
    def now(self) -> float:
        return self.kernel.now_ns / SECOND

    async def shutdown(self) -> None:
        self.handled.append((self.now, "begin"))
        await sleep(round(self.takes * SECOND))
        self.handled.append((self.now, "end"))

    def start(self) -> float:
        """The seconds it took."""
        task = self.kernel.spawn(self.watch.start(), name="start")
        task.watch(lambda _: None)
        self.kernel.run_until(5 * SECOND, goal=lambda: task.is_done)
        taken = self.now
        self.kernel.run_until(self.kernel.now_ns)
        task.result()
        return taken

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        self.kernel.call_at(round(seconds * SECOND), action)

    def power_off(self) -> None:
        self.kernel.spawn(self.logind.prepare_for_shutdown(), name="shutdown")

    def until(self, seconds: float) -> None:
        self.kernel.run_until(round(seconds * SECOND))

    def host_story(self) -> list[str]:
        return [
            f"{row.time_ns / SECOND:g} {row.what} {row.subject} ({row.reason})".replace(" ()", "").replace("  ", " ")
            for row in self.logind.timeline
        ]


def test_a_short_delay_is_raised_before_the_lock_is_taken() -> None:
    bench = Bench()
    assert bench.start() == 0

    assert bench.host_story() == [
        "0 configuration written 99-kubelet.conf (InhibitDelayMaxSec=30)",
        "0 configuration read (30 s from /etc/systemd/logind.conf.d/99-kubelet.conf)",
        "0 lock taken kubelet (delay shutdown: Kubelet needs time to handle node shutdown)",
    ]
    assert [(lock.what, lock.who, lock.mode) for lock in bench.logind.inhibitors] == [("shutdown", "kubelet", "delay")]


def test_a_delay_that_is_long_enough_is_left_alone() -> None:
    bench = Bench(drop_ins={"99-kubelet.conf": DROP_IN})
    bench.start()

    assert [row.what for row in bench.logind.timeline] == ["lock taken"]


@pytest.mark.parametrize(
    ("drop_ins", "current"),
    [
        # Both sort after 99-kubelet.conf, wherever they lie (kubernetes/kubernetes#102818).
        ({f"/usr/lib/systemd/logind.conf.d/{MAX_DELAY}": "[Login]\nInhibitDelayMaxSec=30\n"}, "30s"),
        ({"/run/systemd/logind.conf.d/99-zz.conf": "[Login]\nInhibitDelayMaxSec=1min 30s\n"}, "1m30s"),
        # Go's signed Duration cannot hold logind's infinity.
        ({"/run/systemd/logind.conf.d/99-zz.conf": "[Login]\nInhibitDelayMaxSec=infinity\n"}, "-1µs"),
    ],
)  # fmt: skip
def test_another_drop_in_that_wins_makes_the_start_fail(drop_ins: Mapping[str, str], current: str) -> None:
    bench = Bench(requested=900, drop_ins=drop_ins)
    with pytest.raises(ShutdownUnavailable) as failure:
        bench.start()

    assert str(failure.value) == (
        "node shutdown manager was timed out after 5 attempts waiting for logind InhibitDelayMaxSec to update to 15m0s "
        f"(ShutdownGracePeriod), current value is {current}"
    )
    assert bench.now == 1.5  # 100 + 200 + 400 + 800 ms
    assert bench.logind.inhibitors == ()
    assert [line for line in bench.klog.texts(verbosity=3) if "retrying" in line] == [
        f'I "InhibitDelayMaxSec still less than requested, retrying" attempt={attempt} current="{current}" '
        'requested="15m0s"'
        for attempt in (1, 2, 3, 4)
    ]


def test_the_other_drop_in_is_beaten_by_masking_or_renaming_it() -> None:
    text = "[Login]\nInhibitDelayMaxSec=30\n"
    masked = Bench(requested=60, drop_ins={f"/usr/lib/systemd/logind.conf.d/{MAX_DELAY}": text, MAX_DELAY: ""})
    renamed = Bench(requested=60, drop_ins={f"/usr/lib/systemd/logind.conf.d/10-{MAX_DELAY}": text})
    for bench in (masked, renamed):
        bench.start()
        assert bench.logind.inhibit_delay_max_usec() == 60_000_000


@pytest.mark.parametrize(("delay_ms", "seconds"), [(50, 0.1), (250, 0.3), (1400, 1.5)])
def test_a_logind_that_reads_late_is_asked_again(delay_ms: int, seconds: float) -> None:
    bench = Bench(reload_delay_ns=delay_ms * 10**6)

    assert bench.start() == seconds
    assert len(bench.logind.inhibitors) == 1


def test_the_lock_is_held_until_the_pods_are_gone() -> None:
    bench = Bench(takes=12)
    bench.start()
    bench.at(1, bench.power_off)
    bench.until(60)

    assert bench.handled == [(1, "begin"), (13, "end")]
    assert bench.logind.power_off_ns == 13 * SECOND


def test_signals_with_a_body_that_makes_no_sense_are_skipped() -> None:
    """kubernetes/kubernetes#97951: an empty one made the kubelet panic."""
    bench = Bench(takes=1)
    bench.start()
    for seconds, body in ((1, ()), (2, ("true",)), (3, (1,)), (4, (True,))):
        bench.at(seconds, lambda body=body: bench.logind.emit_prepare_for_shutdown(body))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    bench.until(10)

    assert bench.handled == [(4, "begin"), (5, "end")]
    errors = [str(line) for line in bench.klog.lines if line.severity == "E"]
    assert errors == [
        'E "Failed obtaining shutdown event, PrepareForShutdown event was empty"',
        'E "Failed obtaining shutdown event, PrepareForShutdown event was not bool type as expected"',
        'E "Failed obtaining shutdown event, PrepareForShutdown event was not bool type as expected"',
    ]


def test_a_cancellation_takes_a_new_lock() -> None:
    bench = Bench(takes=3)
    bench.start()
    bench.at(1, bench.power_off)
    # The pods are gone at 4 s: a cancellation that comes later still, before the kubelet itself is stopped.
    bench.at(10, lambda: bench.logind.emit_prepare_for_shutdown((False,)))
    bench.until(20)

    assert bench.handled == [(1, "begin"), (4, "end"), (10, "cancelled")]
    assert [lock.who for lock in bench.logind.inhibitors] == ["kubelet"]
    assert 'I "Shutdown manager detected new shutdown event" event="cancelled"' in bench.klog.texts()


def test_a_cancellation_in_the_middle_waits_until_the_groups_are_done() -> None:
    bench = Bench(takes=10)
    bench.start()
    bench.at(1, bench.power_off)
    bench.at(3, bench.logind.cancel_shutdown)
    bench.until(20)

    assert bench.handled == [(1, "begin"), (11, "end"), (11, "cancelled")]
    assert len(bench.logind.inhibitors) == 1
    assert bench.logind.power_off_ns is None


def test_a_cancellation_without_a_shutdown_swaps_the_lock() -> None:
    bench = Bench()
    bench.start()
    first = bench.logind.inhibitors
    bench.logind.cancel_shutdown()
    bench.until(1)

    assert first[0].is_closed
    assert len(bench.logind.inhibitors) == 1


def test_a_repeated_signal_is_handled_again() -> None:
    bench = Bench(takes=2)
    bench.start()
    for seconds in (1, 2):
        bench.at(seconds, lambda: bench.logind.emit_prepare_for_shutdown((True,)))
    bench.until(10)

    assert bench.handled == [(1, "begin"), (3, "end"), (3, "begin"), (5, "end")]


def test_a_lost_connection_is_restored_after_a_second_again_and_again() -> None:
    bench = Bench()
    bench.start()
    bench.at(10, lambda: bench.logind.set_bus_error("connection refused"))
    bench.at(10, bench.logind.drop_connections)
    bench.at(12.5, lambda: bench.logind.set_bus_error(""))
    bench.at(20, bench.power_off)
    bench.until(60)

    failed = (
        'E "Unable to watch the node for shutdown events" '
        'err="failed reading InhibitDelayMaxUSec property from logind: connection refused"'
    )
    again = 'I "Restarting watch for node shutdown events"'
    assert [str(line) for line in bench.klog.lines][:6] == [
        'E "Ended to watching the node for shutdown events"',
        again,
        failed,
        again,
        failed,
        again,
    ]
    assert [line.time_ns / SECOND for line in bench.klog.lines[:6]] == [10, 11, 11, 12, 12, 13]
    assert bench.handled == [(20, "begin"), (30, "end")]
    assert [row.what for row in bench.logind.timeline if row.subject == "kubelet"] == [
        "lock taken",
        "lock taken",
        "lock released",
        "lock released",
    ]


def test_the_end_of_the_process_closes_the_lock() -> None:
    bench = Bench()
    bench.start()
    bench.watch.stop()
    bench.logind.emit_prepare_for_shutdown((True,))
    bench.until(60)

    assert (bench.logind.inhibitors, bench.handled) == ((), [])


def test_a_watch_that_never_started_can_be_stopped() -> None:
    bench = Bench()
    bench.watch.stop()

    assert bench.logind.timeline == []


class Broken(Logind):
    """A logind of which single operations fail."""

    failing: Sequence[str] = ()

    def _fail(self, operation: str) -> None:
        if operation in self.failing:
            raise OSError("boom")

    def inhibit_delay_max_usec(self) -> int:
        self._fail("read")
        return super().inhibit_delay_max_usec()

    def write_drop_in(self, name: str, text: str) -> None:
        self._fail("write")
        super().write_drop_in(name, text)

    def reload(self) -> None:
        self._fail("reload")
        super().reload()

    def inhibit(self, *, what: str, who: str, why: str, mode: str) -> Any:
        self._fail("inhibit")
        return super().inhibit(what=what, who=who, why=why, mode=mode)

    def subscribe(self, on_signal: Any, on_close: Any) -> Callable[[], None]:
        self._fail("subscribe")
        return super().subscribe(on_signal, on_close)


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("read", "failed reading InhibitDelayMaxUSec property from logind: boom"),
        (
            "write",
            UNABLE
            + "failed writing logind shutdown inhibit override file /etc/systemd/logind.conf.d/99-kubelet.conf: boom",
        ),
        ("reload", "unable to reload logind conf: boom"),
        ("inhibit", "failed creating systemd inhibitor: boom"),
        ("subscribe", "failed to monitor shutdown: boom"),
    ],
)
def test_each_failing_step_says_so_and_leaves_no_lock(operation: str, message: str) -> None:
    kernel = Kernel(start_ns=0)
    logind = Broken(kernel)
    logind.failing = (operation,)

    async def nothing() -> None:
        raise AssertionError("no shutdown was sent")

    watch = LinuxShutdownWatch(
        kernel, logind, klog=Klog(kernel), requested_seconds=30, on_shutdown=nothing, on_cancel=lambda: None
    )
    task = kernel.spawn(watch.start(), name="start")
    task.watch(lambda _: None)
    kernel.run_until_idle()
    with pytest.raises(ShutdownUnavailable) as failure:
        task.result()

    assert (str(failure.value), logind.inhibitors) == (message, ())


def test_a_lock_that_cannot_be_retaken_after_a_cancellation_is_done_without() -> None:
    kernel = Kernel(start_ns=0)
    logind = Broken(kernel)
    cancelled: list[int] = []

    async def nothing() -> None:
        return

    watch = LinuxShutdownWatch(
        kernel,
        logind,
        klog=Klog(kernel),
        requested_seconds=30,
        on_shutdown=nothing,
        on_cancel=lambda: cancelled.append(kernel.now_ns),
    )
    kernel.spawn(watch.start(), name="start")
    kernel.run_until_idle()
    logind.emit_prepare_for_shutdown((True,))
    kernel.run_until_idle()
    logind.failing = ("inhibit",)
    logind.emit_prepare_for_shutdown((False,))
    kernel.run_until_idle()

    assert (cancelled, logind.inhibitors) == ([0], ())
