"""Which syncs in vain a tick does itself: none for which a worker would wait until the runtime was looked at."""

from __future__ import annotations

from kubesim.kernel import Kernel
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.pod_work import PodWork
from kubesim.kubelet.pod_workers import PodWorkers
from kubesim.kubelet.vain_sync import VainSync
from kubesim.model import k8s_v1 as v1
from kubesim.node.api_server import ApiServer
from kubesim.policy.pod_view import RuntimePod

S = 10**9
UID = "u-1"
POD = v1.Pod(metadata=v1.ObjectMeta(name="web", namespace="default", uid=UID), spec=v1.PodSpec())
NOTHING = VainSync(
    events=(),
    error="",
    retry_at_ns=None,
    deadline_ns=10**18,
    is_news=False,
    is_settled=False,
    is_restarting_all=False,
    writes=0,
    resource_version="",
    spec=POD.spec,
    labels=POD.metadata.labels,
    annotations=POD.metadata.annotations,
)


class Syncer:
    """Whatever it syncs, that is in vain."""

    async def sync_pod(self, _work: PodWork, _runtime: RuntimePod) -> bool:
        return False

    def in_vain(self, _work: PodWork) -> VainSync:
        return NOTHING


class Bench:
    """A worker whose pod was synced once, at 100 s, and is to be synced again."""

    def __init__(self) -> None:
        kernel = Kernel(start_ns=100 * S)
        self.cache = PodCache()
        recorder = EventRecorder(kernel, ApiServer(kernel, node_name="n"), node_name="n")
        syncer: Syncer = Syncer()
        self.workers = PodWorkers(kernel, self.cache, syncer, recorder, allocated=lambda pod: pod)  # type: ignore[arg-type]  # what a sync needs of it
        self.cache.relisted(100 * S)
        self.workers.update(POD)
        kernel.run_until(300 * S)
        assert self.workers.work[UID].synced_ns == 100 * S
        self.due_ns = self.workers.next_due_ns
        assert self.due_ns < 300 * S

    def passes(self, *, relisted_s: int) -> bool:
        """Whether the tick at 300 s does the sync."""
        is_done = self.workers.pass_tick(relisted_ns=relisted_s * S)
        assert (self.workers.work[UID].synced_ns == 300 * S) is is_done
        assert (self.workers.next_due_ns > self.due_ns) is is_done
        return is_done


def test_a_pod_is_not_synced_before_the_runtime_was_looked_at_again() -> None:
    bench = Bench()
    assert not bench.passes(relisted_s=99)
    assert not bench.passes(relisted_s=100)


def test_a_relist_that_the_cache_does_not_know_of_yet_is_a_look() -> None:
    assert Bench().passes(relisted_s=101)


def test_so_is_one_that_the_cache_knows_of() -> None:
    bench = Bench()
    bench.cache.relisted(101 * S)
    assert bench.passes(relisted_s=100)


def test_and_a_look_at_the_pod_alone() -> None:
    bench = Bench()
    bench.cache.set(UID, RuntimePod(), modified_ns=101 * S)
    assert bench.passes(relisted_s=100)
