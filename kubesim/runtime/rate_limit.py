"""A limiter of work per second, in the kernel's time.

Mirrors golang.org/x/time: rate/rate.go, Limiter.Wait.
"""

from __future__ import annotations

from kubesim.kernel import Kernel, sleep

_NS_PER_SECOND = 1_000_000_000


class RateLimit:
    """Lets `per_second` pieces of work begin per second; after a pause that many begin at once."""

    __slots__ = ("_free_at_ns", "_kernel", "_per_second", "_period_ns")

    def __init__(self, kernel: Kernel, *, per_second: int) -> None:
        """`per_second` 0 is no bound."""
        self._kernel = kernel
        self._per_second = per_second
        self._period_ns = _NS_PER_SECOND // per_second if per_second else 0
        self._free_at_ns = 0
        """When the bucket is full again: each piece of work moves it by a period."""

    async def wait(self) -> None:
        """Wait until the next piece of work may begin. Those who wait go in the order in which they came."""
        now_ns = self._kernel.now_ns
        self._free_at_ns = max(self._free_at_ns, now_ns) + self._period_ns
        delay_ns = self._free_at_ns - self._per_second * self._period_ns - now_ns
        if delay_ns <= 0:
            return
        try:
            await sleep(delay_ns)
        except BaseException:
            self._free_at_ns -= self._period_ns  # somebody else may have the place
            raise
