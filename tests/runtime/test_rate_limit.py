"""A limiter of work per second."""

from __future__ import annotations

import pytest

from kubesim.kernel import Cancelled, Kernel
from kubesim.runtime.rate_limit import RateLimit

S = 1_000_000_000


def begun_at(kernel: Kernel, limit: RateLimit, count: int) -> list[float]:
    """When each of `count` pieces of work begins that are asked for now, in seconds from now."""
    start_ns = kernel.now_ns
    begun: list[float] = []

    async def work() -> None:
        await limit.wait()
        begun.append((kernel.now_ns - start_ns) / S)

    for _ in range(count):
        kernel.spawn(work(), name="work")
    kernel.run_until(start_ns + 100 * S)
    return begun


def test_a_burst_then_one_each_period() -> None:
    kernel = Kernel(seed=1)
    limit = RateLimit(kernel, per_second=10)
    assert begun_at(kernel, limit, 13) == [0.0] * 10 + [0.1, 0.2, 0.3]
    assert begun_at(kernel, limit, 11) == [0.0] * 10 + [0.1], "after a pause it is as new"


def test_no_bound() -> None:
    kernel = Kernel(seed=1)
    assert begun_at(kernel, RateLimit(kernel, per_second=0), 100) == [0.0] * 100


def test_who_gives_up_gives_the_place_back() -> None:
    kernel = Kernel(seed=1)
    limit = RateLimit(kernel, per_second=1)
    assert begun_at(kernel, limit, 0) == []

    async def work() -> None:
        await limit.wait()

    kernel.spawn(work(), name="first")
    waiting = kernel.spawn(work(), name="second")
    waiting.watch(lambda _: None)
    kernel.run_until(kernel.now_ns)
    waiting.cancel()
    kernel.run_until(kernel.now_ns)
    assert begun_at(kernel, limit, 1) == [1.0]
    with pytest.raises(Cancelled):
        waiting.result()
