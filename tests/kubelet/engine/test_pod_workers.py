"""Pod workers: what is done when, when it is tried again, and how long somebody waits for the end."""

from collections.abc import Callable
from itertools import pairwise

from msgspec.structs import replace

from kubesim.cri.errors import Code, CriError
from kubesim.kernel import Event, Kernel, sleep
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.pod_work import PodWork
from kubesim.kubelet.pod_workers import PodWorkers
from kubesim.kubelet.sync_error import SyncError
from kubesim.model import k8s_v1 as v1
from kubesim.node.api_server import ApiServer
from kubesim.policy.pod_view import RuntimePod

SECOND = 10**9
UID = "u-1"


class Syncer:
    """Writes down each step with its time in seconds. `answer` decides about a sync; a kill takes `kill_seconds`."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.steps: list[tuple[float, str]] = []
        self.answer: Callable[[], bool] = lambda: False
        self.kill_seconds = 0
        self.blocks = self.is_interruptible = False
        self.wants_more = 0
        self.seen: list[str] = []

    def write(self, step: str) -> None:
        self.steps.append((self.kernel.now_ns / SECOND, step))

    def status_unknown(self, pod: v1.Pod, error: Exception) -> None:
        self.write(f"unknown: {error}")

    async def sync_pod(self, work: PodWork, runtime: RuntimePod) -> bool:
        self.write("sync")
        if self.is_interruptible:
            work.is_interruptible = True
            try:
                await Event().wait()
            finally:
                work.is_interruptible = False
        if self.blocks:
            await sleep(20 * SECOND)
        self.seen.append(work.pod.status.message)
        work.is_wanted_again = self.wants_more > 0
        self.wants_more -= 1
        return self.answer()

    async def sync_terminating_pod(self, work: PodWork, runtime: RuntimePod) -> None:
        self.write(f"terminating {work.grace_seconds}")
        await sleep(self.kill_seconds * SECOND)

    async def sync_terminated_pod(self, pod: v1.Pod, runtime: RuntimePod) -> None:
        self.write("terminated")


class Bench:
    """Workers with a tick and a relist every second."""

    def __init__(self) -> None:
        self.kernel = Kernel(start_ns=0)
        self.cache = PodCache()
        self.syncer = Syncer(self.kernel)
        self.api = ApiServer(self.kernel, node_name="n")
        recorder = EventRecorder(self.kernel, self.api, node_name="n")
        self.workers = PodWorkers(self.kernel, self.cache, self.syncer, recorder, allocated=lambda pod: pod)
        self.kernel.spawn(self._tick(), name="ticks")

    async def _tick(self) -> None:
        while True:
            self.cache.relisted(self.kernel.now_ns)
            self.workers.tick()
            await sleep(SECOND)

    def run(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + round(seconds * SECOND))

    @property
    def events(self) -> list[str]:
        return [f"{one.type} {one.reason}: {one.message}" for one in self.api.events]

    @property
    def syncs(self) -> list[float]:
        return [time for time, step in self.syncer.steps if step == "sync"]


def pod(*, deleting: int | None = None, phase: str = "Pending") -> v1.Pod:
    meta = v1.ObjectMeta(
        name="web",
        namespace="default",
        uid=UID,
        deletion_grace_period_seconds=deleting,
        deletion_timestamp=None if deleting is None else "2026-01-01T00:00:00Z",
    )
    return v1.Pod(metadata=meta, spec=v1.PodSpec(termination_grace_period_seconds=30), status=v1.PodStatus(phase=phase))


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def test_resync_after_60_to_90_seconds_on_a_tick() -> None:
    bench = Bench()
    bench.workers.update(pod())
    bench.run(600)
    assert all(60 <= gap <= 91 and gap == int(gap) for gap in gaps(bench.syncs))
    assert len(set(gaps(bench.syncs))) > 1


def test_an_error_is_tried_again_after_10_to_15_seconds() -> None:
    bench = Bench()

    def fail() -> bool:
        raise SyncError("no")

    bench.syncer.answer = fail
    bench.workers.update(pod())
    bench.run(200)
    assert all(10 <= gap <= 16 for gap in gaps(bench.syncs))
    assert len(bench.syncs) > 10


def test_a_missing_network_is_tried_again_after_1_to_2_seconds() -> None:
    bench = Bench()

    def fail() -> bool:
        raise SyncError("no", is_network_not_ready=True)

    bench.syncer.answer = fail
    bench.workers.update(pod())
    bench.run(60)
    assert all(1 <= gap <= 2 for gap in gaps(bench.syncs))


def test_a_back_off_is_tried_again_when_it_is_over_but_within_the_resync() -> None:
    for wait_seconds, least, most in ((20, 20, 31), (300, 60, 91)):
        bench = Bench()

        def fail(bench: Bench = bench, wait_seconds: int = wait_seconds) -> bool:
            raise SyncError("no", retry_at_ns=bench.kernel.now_ns + wait_seconds * SECOND)

        bench.syncer.answer = fail
        bench.workers.update(pod())
        bench.run(400)
        assert all(least <= gap <= most for gap in gaps(bench.syncs))


def test_a_sync_waits_for_news_of_the_runtime() -> None:
    bench = Bench()
    bench.workers.update(pod())
    bench.run(0.4)
    bench.workers.wake(UID)
    bench.run(3)
    assert bench.syncs == [0.0, 1.0]


def test_deletion_goes_through_all_states_once() -> None:
    bench = Bench()
    bench.workers.update(pod())
    bench.run(2.5)
    bench.workers.update(pod(deleting=7))
    bench.run(100)
    assert bench.syncer.steps == [(0.0, "sync"), (2.5, "terminating 7"), (3.0, "terminated")]
    assert bench.workers.work[UID].is_finished


def test_the_grace_is_only_ever_lowered() -> None:
    bench = Bench()
    bench.workers.update(pod())
    bench.run(1.5)
    bench.workers.kill(UID, grace_seconds=5)
    bench.workers.update(pod(deleting=20))
    bench.run(10)
    assert bench.syncer.steps[1] == (1.5, "terminating 5")


def test_a_sync_that_waits_for_volumes_is_cut_short_by_a_deletion() -> None:
    bench = Bench()
    bench.syncer.is_interruptible = True
    bench.workers.update(pod())
    bench.run(5.5)
    bench.workers.update(pod(deleting=7))
    bench.run(10)
    assert [step for _, step in bench.syncer.steps] == ["sync", "terminating 7", "terminated"]
    assert bench.syncer.steps[1][0] <= 7


def test_a_sync_that_waits_for_anything_else_ends_first() -> None:
    bench = Bench()
    bench.syncer.blocks = True
    bench.workers.update(pod())
    bench.run(5.5)
    bench.workers.update(pod(deleting=7))
    bench.run(100)
    assert bench.syncer.steps == [(0.0, "sync"), (21.0, "terminating 7"), (22.0, "terminated")]


def test_a_sync_that_wants_another_gets_it_with_the_next_news() -> None:
    bench = Bench()
    bench.syncer.wants_more = 2
    bench.workers.update(pod())
    bench.run(30)
    assert bench.syncs == [0.0, 1.0, 2.0]


def test_a_worker_that_rests_holds_no_older_copy_of_its_pod() -> None:
    bench = Bench()
    bench.workers.update(pod())
    bench.run(2)
    newer = replace(pod(), status=v1.PodStatus(phase="Pending", message="newer"))
    bench.workers.refresh(newer)
    assert bench.syncs == [0.0]
    assert bench.workers.work[UID].pod is newer


def test_a_worker_works_on_the_pod_as_it_was_when_it_was_woken() -> None:
    """A changed status alone wakes nobody; what is waiting for the news of the runtime is not changed any more."""
    bench = Bench()
    bench.workers.update(pod())
    bench.run(2)

    def told(message: str) -> v1.Pod:
        return replace(pod(), status=v1.PodStatus(phase="Pending", message=message))

    bench.workers.refresh(told("first"))
    assert bench.syncs == [0.0]
    bench.workers.wake(UID)
    bench.workers.refresh(told("second"))
    bench.run(2)
    bench.workers.wake(UID)
    bench.run(2)
    assert bench.syncer.seen == ["", "first", "second"]


def test_a_pod_that_the_runtime_cannot_tell_of_is_not_synced() -> None:
    bench = Bench()
    bench.cache.set(UID, RuntimePod(), modified_ns=0, error=CriError(Code.UNAVAILABLE, "gone"))
    bench.workers.update(pod())
    bench.run(1)
    assert bench.syncer.steps == [(0.0, "unknown: gone")]


def test_kill_and_wait_gives_up_after_one_and_a_half_times_the_grace() -> None:
    for grace, kill_seconds, is_ended, took in ((20, 25, True, 25), (20, 40, False, 30), (2, 11, False, 10)):
        bench = Bench()
        bench.syncer.kill_seconds = kill_seconds
        bench.workers.update(pod())
        bench.run(1)
        task = bench.kernel.spawn(bench.workers.kill_and_wait(UID, grace_seconds=grace), name="kill")
        began_ns = bench.kernel.now_ns
        bench.kernel.run_until(began_ns + 100 * SECOND, goal=lambda task=task: task.is_done)  # type: ignore[misc]  # bound early
        assert (task.result(), (bench.kernel.now_ns - began_ns) // SECOND) == (is_ended, took)
        late = "Container runtime did not kill the pod within specified grace period."
        assert bench.events == ([] if is_ended else [f"Warning ExceededGracePeriod: {late}"])


def test_an_unknown_pod_is_killed_at_once() -> None:
    bench = Bench()
    task = bench.kernel.spawn(bench.workers.kill_and_wait("ghost", grace_seconds=5), name="kill")
    bench.run(0)
    assert task.result() is True


def test_a_pod_that_ended_before_this_process_is_not_stopped_again() -> None:
    bench = Bench()
    bench.workers.update(pod(phase="Succeeded"))
    bench.run(10)
    assert [step for _, step in bench.syncer.steps] == ["terminated"]


def test_no_worker_runs_after_the_process_ended() -> None:
    bench = Bench()
    bench.workers.update(pod())
    bench.run(1)
    bench.workers.stop()
    bench.run(200)
    assert bench.syncs == [0.0]
    assert bench.workers.work == {}
