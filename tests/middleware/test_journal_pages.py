"""What is kept of a journal's rows is what was written, newest last, however it is packed."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.middleware.journal_pages import PAGE_ROWS, Pages, Row

MESSAGES = st.binary(max_size=30)
TIMES = st.integers(min_value=0, max_value=2**63 - 1)
ROWS = st.tuples(
    TIMES,
    TIMES,
    st.sampled_from(["/runtime.v1.RuntimeService/Status", "/runtime.v1.ImageService/PullImage"]),
    MESSAGES,
    st.none() | MESSAGES,
    st.none() | st.tuples(st.integers(min_value=1, max_value=16), st.text(max_size=20)),
)


def pages_of(rows: list[Row], rows_max: int) -> Pages:
    pages = Pages(rows_max)
    for row in rows:
        pages.append(row)
    return pages


@given(
    rows=st.lists(ROWS, min_size=1, max_size=20),
    times=st.integers(min_value=1, max_value=3 * PAGE_ROWS // 4),
    rows_max=st.integers(min_value=0, max_value=5 * PAGE_ROWS),
)
def test_the_last_rows_are_kept_as_they_were_written(rows: list[Row], times: int, rows_max: int) -> None:
    written = rows * times

    assert list(pages_of(written, rows_max)) == written[max(len(written) - rows_max, 0) :]


@pytest.mark.parametrize("written", [0, 1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 4 * PAGE_ROWS])
def test_nothing_is_kept_where_nothing_is_to_be_kept(written: int) -> None:
    pages = pages_of([(1, 2, "/a/b", b"q", b"r", None)] * written, 0)

    assert list(pages) == []
    assert len(pages._pages) == 0


def test_a_page_takes_a_fraction_of_its_messages() -> None:
    rows: list[Row] = [
        (number, number, "/a/b", b"request of pod %d: " % number + bytes(range(200)), b"r", None)
        for number in range(PAGE_ROWS)
    ]
    pages = pages_of(rows, 10 * PAGE_ROWS)

    assert list(pages) == rows
    assert sum(map(sys.getsizeof, pages._pages)) * 5 < sum(len(row[3]) for row in rows)
