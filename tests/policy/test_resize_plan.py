"""What a resize of a running container needs, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.resize_plan import (
    ContainerResize,
    Resizable,
    ResourceAmounts,
    container_resize,
    resize_operations,
    resize_steps,
    update_order,
)

CPU, MEMORY = Resizable.CPU, Resizable.MEMORY
BEFORE = ResourceAmounts(cpu_request_milli=100, cpu_limit_milli=200, memory_request_bytes=1000, memory_limit_bytes=2000)
AMOUNTS = st.builds(
    ResourceAmounts,
    cpu_request_milli=st.integers(0, 3),
    cpu_limit_milli=st.integers(0, 3),
    memory_request_bytes=st.integers(0, 3),
    memory_limit_bytes=st.integers(0, 3),
)


def after(**changes: int) -> ResourceAmounts:
    fields = {name: getattr(BEFORE, name) for name in ResourceAmounts.__slots__}
    return ResourceAmounts(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "policies", "restarts"),
    [
        ({"cpu_limit_milli": 300}, {}, False),
        ({"cpu_limit_milli": 300}, {"cpu": "NotRequired", "memory": "RestartContainer"}, False),
        ({"cpu_request_milli": 50}, {"cpu": "RestartContainer"}, True),
        ({"memory_limit_bytes": 3000}, {"memory": "RestartContainer", "cpu": "NotRequired"}, True),
        ({"memory_request_bytes": 0, "cpu_request_milli": 1}, {"memory": "RestartContainer"}, True),
    ],
)
def test_the_policy_of_what_changes_decides(changes: dict[str, int], policies: dict[str, str], restarts: bool) -> None:
    found = container_resize(current=BEFORE, desired=after(**changes), policies=policies)
    assert found == ContainerResize(current=BEFORE, desired=after(**changes), restarts=restarts)


def test_nothing_to_do() -> None:
    assert container_resize(current=BEFORE, desired=after(), policies={"cpu": "RestartContainer"}) is None


@pytest.mark.parametrize(
    ("changes", "cpu", "memory"),
    [
        ({"cpu_limit_milli": 300}, 1, 0),
        ({"cpu_request_milli": 50}, -1, 0),
        ({"cpu_limit_milli": 300, "cpu_request_milli": 50}, 1, 0),
        ({"memory_limit_bytes": 1000}, 0, -1),
        ({"memory_request_bytes": 1500}, 0, 1),
    ],
)
def test_the_limit_says_whether_it_grows(changes: dict[str, int], cpu: int, memory: int) -> None:
    resize = ContainerResize(current=BEFORE, desired=after(**changes))
    assert [_sign(resize.growth(one)) for one in (CPU, MEMORY)] == [cpu, memory]


def test_what_shrinks_is_updated_first() -> None:
    grows = ContainerResize(current=BEFORE, desired=after(cpu_limit_milli=300))
    shrinks = ContainerResize(current=BEFORE, desired=after(cpu_limit_milli=100))
    other = ContainerResize(current=BEFORE, desired=after(memory_limit_bytes=1))
    visited = [("a", grows), ("b", shrinks), ("c", other), ("d", shrinks), ("e", grows)]
    assert update_order(visited, CPU) == ("d", "b", "a", "e")
    assert update_order(visited, MEMORY) == ("c",)


@pytest.mark.parametrize(
    ("limit", "request_", "steps"),
    [
        (1, 1, ("pod limit", "pod request", "containers")),
        (-1, -1, ("containers", "pod request", "pod limit")),
        (1, -1, ("pod limit", "containers", "pod request")),
        (-1, 1, ("pod request", "containers", "pod limit")),
        (0, 0, ("containers",)),
    ],
)
def test_the_pod_grows_before_its_containers_and_shrinks_after_them(
    limit: int, request_: int, steps: tuple[str, ...]
) -> None:
    assert resize_steps(limit_growth=limit, request_growth=request_) == steps


def test_what_a_change_asks_for_is_counted_by_kind() -> None:
    old = ResourceAmounts(cpu_request_milli=100, cpu_limit_milli=200, memory_limit_bytes=5)
    new = ResourceAmounts(cpu_request_milli=50, cpu_limit_milli=300, memory_request_bytes=1)
    assert resize_operations(old, new) == (
        ("memory", "requests", "add"),
        ("memory", "limits", "remove"),
        ("cpu", "requests", "decrease"),
        ("cpu", "limits", "increase"),
    )


@given(old=AMOUNTS, new=AMOUNTS)
def test_a_resize_is_needed_exactly_when_something_is_asked_for(old: ResourceAmounts, new: ResourceAmounts) -> None:
    resize = container_resize(current=old, desired=new, policies={})
    assert (resize is None) == (not resize_operations(old, new))
    if resize is not None:
        assert not resize.restarts
        assert any(resize.growth(one) for one in Resizable)


@given(resizes=st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=6))
def test_no_container_grows_before_another_one_shrinks(
    resizes: list[tuple[ResourceAmounts, ResourceAmounts]],
) -> None:
    named = {str(at): ContainerResize(current=old, desired=new) for at, (old, new) in enumerate(resizes)}
    for resource in Resizable:
        growths = [named[name].growth(resource) for name in update_order(named.items(), resource)]
        assert growths == sorted(growths, key=lambda growth: growth > 0)
        assert len(growths) == sum(bool(one.growth(resource)) for one in named.values())


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
