"""The collector of cycles comes rarely during a virtual run, and as before after it."""

import gc
from collections.abc import Iterator

import pytest

from kubesim.kernel import Kernel, collector
from kubesim.kernel.collector import YOUNG_OBJECTS, rare_collections

OBJECTS = 2_000
"""More than Python itself looks at at once."""


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    gc.collect()
    yield before
    gc.unfreeze()
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


def test_what_a_run_made_is_left_to_the_oldest_generation() -> None:
    with rare_collections():
        made: list[list[int]] = [[] for _ in range(OBJECTS)]
    assert gc.get_count()[0] < OBJECTS
    old = {id(one) for one in gc.get_objects(generation=2)}
    assert all(id(one) in old for one in made)


@pytest.mark.parametrize(("found", "patience"), [(0, collector.PATIENCE), (10**9, 1)])
def test_all_is_looked_at_sooner_where_cycles_were_found(
    found: int, patience: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "UNSEEN_OBJECTS_MIN", 3 * OBJECTS)
    looks = collector._Looks()
    looked: list[int] = []

    def collect() -> int:
        looked.append(len(gc.get_objects()))
        return found

    monkeypatch.setattr(gc, "collect", collect)
    for _ in range(3):
        looks.leave(OBJECTS)
    assert len(looked) == 1
    looks.leave(patience * looked[0] - 2 * OBJECTS)
    assert len(looked) == 1
    looks.leave(4 * OBJECTS)
    assert len(looked) == 2


def test_objects_that_somebody_froze_stay_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    with rare_collections():
        made: list[list[int]] = [[] for _ in range(OBJECTS)]
    assert gc.get_freeze_count() == frozen > 0
    assert len(made) == OBJECTS
