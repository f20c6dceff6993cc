"""The PLEG: which events a relist gives, when the cache shows them, and what happens when the runtime is away."""

import pytest

from kubesim.cri.errors import Code, CriError
from kubesim.kernel import Kernel
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.pleg import Pleg, keep_ips
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.runtime_pods import ListedContainer, ListedPod, ListedSandbox
from kubesim.policy.pleg_events import PlegEvent, PlegEventKind
from kubesim.policy.pod_view import RuntimePod, RuntimeSandbox, RuntimeState

SECOND_NS = 1_000_000_000
DIED, REMOVED, STARTED = PlegEventKind.DIED, PlegEventKind.REMOVED, PlegEventKind.STARTED


class FakeListing(dict[str, ListedPod]):
    """What the runtime answers, by uid."""

    def pods(self) -> dict[str, ListedPod]:
        return self


class FakeRuntimePods:
    """A runtime whose pods a test sets."""

    is_steady = False

    def __init__(self) -> None:
        self.pods: dict[str, ListedPod] = {}
        self.is_down = False
        self.refuses: set[str] = set()

    async def list_all(self) -> FakeListing:
        if self.is_down:
            raise CriError(Code.UNAVAILABLE, "down")
        return FakeListing(self.pods)

    async def list_pod(self, uid: str) -> ListedPod | None:
        return (await self.list_all()).pods().get(uid)

    async def inspect(self, pod: ListedPod) -> RuntimePod:
        if pod.uid in self.refuses:
            raise CriError(Code.UNKNOWN, "try later")
        sandboxes = tuple(RuntimeSandbox(id=one.id, is_ready=one.is_ready) for one in pod.sandboxes)
        return RuntimePod(sandboxes=sandboxes)


def pod(uid: str, state: RuntimeState) -> ListedPod:
    return ListedPod(
        uid=uid,
        name=uid,
        namespace="default",
        sandboxes=(ListedSandbox(id=f"s-{uid}", is_ready=True, created_at_ns=1),),
        containers=(ListedContainer(id=f"c-{uid}", sandbox_id=f"s-{uid}", name="app", state=state, created_at_ns=2),),
    )


def make() -> tuple[Kernel, FakeRuntimePods, PodCache, list[PlegEvent], Pleg]:
    kernel = Kernel(start_ns=0)
    runtime, cache, events = FakeRuntimePods(), PodCache(), list[PlegEvent]()
    pleg = Pleg(kernel, runtime, cache, events.append, klog=Klog(kernel), metrics=Metrics())  # type: ignore[arg-type]  # a fake
    return kernel, runtime, cache, events, pleg


def test_a_change_is_in_the_cache_when_its_event_is_told() -> None:
    kernel, runtime, cache, events, pleg = make()
    runtime.pods["a"] = pod("a", RuntimeState.RUNNING)
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(SECOND_NS // 2)

    assert [(event.kind, event.container_id) for event in events] == [(STARTED, "c-a"), (STARTED, "s-a")]
    assert cache.get("a").sandboxes[0].id == "s-a"
    runtime.pods["a"] = pod("a", RuntimeState.EXITED)
    kernel.run_until(SECOND_NS)
    assert events[-1].kind is DIED


def test_what_is_gone_is_told_and_forgotten() -> None:
    kernel, runtime, cache, events, pleg = make()
    runtime.pods["a"] = pod("a", RuntimeState.EXITED)
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(0)
    del runtime.pods["a"]
    events.clear()
    kernel.run_until(SECOND_NS)

    # The running sandbox died with the removal; the exited container is only removed.
    told = [(event.kind, event.container_id) for event in events]
    assert told == [(REMOVED, "c-a"), (DIED, "s-a"), (REMOVED, "s-a")]
    assert cache.get("a") == RuntimePod()


def test_a_relist_on_demand_does_not_wait_for_the_period() -> None:
    kernel, runtime, _, events, pleg = make()
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(SECOND_NS // 10)
    runtime.pods["a"] = pod("a", RuntimeState.RUNNING)
    pleg.request_relist("a")
    kernel.run_until(SECOND_NS // 5)

    assert events[0].kind is STARTED


def test_a_relist_on_demand_leaves_the_beat_and_the_other_pods_alone() -> None:
    kernel, runtime, cache, events, pleg = make()
    runtime.pods["b"] = pod("b", RuntimeState.RUNNING)
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(SECOND_NS * 9 // 10)
    events.clear()
    runtime.pods = {uid: pod(uid, RuntimeState.EXITED) for uid in "ab"}
    pleg.request_relist("a")
    kernel.run_until(SECOND_NS - 1)
    assert {event.uid for event in events} == {"a"}
    assert cache.get("a").sandboxes[0].id == "s-a"
    kernel.run_until(SECOND_NS)

    assert events[-1] == PlegEvent(uid="b", kind=DIED, container_id="c-b")


@pytest.mark.parametrize("trouble", ["refuses", "down"])
def test_a_relist_on_demand_that_fails_is_made_up_by_the_next_of_all(trouble: str) -> None:
    kernel, runtime, cache, events, pleg = make()
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(SECOND_NS // 10)
    runtime.pods["a"] = pod("a", RuntimeState.RUNNING)
    runtime.is_down = trouble == "down"
    runtime.refuses = {"a"} if trouble == "refuses" else set()
    pleg.request_relist("a")
    kernel.run_until(SECOND_NS // 2)
    assert events == []
    runtime.is_down, runtime.refuses = False, set()
    pleg.request_relist("ghost")
    kernel.run_until(SECOND_NS - 1)
    assert (events, cache.get("a")) == ([], RuntimePod())
    kernel.run_until(SECOND_NS)

    assert cache.get("a").sandboxes[0].id == "s-a"


def test_a_pod_that_could_not_be_inspected_is_looked_at_again() -> None:
    kernel, runtime, cache, events, pleg = make()
    runtime.pods["a"] = pod("a", RuntimeState.RUNNING)
    runtime.refuses.add("a")
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(0)
    assert (events, cache.get("a")) == ([], RuntimePod())
    runtime.refuses.clear()
    kernel.run_until(SECOND_NS)

    assert cache.get("a").sandboxes[0].id == "s-a"


def test_health_is_about_the_last_good_relist() -> None:
    kernel, runtime, _, _, pleg = make()
    assert pleg.healthy() == "pleg has yet to be successful"
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(SECOND_NS)
    assert pleg.healthy() == ""
    runtime.is_down = True
    kernel.run_until(186 * SECOND_NS)

    assert pleg.healthy() == "pleg was last seen active 3m5s ago; threshold is 3m0s"


def test_which_relist_the_last_check_saw_is_a_metric() -> None:
    kernel = Kernel(start_ns=0)
    metrics = Metrics()
    pleg = Pleg(kernel, FakeRuntimePods(), PodCache(), lambda _: None, klog=Klog(kernel), metrics=metrics)  # type: ignore[arg-type]  # a fake
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(3 * SECOND_NS + 1)
    assert not metrics.as_dict().get("kubelet_pleg_last_seen_seconds")
    pleg.note_check()
    kernel.run_until(5 * SECOND_NS)
    pleg.healthy()
    assert metrics.as_dict()["kubelet_pleg_last_seen_seconds"] == 3


def test_addresses_outlive_the_sandbox() -> None:
    ready = RuntimePod(sandboxes=(RuntimeSandbox(id="s", is_ready=True, ips=("10.0.0.1",)),))
    dead = RuntimePod(sandboxes=(RuntimeSandbox(id="s", is_ready=False, ips=()),))

    assert keep_ips(ready, dead).sandboxes[0].ips == ("10.0.0.1",)
    assert keep_ips(ready, RuntimePod()) == RuntimePod()
    again = RuntimePod(sandboxes=(RuntimeSandbox(id="t", is_ready=True, ips=("10.0.0.2",)),))
    assert keep_ips(ready, again) == again
    assert keep_ips(RuntimePod(), dead) == dead


def test_events_of_a_pod_that_could_not_be_inspected_are_told_by_the_next_relist() -> None:
    kernel, runtime, _, events, pleg = make()
    runtime.pods["a"] = pod("a", RuntimeState.RUNNING)
    runtime.refuses.add("a")
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(0)
    assert events == []
    runtime.refuses.clear()
    kernel.run_until(SECOND_NS)

    assert [(event.kind, event.container_id) for event in events] == [(STARTED, "c-a"), (STARTED, "s-a")]


def test_a_pod_without_changes_that_was_inspected_again_is_synced() -> None:
    """It failed with events, came back as it was before them: there is nothing to tell but that it can be looked at."""
    kernel, runtime, _, events, pleg = make()
    runtime.pods["a"] = pod("a", RuntimeState.RUNNING)
    kernel.spawn(pleg.run(), name="pleg")
    kernel.run_until(0)
    runtime.pods["a"] = pod("a", RuntimeState.EXITED)
    runtime.refuses.add("a")
    kernel.run_until(SECOND_NS)
    events.clear()
    runtime.pods["a"] = pod("a", RuntimeState.RUNNING)
    runtime.refuses.clear()
    kernel.run_until(2 * SECOND_NS)

    assert events == [PlegEvent(uid="a", kind=PlegEventKind.POD_SYNC)]


def test_requests_beyond_the_queue_are_dropped() -> None:
    pleg = make()[-1]
    for _ in range(201):
        pleg.request_relist("a")

    assert pleg._klog.texts() == ['E "Relist request channel full; dropping relist request" podUID="a"']


def test_pods_are_looked_through_only_when_the_runtime_answers_something_new(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, runtime, _, events, pleg = make()
    for number in range(20):
        runtime.pods[str(number)] = pod(str(number), RuntimeState.RUNNING)
    listed = FakeListing(runtime.pods)
    looked_at: list[str] = []
    reconcile = pleg._reconcile

    def counted(uid: str, *rest: object) -> object:
        looked_at.append(uid)
        return reconcile(uid, *rest)  # type: ignore[arg-type]  # what relist gave

    async def same() -> FakeListing:
        return listed

    monkeypatch.setattr(pleg, "_reconcile", counted)
    monkeypatch.setattr(runtime, "list_all", same)
    for _ in range(10):
        kernel.spawn(pleg.relist(), name="relist")
    kernel.run_until_idle()

    assert looked_at == list(listed)
    assert len(events) == 2 * len(listed)


def test_what_only_a_relist_of_one_pod_saw_is_gone_for_the_next_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, runtime, cache, events, pleg = make()
    empty = FakeListing()

    async def nothing() -> FakeListing:
        return empty

    async def there(uid: str) -> ListedPod | None:
        return pod(uid, RuntimeState.EXITED)

    monkeypatch.setattr(runtime, "list_all", nothing)
    monkeypatch.setattr(runtime, "list_pod", there)
    for step in (pleg.relist(), pleg.relist_pod("a"), pleg.relist()):
        kernel.spawn(step, name="relist")
        kernel.run_until_idle()

    assert pleg.uids == ()
    assert cache.get("a") == RuntimePod()
    assert [event.kind for event in events] == [DIED, STARTED, REMOVED, DIED, REMOVED]
