"""Graceful shutdown on Windows: the service, the order, the preshutdown control."""

from collections.abc import Mapping, Sequence

import pytest

from kubesim.host.service_control_manager import ServiceControlManager
from kubesim.kernel import Kernel, sleep
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import SHUTDOWN_END, SHUTDOWN_START, Metrics
from kubesim.kubelet.node_shutdown import NodeShutdownManager, ShutdownHost
from kubesim.kubelet.node_shutdown_groups import ShutdownCollaborators
from kubesim.kubelet.node_shutdown_timeline import ShutdownPod
from kubesim.kubelet.status_generation import PodStatusFunc
from kubesim.model.k8s_v1 import Event
from kubesim.policy.feature_gates import DEFAULT_GATES, resolve_gates
from kubesim.policy.shutdown_groups import ShutdownConfig

SECOND = 10**9
START = 1_767_225_600 * SECOND

TOTAL_30_CRITICAL_10 = ShutdownConfig(grace_period_ns=30 * SECOND, grace_period_critical_pods_ns=10 * SECOND)
PODS = (
    ShutdownPod(uid="web", namespace="default", name="web", priority=0, grace_seconds=30),
    ShutdownPod(uid="cni", namespace="kube-system", name="cni", priority=2_000_001_000, grace_seconds=30),
)


class Files:
    """Just enough of a file system for the state file."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}

    def read(self, path: str) -> bytes | None:
        return self.content.get(path)

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self.content[path] = data

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        raise NotImplementedError

    def remove(self, path: str) -> None:
        raise NotImplementedError

    def kind(self, path: str) -> str | None:
        raise NotImplementedError

    def list_dir(self, path: str) -> list[str]:
        raise NotImplementedError


class Bench:
    """One Windows node."""

    def __init__(
        self,
        *,
        config: ShutdownConfig = TOTAL_30_CRITICAL_10,
        gates: Mapping[str, bool] = DEFAULT_GATES,
        service: bool = True,
        dependencies: Sequence[str] = ("containerd",),
        preshutdown_order: Sequence[str] = ("UsoSvc", "containerd"),
        timeout_ms: int = 180_000,
        timeout_ms_max: int | None = None,
        takes: Mapping[str, float] | None = None,
    ) -> None:
        self.kernel = Kernel(start_ns=START)
        self.services = ServiceControlManager(
            self.kernel,
            service=service,
            dependencies=dependencies,
            preshutdown_order=preshutdown_order,
            timeout_ms=timeout_ms,
            timeout_ms_max=timeout_ms_max,
        )
        self.klog = Klog(self.kernel)
        self.files = Files()
        self.metrics = Metrics(gates)
        self.events: list[str] = []
        self.syncs: list[float] = []
        self.kills: list[tuple[float, str, int | None]] = []
        self.takes = takes or {}
        self.manager = NodeShutdownManager(
            self.kernel,
            config=config,
            os="windows",
            gates=gates,
            node_name="win",
            host=ShutdownHost(files=self.files, root_directory="C:/k", service_control_manager=self.services),
            around=ShutdownCollaborators(
                active_pods=lambda: PODS,
                kill_pod=self.kill,
                wait_unmounted=self.wait_unmounted,
                sync_node_status=lambda: self.syncs.append(self.now),
            ),
            recorder=EventRecorder(self.kernel, self, node_name="win"),
            metrics=self.metrics,
            klog=self.klog,
        )

    def create_event(self, event: Event) -> None:
        self.events.append(f"{event.type} {event.reason} {event.message}")

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        raise AssertionError("no event is sent twice")

    @property
    def now(self) -> float:
        return (self.kernel.now_ns - START) / SECOND

    async def kill(self, uid: str, *, grace_seconds: int | None, status_func: PodStatusFunc | None = None) -> bool:
        self.kills.append((self.now, uid, grace_seconds))
        await sleep(round(self.takes.get(uid, 3) * SECOND))
        return True

    async def wait_unmounted(self, uids: Sequence[str]) -> None:
        return

    def start(self) -> bool:
        task = self.kernel.spawn(self.manager.start(), name="start")
        self.kernel.run_until_idle()
        return task.result()

    def shutdown(self) -> None:
        self.kernel.spawn(self.services.preshutdown(), name="preshutdown")
        self.kernel.run_until_idle()

    def failure(self) -> str:
        assert not self.start()
        (line,) = [line for line in self.klog.lines if line.severity == "E"]
        assert line.message == "Failed to start node shutdown manager"
        return str(line.values["err"])


def test_the_kubelet_is_told_before_containerd_and_has_its_time() -> None:
    bench = Bench(takes={"web": 12, "cni": 5})
    assert bench.start()
    bench.shutdown()

    assert bench.kills == [(0, "web", 20), (12, "cni", 10)]
    host = [f"{(row.time_ns - START) / SECOND:g} {row.what} {row.subject}" for row in bench.services.timeline]
    assert [row.strip() for row in host] == [
        "0 PreshutdownOrder written",
        "0 service stopped UsoSvc",
        "0 SERVICE_CONTROL_PRESHUTDOWN kubelet",
        "17 service stopped kubelet",
        "17 service stopped containerd",
        "17 power off",
    ]
    assert [f"{(row.time_ns - START) / SECOND:g} {row.step} {row.subject}" for row in bench.manager.timeline] == [
        "0 shutdown detected win",
        "0 group begins group 0",
        "0 kill begins default/web",
        "12 pod ended default/web",
        "12 group done group 0",
        "12 group begins group 2000000000",
        "12 kill begins kube-system/cni",
        "17 pod ended kube-system/cni",
        "17 group done group 2000000000",
        "17 shutdown handled win",
    ]


def test_the_kubelet_says_what_a_real_one_says() -> None:
    bench = Bench()
    bench.start()
    bench.shutdown()

    assert bench.events == ["Normal Shutdown Shutdown manager detected preshutdown event"]
    texts = bench.klog.texts()
    assert texts[1:4] == [
        'I "Shutdown manager get started"',
        'I "Shutdown manager get current preshutdown info" PreshutdownTimeout=180000',
        'I "Shutdown manager get current service preshutdown order" Preshutdownorder=["UsoSvc","containerd"]',
    ]
    assert texts[4:7] == [
        'I "Node pre-shutdown"',
        'I "Shutdown manager detected new preshutdown event" event="preshutdown"',
        'I "Shutdown manager processing preshutdown event"',
    ]
    assert texts[-1] == 'I "Shutdown manager completed processing preshutdown event, node will shutdown shortly"'
    assert (bench.manager.is_shutting_down, bench.syncs) == (True, [0])
    assert (bench.metrics.value(SHUTDOWN_START), bench.metrics.value(SHUTDOWN_END)) == (1_767_225_600, 1_767_225_606)
    assert list(bench.files.content) == ["C:/k/graceful_node_shutdown_state"]


@pytest.mark.parametrize(
    ("existing", "dependencies", "expected"),
    [
        (["x", "b", "y", "c", "z"], ["a", "b", "c", "d"], ["x", "kubelet", "b", "y", "c", "z", "a", "d"]),
        (["KUBELET", "containerd"], ["containerd"], ["kubelet", "containerd"]),
        (["UsoSvc"], [], ["UsoSvc"]),
        (["ContainerD"], ["containerd"], ["ContainerD", "kubelet", "containerd"]),
    ],
)
def test_the_order_is_always_written_back(existing: list[str], dependencies: list[str], expected: list[str]) -> None:
    bench = Bench(preshutdown_order=existing, dependencies=dependencies)
    bench.start()

    assert list(bench.services.preshutdown_order()) == expected
    assert bench.services.timeline[0].what == "PreshutdownOrder written"


def test_a_short_time_out_is_raised_and_a_long_one_left_alone() -> None:
    short, long = Bench(timeout_ms=20_000), Bench(timeout_ms=30_000)
    for bench in (short, long):
        assert bench.start()
        assert bench.services.preshutdown_timeout_ms() == 30_000

    assert 'I "Shutdown manager override preshutdown info" ShutdownGracePeriod=30000' in short.klog.texts()
    assert [row.what for row in long.services.timeline] == ["PreshutdownOrder written"]


def test_a_time_out_that_cannot_be_raised_makes_the_start_fail() -> None:
    bench = Bench(timeout_ms=10_000, timeout_ms_max=25_000)

    assert bench.failure() == (
        "Shutdown manager was unable to update preshutdown info to 30000 (ShutdownGracePeriod), "
        "current value of preshutdown info (25000) is less than requested ShutdownGracePeriod"
    )
    bench.shutdown()
    assert bench.kills == []


def test_a_kubelet_that_is_no_service_goes_on_without() -> None:
    bench = Bench(service=False)

    assert bench.failure() == "kubelet is NOT running as a Windows service"
    assert bench.services.timeline == []


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ("preshutdown_timeout_ms", "Could not query preshutdown info: Access is denied."),
        ("dependencies", "Could not access config of service kubelet: Access is denied."),
        ("preshutdown_order", "Could not access registry value PreshutdownOrder: Access is denied."),
        (
            "set_preshutdown_order",
            "Could not set registry PreshutdownOrder to be new value [UsoSvc kubelet containerd]: Access is denied.",
        ),
        (
            "set_preshutdown_timeout_ms",
            "Unable to override preshoutdown config by shutdown manager: Access is denied.",
        ),
    ],
)
def test_each_failing_step_says_so(operation: str, message: str) -> None:
    bench = Bench(timeout_ms=1000)
    bench.services.set_failure(operation, "Access is denied.")

    assert bench.failure() == message


def test_a_service_manager_that_is_slower_than_the_groups_goes_on() -> None:
    bench = Bench(takes={"web": 25, "cni": 15})
    bench.start()
    bench.services.set_preshutdown_timeout_ms(15_000)
    bench.shutdown()

    assert bench.services.shutdowns[0].is_late
    assert bench.services.power_off_ns == START + 15 * SECOND


def test_the_end_of_the_process_ends_the_registration() -> None:
    bench = Bench()
    bench.start()
    bench.manager.stop()
    bench.shutdown()

    assert (bench.kills, bench.services.power_off_ns) == ([], START)


def test_a_process_that_ends_in_the_middle_kills_no_further_group() -> None:
    bench = Bench(takes={"web": 12})
    bench.start()
    bench.kernel.spawn(bench.services.preshutdown(), name="preshutdown")
    bench.kernel.run_until(START + 5 * SECOND)
    bench.manager.stop()
    bench.kernel.run_until_idle()

    assert bench.kills == [(0, "web", 20)]


@pytest.mark.parametrize(
    ("version", "config", "why"),
    [
        ("1.31", TOTAL_30_CRITICAL_10, "the feature gate is not enabled"),
        ("1.33", TOTAL_30_CRITICAL_10, "the feature gate is not enabled"),
        ("1.34", ShutdownConfig(), "no shutdown grace period is configured"),
    ],
)
def test_a_disabled_manager_says_why(version: str, config: ShutdownConfig, why: str) -> None:
    bench = Bench(config=config, gates=resolve_gates(version))

    assert not bench.start()
    assert bench.klog.texts() == [f'I "Node shutdown manager is disabled as {why}"']


def test_the_gate_can_be_turned_on_from_1_32() -> None:
    bench = Bench(gates=resolve_gates("1.32", {"WindowsGracefulNodeShutdown": True}))

    assert bench.start()
