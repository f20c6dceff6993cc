"""The id map of a user namespace: what the kernel takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.id_map import Extent, is_id_map


@pytest.mark.parametrize(
    ("extents", "is_taken"),
    [
        ([], False),
        ([(0, 1000, 100_000)], True),
        ([(0, 1000, 0)], False),
        ([(0, 0, 2**32 - 1)], True),
        ([(0, 0, 2**32)], False),
        ([(1, 0, 2**32 - 1)], False),
        ([(0, 1, 2**32 - 1)], False),
        ([(0, 1000, 100_000), (0, 2000, 100_000)], False),
        ([(0, 1000, 10), (10, 1009, 10)], False),
        ([(10, 1000, 10), (0, 1010, 10)], True),
        ([(index, index, 1) for index in range(340)], True),
        ([(index, index, 1) for index in range(341)], False),
    ],
)
def test_which_maps_are_taken(extents: list[Extent], is_taken: bool) -> None:
    assert is_id_map(extents) is is_taken


small = st.integers(0, 30)


@given(st.lists(st.tuples(small, small, st.integers(1, 8)), min_size=1, max_size=5))
def test_a_map_is_taken_when_every_id_has_one_partner(extents: list[Extent]) -> None:
    pairs = [(inside + n, outside + n) for inside, outside, count in extents for n in range(count)]
    is_one_to_one = len({inside for inside, _ in pairs}) == len({outside for _, outside in pairs}) == len(pairs)
    assert is_id_map(extents) is is_one_to_one
