"""Ids and unique prefixes, against a twin that looks at every id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.runtime.id_index import IdIndex, Lookup, Match

IDS = st.text(alphabet="0a", min_size=1, max_size=6)


def slow_resolve(ids: set[str], prefix: str) -> Lookup:
    if not prefix:
        return Lookup(Match.EMPTY)
    if prefix in ids:
        return Lookup(Match.FOUND, prefix)
    matches = [known for known in ids if known.startswith(prefix)]
    if not matches:
        return Lookup(Match.MISSING)
    return Lookup(Match.FOUND, matches[0]) if len(matches) == 1 else Lookup(Match.AMBIGUOUS)


@given(known=st.sets(IDS), gone=st.sets(IDS), prefix=st.text(alphabet="0ab", max_size=7))
def test_agrees_with_the_slow_twin(known: set[str], gone: set[str], prefix: str) -> None:
    index = IdIndex()
    for full_id in sorted(known | gone):
        index.add(full_id)
    for full_id in gone:
        index.remove(full_id)
    assert index.resolve(prefix) == slow_resolve(known - gone, prefix)
    assert len(index) == len(known - gone)


def test_an_id_that_is_not_there_cannot_be_removed() -> None:
    index = IdIndex()
    index.add("ab")
    with pytest.raises(KeyError):
        index.remove("a")
