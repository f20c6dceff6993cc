"""Memory limits that would go below what is in use."""

import pytest

from kubesim.policy.memory_decrease import decreasing_memory_limits, memory_decrease_problem
from kubesim.policy.resize_plan import ContainerResize, ResourceAmounts


def resize(old: int, new: int) -> ContainerResize:
    return ContainerResize(
        current=ResourceAmounts(memory_limit_bytes=old), desired=ResourceAmounts(memory_limit_bytes=new)
    )


def test_a_smaller_limit_and_a_first_one_are_decreases() -> None:
    found = {"less": resize(2, 1), "first": resize(0, 5), "more": resize(1, 2), "gone": resize(1, 0)}
    assert decreasing_memory_limits(found) == {"less": 1, "first": 5}


@pytest.mark.parametrize(
    ("pod_limit", "pod_usage", "limits", "usage", "problem"),
    [
        (None, 5, {"a": 10}, {"a": 5, "b": 99}, ""),
        (6, 5, {}, {}, ""),
        (5, 5, {}, {}, "attempting to set pod memory limit (5) below current usage (5)"),
        (5, None, {}, {}, "missing pod memory usage"),
        (None, 7, {"a": 5}, {"a": 6}, 'attempting to set container "a" memory limit (5) below current usage (7)'),
        (None, None, {"a": 5}, {"a": 6}, 'attempting to set container "a" memory limit (5) below current usage (0)'),
        (None, 7, {"a": 5}, {"a": None}, 'missing container "a" memory usage'),
        (
            5,
            None,
            {"a": 5},
            {"a": None},
            '[missing pod memory usage, missing container "a" memory usage]',
        ),
    ],
)
def test_what_is_in_the_way(
    pod_limit: int | None, pod_usage: int | None, limits: dict[str, int], usage: dict[str, int | None], problem: str
) -> None:
    found = memory_decrease_problem(
        pod_limit_bytes=pod_limit,
        pod_usage_bytes=pod_usage,
        container_limits_bytes=limits,
        container_usage_bytes=usage,
    )
    assert found == (f"cannot decrease memory limits: {problem}" if problem else "")
