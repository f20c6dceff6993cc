"""The sync loop: at once while the runtime is well, in order and not before once it is well again."""

from kubesim.kernel import Kernel
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import PLEG_DISCARDED, Metrics
from kubesim.kubelet.sync_loop import SyncLoop
from kubesim.policy.pleg_events import CHANNEL_CAPACITY, PlegEvent, PlegEventKind

SECOND_NS = 1_000_000_000
EVENT = PlegEvent(uid="u", kind=PlegEventKind.DIED, container_id="c")


class World:
    """A loop whose handlers write down what they are given, and when."""

    def __init__(self, *errors: str) -> None:
        self.kernel = Kernel(start_ns=0)
        self.errors = list(errors)
        self.klog = Klog(self.kernel)
        self.metrics = Metrics()
        self.done: list[tuple[float, str]] = []
        self.loop = SyncLoop(
            self.kernel,
            klog=self.klog,
            metrics=self.metrics,
            errors=lambda: list(self.errors),
            on_pleg_event=lambda event: self.note(event.kind),
            on_tick=lambda: self.note("tick"),
            on_housekeeping=lambda: self.note("housekeeping"),
        )
        self.kernel.spawn(self.loop.run(), name="sync loop")

    def note(self, what: str) -> None:
        self.done.append((self.kernel.now_ns / SECOND_NS, str(what)))

    def until(self, seconds: float) -> None:
        self.kernel.run_until(int(seconds * SECOND_NS))


def test_a_well_loop_handles_at_once_and_cleans_up_every_second_tick() -> None:
    world = World()
    world.loop.hand_over(lambda: world.note("pod"))
    world.loop.pleg_event(EVENT)
    world.until(2)

    assert world.done == [(0, "pod"), (0, "ContainerDied"), (1, "tick"), (2, "housekeeping"), (2, "tick")]
    assert world.klog.texts() == []


def test_what_comes_while_the_runtime_is_down_waits() -> None:
    """The loop looks again after 100, 200, 400 ... ms, 5 s at most; of the beats it missed one is made up."""
    world = World()
    world.until(1.5)
    world.errors = ["container runtime is down"]
    world.until(3)
    world.done.clear()
    world.loop.hand_over(lambda: world.note("pod"))
    world.loop.pleg_event(EVENT)
    world.until(20)
    assert world.done == []
    world.errors = []
    world.until(24.5)

    assert world.done == [
        (23.3, "pod"),
        (23.3, "ContainerDied"),
        (23.3, "housekeeping"),
        (23.3, "tick"),
        (24, "housekeeping"),
        (24, "tick"),
    ]
    assert set(world.klog.texts()) == {'E "Skipping pod synchronization" err="container runtime is down"'}
    assert [line.time_ns / SECOND_NS for line in world.klog.lines] == [2, 2.1, 2.3, 2.7, 3.5, 5.1, 8.3, 13.3, 18.3]


def test_a_kubelet_that_has_not_seen_the_runtime_yet_takes_nothing() -> None:
    world = World("container runtime status check may not have completed yet", "PLEG is not healthy: pleg has yet")
    world.loop.hand_over(lambda: world.note("pod"))
    world.until(0.05)
    world.errors = []
    world.until(0.2)

    assert world.done == [(0.1, "pod")]
    errors = "container runtime status check may not have completed yet, PLEG is not healthy: pleg has yet"
    assert world.klog.texts() == [f'E "Skipping pod synchronization" err="[{errors}]"']


def test_the_channel_of_events_has_an_end() -> None:
    world = World("container runtime is down")
    for _ in range(CHANNEL_CAPACITY + 2):
        world.loop.pleg_event(EVENT)
    world.errors = []
    world.until(0.5)

    assert len(world.done) == CHANNEL_CAPACITY
    assert world.metrics.value(PLEG_DISCARDED) == 2
    assert world.klog.texts()[0] == 'E "Event channel is full, discard this relist() cycle event"'


def test_a_loop_that_is_stopped_handles_nothing_any_more() -> None:
    world = World("container runtime is down")
    world.loop.hand_over(lambda: world.note("pod"))
    world.loop.stop()
    world.loop.stop()
    world.errors = []
    world.until(0.9)

    assert world.done == []
