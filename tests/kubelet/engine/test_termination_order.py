"""Whose turn it is when a pod with sidecars is killed."""

from kubesim.kernel import Kernel, sleep
from kubesim.kubelet.container_kill import TerminationOrder
from kubesim.policy.pod_view import ContainerKind, ContainerSpecView, PodView

SECOND = 10**9
SPEC = PodView(
    name="web",
    containers=(
        ContainerSpecView(name="a", kind=ContainerKind.REGULAR),
        ContainerSpecView(name="b", kind=ContainerKind.REGULAR),
    ),
    init_containers=(
        ContainerSpecView(name="s", kind=ContainerKind.SIDECAR),
        ContainerSpecView(name="i", kind=ContainerKind.INIT),
        ContainerSpecView(name="t", kind=ContainerKind.SIDECAR),
    ),
)


def turns(running: dict[str, int], *, grace_seconds: int = 100) -> dict[str, int]:
    """When each container is stopped, in seconds; `running` says how long each stop takes."""
    kernel = Kernel(start_ns=0)
    order = TerminationOrder(SPEC, frozenset(running))
    begun: dict[str, int] = {}

    async def stop(name: str) -> None:
        await order.wait_turn(name, grace_seconds * SECOND)
        begun[name] = kernel.now_ns // SECOND
        await sleep(running[name] * SECOND)
        order.stopped(name)

    for name in running:
        kernel.spawn(stop(name), name=name)
    kernel.run_until_idle()
    return begun


def test_regular_containers_at_once_then_sidecars_from_the_last_to_the_first() -> None:
    assert turns({"s": 1, "t": 3, "a": 5, "b": 2}) == {"a": 0, "b": 0, "t": 5, "s": 8}


def test_plain_init_containers_wait_for_nobody() -> None:
    assert turns({"i": 1, "s": 1}) == {"i": 0, "s": 0}


def test_only_running_containers_count() -> None:
    assert turns({"s": 1, "b": 4}) == {"b": 0, "s": 4}


def test_the_wait_ends_with_the_grace_period() -> None:
    assert turns({"s": 1, "t": 1, "a": 50}, grace_seconds=7) == {"a": 0, "t": 7, "s": 7}


def test_a_container_that_is_not_known_is_no_trouble() -> None:
    TerminationOrder(SPEC, frozenset({"a"})).stopped("ghost")
    assert turns({"a": 1}) == {"a": 0}
