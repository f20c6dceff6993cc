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


def watch_looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What grows by one each time all is looked at."""
    looked: list[int] = []
    monkeypatch.setattr(gc, "collect", lambda: looked.append(1))
    return looked


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


def test_all_is_looked_at_when_another_world_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "UNSEEN_OBJECTS_MIN", OBJECTS)
    looked = watch_looks(monkeypatch)
    looks = collector._Looks()
    looks.world_made()
    looks.leave(2 * OBJECTS)
    assert len(looked) == 0
    looks.world_made()
    looks.leave(1)
    assert len(looked) == 1
    looks.leave(2 * OBJECTS)
    assert len(looked) == 1


def test_all_is_looked_at_when_there_is_too_much_unseen_but_not_for_what_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "UNSEEN_OBJECTS_MAX", len(gc.get_objects()) + 10 * OBJECTS)
    looked = watch_looks(monkeypatch)
    looks = collector._Looks()
    looks.leave(100 * len(gc.get_objects()))
    assert len(looked) == 0
    kept: list[list[int]] = [[] for _ in range(20 * OBJECTS)]
    looks.leave(len(kept))
    assert len(looked) == 1


def test_objects_that_somebody_froze_stay_frozen() -> None:
    gc.freeze()
    frozen = gc.get_freeze_count()
    with rare_collections():
        made: list[list[int]] = [[] for _ in range(OBJECTS)]
    assert gc.get_freeze_count() == frozen > 0
    assert len(made) == OBJECTS
