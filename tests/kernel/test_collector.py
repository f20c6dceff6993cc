"""The collector of cycles comes rarely during a virtual run, and as before after it."""

import gc
from collections.abc import Iterator

import pytest

from kubesim.kernel import Kernel
from kubesim.kernel.collector import YOUNG_OBJECTS, rare_collections


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_a_run_spares_it_and_gives_it_back(thresholds: tuple[int, int, int]) -> None:
    kernel = Kernel(seed=1)
    seen = []
    kernel.call_at(kernel.now_ns + 1, lambda: seen.append(gc.get_threshold()))
    kernel.run_until(kernel.now_ns + 2)
    assert seen[0][0] == YOUNG_OBJECTS
    assert gc.get_threshold() == thresholds


def test_it_is_given_back_when_the_run_fails(thresholds: tuple[int, int, int]) -> None:
    with pytest.raises(ZeroDivisionError), rare_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == thresholds


@pytest.mark.parametrize("mine", [(0, 10, 10), (1_000_000, 5, 5)])
def test_who_wants_it_rarer_still_has_it_so(mine: tuple[int, int, int]) -> None:
    gc.set_threshold(*mine)
    with rare_collections():
        assert gc.get_threshold()[0] == mine[0]
    assert gc.get_threshold() == mine
