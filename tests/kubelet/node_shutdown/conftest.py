"""A node with a logind and a shutdown manager, for the tests in this folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from kubesim.host.logind import Logind
from kubesim.kernel import Kernel, Promise, sleep
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.node_shutdown import NodeShutdownManager, ShutdownHost
from kubesim.kubelet.node_shutdown_groups import ShutdownCollaborators
from kubesim.kubelet.node_shutdown_timeline import ShutdownPod
from kubesim.kubelet.status_generation import PodStatusFunc
from kubesim.model.k8s_v1 import Event
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.shutdown_groups import ShutdownConfig

SECOND = 10**9


START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


TOTAL_30_CRITICAL_10 = ShutdownConfig(grace_period_ns=30 * SECOND, grace_period_critical_pods_ns=10 * SECOND)


class Files:
    """Files in memory; keeps every content that was ever written."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.written: list[str] = []

    def read(self, path: str) -> bytes | None:
        return self.content.get(path)

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self.content[path] = data
        self.written.append(data.decode())

    def make_dirs(self, path: str, mode: int = 0o755) -> None:
        raise NotImplementedError

    def remove(self, path: str) -> None:
        raise NotImplementedError

    def kind(self, path: str) -> str | None:
        raise NotImplementedError

    def list_dir(self, path: str) -> list[str]:
        raise NotImplementedError


class Events:
    """An event sink that keeps (seconds, reason, message)."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self.seen: list[tuple[float, str, str]] = []

    def create_event(self, event: Event) -> None:
        self.seen.append(((self._kernel.now_ns - START) / SECOND, event.reason, event.message))

    def patch_event(self, *, namespace: str, name: str, count: int, last_timestamp: str, message: str) -> bool:
        self.seen.append(((self._kernel.now_ns - START) / SECOND, f"again ({count})", message))
        return True


@dataclass
class Pods:
    """The pods of a node: how long each takes to end and to unmount. Ends are cut at grace + 2 s, as a SIGKILL does."""

    kernel: Kernel
    pods: Sequence[ShutdownPod]
    takes: Mapping[str, float] = field(default_factory=dict)
    unmounts_at: Mapping[str, float] = field(default_factory=dict)
    kills: list[tuple[float, str, int | None]] = field(default_factory=list)
    status_funcs: list[PodStatusFunc | None] = field(default_factory=list)
    ended: dict[str, Promise[None]] = field(default_factory=dict)

    async def kill(self, uid: str, *, grace_seconds: int | None, status_func: PodStatusFunc | None = None) -> bool:
        self.kills.append(((self.kernel.now_ns - START) / SECOND, uid, grace_seconds))
        self.status_funcs.append(status_func)
        seconds = self.takes.get(uid, 1)
        limit = max((grace_seconds or 0) * 1.5, 10)
        await sleep(round(min(seconds, limit) * SECOND))
        return seconds <= limit

    async def wait_unmounted(self, uids: Sequence[str]) -> None:
        at_ns = START + round(max(self.unmounts_at.get(uid, 0) for uid in uids) * SECOND)
        if at_ns > self.kernel.now_ns:
            await sleep(at_ns - self.kernel.now_ns)


class Bench:
    """One node with a logind and a shutdown manager."""

    def __init__(
        self,
        pods: Sequence[ShutdownPod] = (),
        *,
        config: ShutdownConfig = TOTAL_30_CRITICAL_10,
        gates: Mapping[str, bool] = DEFAULT_GATES,
        logind: Callable[[Kernel], Logind] = Logind,
        takes: Mapping[str, float] | None = None,
        unmounts_at: Mapping[str, float] | None = None,
    ) -> None:
        self.kernel = Kernel(start_ns=START)
        self.logind = logind(self.kernel)
        self.pods = Pods(self.kernel, pods, takes or {}, unmounts_at or {})
        self.files = Files()
        self.events = Events(self.kernel)
        self.klog = Klog(self.kernel)
        self.syncs: list[float] = []
        self.config = config
        self.gates = gates
        self.new_process()

    def new_process(self) -> None:
        self.metrics = Metrics(self.gates)
        self.manager = NodeShutdownManager(
            self.kernel,
            config=self.config,
            os="linux",
            gates=self.gates,
            node_name="golden",
            host=ShutdownHost(files=self.files, logind=self.logind),
            around=ShutdownCollaborators(
                active_pods=lambda: self.pods.pods,
                kill_pod=self.pods.kill,
                wait_unmounted=self.pods.wait_unmounted,
                sync_node_status=lambda: self.syncs.append(self.now),
            ),
            recorder=EventRecorder(self.kernel, self.events, node_name="golden"),
            metrics=self.metrics,
            klog=self.klog,
        )

    @property
    def now(self) -> float:
        return (self.kernel.now_ns - START) / SECOND

    def start(self) -> bool:
        task = self.kernel.spawn(self.manager.start(), name="start")
        self.kernel.run_until(self.kernel.now_ns + 10 * SECOND, goal=lambda: task.is_done)
        self.kernel.run_until(self.kernel.now_ns)  # what it spawned makes its first step
        return task.result()

    def until(self, seconds: float) -> None:
        self.kernel.run_until(START + round(seconds * SECOND))

    def shutdown(self, at: float = 0) -> None:
        self.kernel.call_at(
            START + round(at * SECOND),
            lambda: self.kernel.spawn(self.logind.prepare_for_shutdown(), name="shutdown"),
        )

    def story(self) -> list[str]:
        rows = []
        for entry in self.manager.timeline:
            grace = "" if entry.grace_seconds is None else f" {entry.grace_seconds} s"
            reason = f" ({entry.reason})" if entry.reason else ""
            rows.append(f"{(entry.time_ns - START) / SECOND:g} {entry.step} {entry.subject}{grace}{reason}")
        return rows


@pytest.fixture
def new_bench() -> type[Bench]:
    """Makes a node: `new_bench(pods, config=..., takes={name: seconds}, unmounts_at={name: seconds})`."""
    return Bench
