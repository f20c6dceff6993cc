"""logind: who waits for whom at a shutdown."""

import pytest

from kubesim.errors import InputError
from kubesim.host.logind import InhibitorLock, Logind, ShutdownRecord
from kubesim.kernel import Kernel, Task

SECOND = 10**9


class Client:
    """Takes a delay lock and writes down what it is told."""

    def __init__(self, kernel: Kernel, logind: Logind, who: str = "kubelet") -> None:
        self.bodies: list[tuple[object, ...]] = []
        self.closed_ns: list[int] = []
        self.lock: InhibitorLock = logind.inhibit(what="shutdown", who=who, why="pods", mode="delay")
        self.unsubscribe = logind.subscribe(
            lambda body: self.bodies.append(tuple(body)), lambda: self.closed_ns.append(kernel.now_ns)
        )


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(start_ns=0)


def shutdown(kernel: Kernel, logind: Logind) -> Task[ShutdownRecord]:
    return kernel.spawn(logind.prepare_for_shutdown(), name="shutdown")


def rows(logind: Logind) -> list[tuple[float, str, str, str]]:
    return [(entry.time_ns / SECOND, entry.what, entry.subject, entry.reason) for entry in logind.timeline]


def test_the_machine_goes_down_when_the_last_delay_lock_is_closed(kernel: Kernel) -> None:
    logind = Logind(kernel, inhibit_delay_max_usec=30_000_000)
    first, second = Client(kernel, logind), Client(kernel, logind, "NetworkManager")
    task = shutdown(kernel, logind)
    kernel.call_at(4 * SECOND, first.lock.close)
    kernel.call_at(7 * SECOND, second.lock.close)
    kernel.run_until_idle()

    assert task.result() == ShutdownRecord(requested_ns=0, ended_ns=7 * SECOND, is_cancelled=False, late=())
    assert logind.power_off_ns == 7 * SECOND
    assert first.bodies == second.bodies == [(True,)]
    assert rows(logind) == [
        (0, "lock taken", "kubelet", "delay shutdown: pods"),
        (0, "lock taken", "NetworkManager", "delay shutdown: pods"),
        (0, "signal PrepareForShutdown", "", "body (True,)"),
        (4, "lock released", "kubelet", "delay shutdown"),
        (7, "lock released", "NetworkManager", "delay shutdown"),
        (7, "power off", "", "no delay lock is held"),
    ]


def test_after_the_maximum_delay_the_machine_goes_down_and_the_late_ones_are_named(kernel: Kernel) -> None:
    logind = Logind(kernel)
    early, late = Client(kernel, logind, "early"), Client(kernel, logind, "late")
    task = shutdown(kernel, logind)
    kernel.call_at(1 * SECOND, early.lock.close)
    kernel.run_until_idle()

    assert task.result().late == ("late",)
    assert logind.power_off_ns == 5 * SECOND
    assert not late.lock.is_closed
    assert rows(logind)[-2:] == [
        (5, "gave up on lock", "late", "InhibitDelayMaxSec is over: 5 s from its default"),
        (5, "power off", "", "time is up"),
    ]


def test_locks_that_do_not_delay_shutdowns_are_not_waited_for(kernel: Kernel) -> None:
    logind = Logind(kernel)
    logind.inhibit(what="sleep:idle", who="video", why="playing", mode="delay")
    shutdown(kernel, logind)
    kernel.run_until_idle()

    assert logind.power_off_ns == 0


def test_a_lock_that_names_shutdown_among_others_delays_it(kernel: Kernel) -> None:
    logind = Logind(kernel)
    lock = logind.inhibit(what="sleep:shutdown", who="x", why="y", mode="delay")
    shutdown(kernel, logind)
    kernel.call_at(3 * SECOND, lock.close)
    kernel.run_until_idle()

    assert logind.power_off_ns == 3 * SECOND


def test_a_block_lock_refuses_the_shutdown(kernel: Kernel) -> None:
    logind = Logind(kernel)
    lock = logind.inhibit(what="shutdown", who="packagekit", why="update", mode="block")
    with pytest.raises(InputError, match="shutdown is blocked by packagekit"):
        shutdown(kernel, logind)
        kernel.run_until_idle()
    lock.close()
    shutdown(kernel, logind)
    kernel.run_until_idle()

    assert logind.power_off_ns == 0


def test_a_second_shutdown_is_refused_until_the_first_is_cancelled(kernel: Kernel) -> None:
    logind = Logind(kernel)
    client = Client(kernel, logind)
    first = shutdown(kernel, logind)
    kernel.run_until(1 * SECOND)
    with pytest.raises(InputError, match="under way already"):
        shutdown(kernel, logind)
        kernel.run_until(2 * SECOND)
    logind.cancel_shutdown()
    second = shutdown(kernel, logind)
    kernel.call_at(4 * SECOND, client.lock.close)
    kernel.run_until_idle()

    assert client.bodies == [(True,), (False,), (True,)]
    assert first.result() == ShutdownRecord(requested_ns=0, ended_ns=1 * SECOND, is_cancelled=True)
    assert second.result() == ShutdownRecord(requested_ns=1 * SECOND, ended_ns=4 * SECOND, is_cancelled=False)
    assert logind.shutdowns == [first.result(), second.result()]


def test_a_machine_that_is_off_is_beyond_cancelling(kernel: Kernel) -> None:
    logind = Logind(kernel)
    shutdown(kernel, logind)
    kernel.run_until_idle()
    assert logind.power_off_ns == 0
    with pytest.raises(InputError, match="the machine is powered off"):
        logind.cancel_shutdown()

    assert logind.power_off_ns == 0


def test_a_descriptor_closed_twice_releases_once(kernel: Kernel) -> None:
    logind = Logind(kernel)
    client = Client(kernel, logind)
    client.lock.close()
    client.lock.close()

    assert logind.inhibitors == ()
    assert [row[1] for row in rows(logind)] == ["lock taken", "lock released"]


def test_a_drop_in_counts_after_the_reload(kernel: Kernel) -> None:
    logind = Logind(kernel, reload_delay_ns=250_000_000)
    logind.write_drop_in("99-kubelet.conf", "# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=30\n")
    assert logind.inhibit_delay_max_usec() == 5_000_000
    logind.reload()
    assert logind.inhibit_delay_max_usec() == 5_000_000
    kernel.run_until_idle()

    assert logind.inhibit_delay_max_usec() == 30_000_000
    assert rows(logind) == [
        (0, "configuration written", "99-kubelet.conf", "InhibitDelayMaxSec=30"),
        (0.25, "configuration read", "", "30 s from /etc/systemd/logind.conf.d/99-kubelet.conf"),
    ]


def test_signals_may_have_any_body_and_stop_after_the_subscription_ends(kernel: Kernel) -> None:
    logind = Logind(kernel)
    client = Client(kernel, logind)
    for body in ((), ("true",), (1,), (True,)):
        logind.emit_prepare_for_shutdown(body)
    client.unsubscribe()
    client.unsubscribe()
    logind.emit_prepare_for_shutdown((True,))

    assert client.bodies == [(), ("true",), (1,), (True,)]


def test_a_bus_that_restarts_closes_connections_but_not_locks(kernel: Kernel) -> None:
    logind = Logind(kernel)
    client = Client(kernel, logind)
    logind.drop_connections()
    logind.emit_prepare_for_shutdown((True,))

    assert (client.closed_ns, client.bodies) == ([0], [])
    assert logind.inhibitors == (client.lock,)


def test_every_call_fails_while_the_bus_is_broken(kernel: Kernel) -> None:
    logind = Logind(kernel)
    logind.set_bus_error("dial unix /run/dbus/system_bus_socket: connect: connection refused")
    calls = (
        logind.inhibit_delay_max_usec,
        logind.reload,
        lambda: logind.inhibit(what="shutdown", who="a", why="b", mode="delay"),
        lambda: logind.subscribe(lambda body: None, lambda: None),
    )
    for call in calls:
        with pytest.raises(OSError, match="connection refused"):
            call()
    logind.set_bus_error("")

    assert logind.inhibit_delay_max_usec() == 5_000_000


@pytest.mark.parametrize(
    ("what", "mode", "message"),
    [("lunch", "delay", "logind cannot inhibit 'lunch'"), ("shutdown", "maybe", "'maybe' is no mode")],
)
def test_nonsense_locks_are_refused(kernel: Kernel, what: str, mode: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Logind(kernel).inhibit(what=what, who="a", why="b", mode=mode)
