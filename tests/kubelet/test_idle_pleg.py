"""A PLEG whose relists find nothing: what others see of it is the same whether they are done, noted, or passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.kernel import Beat, Idle, Kernel, Looks
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import Metrics
from kubesim.kubelet.pleg import Pleg
from kubesim.kubelet.pod_cache import PodCache
from kubesim.kubelet.runtime_pods import ListedPod
from kubesim.kubelet.work_metrics import PLEG_LAST_SEEN

MS = 10**6
SECOND_NS = 1000 * MS
LENGTH_NS = 15 * SECOND_NS


class FakeListing(dict[str, ListedPod]):
    """No pods; each is another answer of the runtime."""

    def pods(self) -> dict[str, ListedPod]:
        return self


class SteadyPods:
    """A runtime that changes only when a test says so, and remembers when it was asked."""

    is_steady = True

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.listing = FakeListing()
        self.listed_ns: list[int] = []

    async def list_all(self) -> FakeListing:
        self.listed_ns.append(self.kernel.now_ns)
        return self.listing

    async def list_pod(self, _uid: str) -> None:
        return None

    def list_again(self, looks: Looks) -> None:
        self.listed_ns += looks.series.times_ns


class Rhythm(NamedTuple):
    """How often somebody checks the PLEG, from when on, how often that one asks when it relisted, and what it knows."""

    period_ns: int
    first_ns: int
    chore_ns: int
    can_tell: bool
    """That the PLEG is as well as before, whatever happens."""


@dataclass
class Told:
    """What came of it: when the relists were, what was known of them at each chore, and what the metrics said."""

    listed_ns: list[int]
    chores: list[tuple[int, int]]
    read: list[tuple[int, dict[str, float]]]


class World:
    """A PLEG, one who checks it, and a reader of its metrics."""

    def __init__(self, rhythm: Rhythm, *, one_by_one: bool = False, is_awake: bool = False) -> None:
        self.kernel = kernel = Kernel(start_ns=0)
        kernel.idles_one_by_one = one_by_one
        self.rhythm, self.is_awake = rhythm, is_awake
        self.pods, self.metrics = SteadyPods(kernel), Metrics()
        self.pleg = Pleg(
            kernel,
            self.pods,  # type: ignore[arg-type]  # a fake
            PodCache(),
            lambda _: None,
            klog=Klog(kernel),
            metrics=self.metrics,
        )
        self.chore_ns = rhythm.chore_ns
        self.chores: list[tuple[int, int]] = []
        self.read: list[tuple[int, dict[str, float]]] = []
        kernel.spawn(self.pleg.run(), name="pleg")
        kernel.call_at(rhythm.first_ns, lambda: kernel.spawn(self.check(), name="checks"))

    async def check(self) -> None:
        beat = Beat(self.kernel)
        idle = Idle(
            note=self.pleg.checked_again,
            until_ns=lambda: self.chore_ns,
            pass_on=self.do_chore,
            still_holds=(lambda: True) if self.rhythm.can_tell else None,
        )
        while True:
            self.pleg.note_check()
            if self.kernel.now_ns >= self.chore_ns:
                self.do_chore()
            await beat.wait(self.rhythm.period_ns, None if self.is_awake else idle)

    def do_chore(self) -> bool:
        now_ns = self.kernel.now_ns
        self.chores.append((now_ns, self.pleg.relisted_before_now_ns()))
        self.chore_ns = now_ns + self.rhythm.chore_ns
        return True

    def happen(self, what: str) -> None:
        match what:
            case "change":
                self.pods.listing = FakeListing()
            case "read":
                self.read.append((self.kernel.now_ns, dict(self.metrics.as_dict())))
            case "request":
                self.pleg.request_relist("uid")
            case "faster":
                self.pleg.relist_every(period_ns=300 * MS, unhealthy_ns=2 * SECOND_NS)

    def told(self) -> Told:
        return Told(sorted(self.pods.listed_ns), self.chores, self.read)


RHYTHMS = st.builds(
    Rhythm,
    period_ns=st.sampled_from([300 * MS, 700 * MS, SECOND_NS, 2500 * MS]),
    first_ns=st.integers(0, 12).map(lambda number: number * 100 * MS),
    chore_ns=st.integers(1, 40).map(lambda number: number * 100 * MS),
    can_tell=st.booleans(),
)
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 140).map(lambda number: number * 100 * MS),
        st.sampled_from(["change", "read", "read", "request", "faster", "nothing"]),
    ),
    max_size=8,
)


@given(rhythm=RHYTHMS, events=EVENTS)
def test_nobody_can_tell_whether_the_relists_were_done(rhythm: Rhythm, events: list[tuple[int, str]]) -> None:
    wait = Beat.wait

    async def wait_awake(beat: Beat, period_ns: int, _idle: Idle | None = None, **_: bool) -> None:
        await wait(beat, period_ns)

    def played(world: World) -> Told:
        for time_ns, what in events:
            world.kernel.call_at(time_ns, world.happen, what)
        for time_ns in (LENGTH_NS // 2 + 50 * MS, LENGTH_NS):
            world.kernel.run_until(time_ns)
            world.happen("read")
        return world.told()

    at_once, one_by_one = played(World(rhythm)), played(World(rhythm, one_by_one=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Beat, "wait", wait_awake)
        done = played(World(rhythm, is_awake=True))

    assert at_once == one_by_one == done
    # A relist at the instant of a chore comes after it.
    for now_ns, relisted_ns in at_once.chores:
        assert relisted_ns == max((time_ns for time_ns in at_once.listed_ns if time_ns < now_ns), default=-1)


def checked(rhythm: Rhythm, *, until_ns: int) -> World:
    world = World(rhythm)
    world.kernel.run_until(until_ns)
    return world


def seen_seconds(world: World) -> float:
    return world.metrics.as_dict()[PLEG_LAST_SEEN]


def test_a_check_in_vain_saw_the_last_relist_also_when_the_metrics_were_read_in_between() -> None:
    world = checked(Rhythm(SECOND_NS, 500 * MS, 100 * SECOND_NS, can_tell=True), until_ns=20_200 * MS)
    assert seen_seconds(world) == 19
    world.kernel.run_until(20_600 * MS)

    assert seen_seconds(world) == 20


def test_relists_that_nobody_has_checked_since_were_not_seen() -> None:
    world = checked(Rhythm(SECOND_NS, 100 * SECOND_NS, SECOND_NS, can_tell=False), until_ns=3_200 * MS)
    world.pleg.note_check()
    assert seen_seconds(world) == 3
    world.kernel.run_until(9_200 * MS)

    assert seen_seconds(world) == 3


def test_a_pleg_that_has_not_relisted_has_no_last_relist() -> None:
    world = World(Rhythm(SECOND_NS, 500 * MS, SECOND_NS, can_tell=False))
    assert world.pleg.relisted_before_now_ns() == -1
    world.kernel.run_until(0)
    assert world.pleg.relisted_before_now_ns() == 0
