"""The Windows service control manager: order and time-out of the preshutdown control."""

from collections.abc import Callable

import pytest

from kubesim.errors import InputError
from kubesim.host.service_control_manager import OPERATIONS, PreshutdownRecord, ServiceControlManager
from kubesim.kernel import Kernel

SECOND = 10**9


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(start_ns=0)


def rows(services: ServiceControlManager) -> list[tuple[float, str, str, str]]:
    return [(entry.time_ns / SECOND, entry.what, entry.subject, entry.reason) for entry in services.timeline]


def handler_that_takes(kernel: Kernel, seconds: int) -> Callable[[Callable[[], object]], object]:
    return lambda done: kernel.call_later(seconds * SECOND, done)


def run(kernel: Kernel, services: ServiceControlManager) -> PreshutdownRecord:
    task = kernel.spawn(services.preshutdown(), name="shutdown")
    kernel.run_until_idle()
    return task.result()


def test_services_are_told_in_their_order_and_the_kubelet_is_waited_for(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel, preshutdown_order=["UsoSvc", "Kubelet", "containerd"])
    services.subscribe(handler_that_takes(kernel, 12))

    assert run(kernel, services) == PreshutdownRecord(requested_ns=0, ended_ns=12 * SECOND, is_late=False)
    assert services.power_off_ns == 12 * SECOND
    assert rows(services) == [
        (0, "service stopped", "UsoSvc", ""),
        (0, "SERVICE_CONTROL_PRESHUTDOWN", "kubelet", "time-out 180000 ms"),
        (12, "service stopped", "kubelet", ""),
        (12, "service stopped", "containerd", ""),
        (12, "power off", "", ""),
    ]


def test_a_kubelet_that_is_not_listed_comes_after_the_services_that_are(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel, preshutdown_order=["containerd"])
    services.subscribe(handler_that_takes(kernel, 1))
    run(kernel, services)

    assert [row[2] for row in rows(services)] == ["containerd", "kubelet", "kubelet", ""]


def test_after_the_time_out_the_shutdown_goes_on(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel, timeout_ms=10_000)
    services.subscribe(handler_that_takes(kernel, 60))
    record = run(kernel, services)

    assert record == PreshutdownRecord(requested_ns=0, ended_ns=10 * SECOND, is_late=True)
    assert rows(services)[-2:] == [
        (10, "gave up on service", "kubelet", "10000 ms are over"),
        (10, "power off", "", ""),
    ]
    assert services.shutdowns == [record]


def test_a_machine_that_is_off_cannot_be_shut_down_again(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel)
    services.subscribe(handler_that_takes(kernel, 3))
    run(kernel, services)
    with pytest.raises(InputError, match="under way already, or over"):
        run(kernel, services)

    assert services.power_off_ns == 3 * SECOND


def test_an_ended_subscription_is_gone_but_not_a_later_one(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel)
    end_first = services.subscribe(handler_that_takes(kernel, 5))
    services.subscribe(handler_that_takes(kernel, 9))
    end_first()

    assert run(kernel, services).ended_ns == 9 * SECOND


def test_without_a_subscription_the_service_is_stopped_at_once(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel)
    services.subscribe(handler_that_takes(kernel, 5))()

    assert run(kernel, services).ended_ns == 0
    assert rows(services)[-2] == (0, "service stopped", "kubelet", "it has no preshutdown handler")


def test_a_kubelet_that_is_no_service_is_not_told(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel, service=False)
    services.subscribe(handler_that_takes(kernel, 5))

    assert run(kernel, services).ended_ns == 0
    assert not services.is_service()


def test_a_host_with_a_maximum_takes_it_without_a_word(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel, timeout_ms=180_000, timeout_ms_max=240_000)
    services.set_preshutdown_timeout_ms(600_000)
    assert services.preshutdown_timeout_ms() == 240_000
    services.set_preshutdown_timeout_ms(200_000)

    assert services.preshutdown_timeout_ms() == 200_000
    assert [row[3] for row in rows(services)] == ["240000 ms of 600000 ms asked", "200000 ms of 200000 ms asked"]


def test_the_order_in_the_registry_can_be_read_and_written(kernel: Kernel) -> None:
    services = ServiceControlManager(kernel, dependencies=["containerd"], preshutdown_order=["a"])
    services.set_preshutdown_order(["kubelet", "containerd", "a"])

    assert (services.dependencies(), services.preshutdown_order()) == (("containerd",), ("kubelet", "containerd", "a"))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_can_fail(kernel: Kernel, operation: str) -> None:
    services = ServiceControlManager(kernel)
    calls: dict[str, Callable[[], object]] = {
        "dependencies": services.dependencies,
        "preshutdown_order": services.preshutdown_order,
        "set_preshutdown_order": lambda: services.set_preshutdown_order([]),
        "preshutdown_timeout_ms": services.preshutdown_timeout_ms,
        "set_preshutdown_timeout_ms": lambda: services.set_preshutdown_timeout_ms(1),
    }
    services.set_failure(operation, "Access is denied.")
    with pytest.raises(OSError, match="Access is denied"):
        calls[operation]()
    services.set_failure(operation, "")
    calls[operation]()
