"""What a journal keeps of its calls, in little memory.

    runs    calls that were answered as before while nothing happened: said once, with the instants at which they were
    tail    the newest rows and runs, as they came
    pages   the older ones, 256 on each, packed and compressed to about a tenth

A day of a node has hundreds of thousands of calls, and most say what another one said: the configuration of a pod is
in several requests, and the answer about a container is the one before with another time in it.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import sub
from typing import Any, TypeVar

from msgspec import msgpack

from kubesim.kernel import Looks, Series, Stretch, in_order

T = TypeVar("T")

Row = tuple[int, int, str, bytes, bytes | None, tuple[int, str] | None]
"""One call: when it began and ended in ns since the Unix epoch, the method by its path, the request, and the response
or the error as code and message. Plain values, so Python's collector of cycles does not look at it again."""

Call = tuple[str, bytes, bytes]
"""A call that took no time and did not fail: the method by its path, the request and the response."""

PAGE_ROWS = 256
LEVEL = 1
"""Of zlib: the fastest one. Higher ones take three times as long for a few per cent."""


class Run:
    """The calls of one stretch, each with the looks at which it was made; those of one series come together."""

    __slots__ = ("calls", "series", "stretch")

    def __init__(self, stretch: Stretch | None) -> None:
        self.stretch = stretch
        self.series: list[Series] = []
        self.calls: list[Call] = []

    def add(self, series: Series, call: Call) -> None:
        """One more call at each look of the series."""
        self.series.append(series)
        self.calls.append(call)

    def __len__(self) -> int:
        return sum([series.times for series in self.series])

    def __iter__(self) -> Iterator[Row]:
        calls: dict[Series, list[Call]] = {}
        for series, call in zip(self.series, self.calls, strict=True):
            calls.setdefault(series, []).append(call)
        in_turn = list(calls.values())
        for time_ns, place in in_order(list(calls)):
            for method, request, response in in_turn[place]:
                yield time_ns, time_ns, method, request, response, None


class Pages:
    """Rows in the order in which they were written; the last `rows_max` of them."""

    __slots__ = ("_paged", "_pages", "_rows_max", "_tail")

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._pages: deque[tuple[int, bytes]] = deque()
        self._paged = 0
        self._tail: list[Row | Run] = []

    def append(self, row: Row) -> None:
        """Keep a row."""
        tail = self._tail
        if len(tail) >= PAGE_ROWS:
            self._turn()
            tail = self._tail
        tail.append(row)

    def append_at(self, looks: Looks, call: Call) -> None:
        """Keep a call for each of these looks. What is told of one stretch comes together."""
        stretch = looks.stretch
        run = self._tail[-1] if self._tail else None
        if type(run) is not Run or run.stretch is not stretch:
            if len(self._tail) >= PAGE_ROWS:
                self._turn()
            run = Run(stretch)
            self._tail.append(run)
        run.series.append(looks.series)
        run.calls.append(call)

    def __iter__(self) -> Iterator[Row]:
        """The rows, oldest first, as they were appended or equal to that."""
        surplus = self._paged + _length(self._tail) - self._rows_max
        rows = chain(chain.from_iterable(_unpacked(page) for _, page in self._pages), self._tail)
        for row in rows:
            if not isinstance(row, Run):
                surplus -= 1
                if surplus < 0:
                    yield row
            elif surplus >= (length := len(row)):
                surplus -= length
            else:
                yield from _rest(row, surplus)
                surplus = 0

    def _turn(self) -> None:
        """The tail becomes a page; pages of which nothing is kept go."""
        tail, self._tail = self._tail, []
        if not self._rows_max:
            return
        self._pages.append((_length(tail), _packed(tail)))
        self._paged += self._pages[-1][0]
        while self._paged - self._pages[0][0] >= self._rows_max:
            self._paged -= self._pages.popleft()[0]


def _length(rows: Sequence[Row | Run]) -> int:
    return len(rows) + sum([len(row) - 1 for row in rows if isinstance(row, Run)])


def _rest(run: Run, surplus: int) -> Iterator[Row]:
    """A run without its first rows."""
    for number, row in enumerate(run):
        if number >= surplus:
            yield row


# -- packing ----------------------------------------------------------------------------------------------------

_PackedRows = tuple[list[int], list[int], list[int], list[int], list[int], list[tuple[int, str] | None]]
"""By columns, which are packed faster: when each call began, how long it took, the places of its method, request and
response on the page, and its error."""

_PackedRuns = tuple[list[tuple[int, int]], list[Series], list[int], list[int], list[int]]
"""The number of rows before each run, and of its calls; then by columns the calls of all runs: looks, method, request
and response."""

_PackedPage = tuple[list[str], list[bytes | None], _PackedRows, _PackedRuns]
"""Methods and messages, each of which is there once, rows and runs."""


def _packed(tail: list[Row | Run]) -> bytes:
    rows: list[Row] = []
    runs: list[tuple[int, int]] = []
    series: list[Series] = []
    calls: list[Call] = []
    for row in tail:
        if isinstance(row, Run):
            runs.append((len(rows), len(row.calls)))
            series += row.series
            calls += row.calls
        else:
            rows.append(row)
    began_ns, ended_ns, methods, requests, responses, errors = _columns(rows, 6)
    again_methods, again_requests, again_responses = _columns(calls, 3)
    method_places = _places(chain(methods, again_methods))
    message_places = _places(chain(requests, responses, again_requests, again_responses))
    method_place, message_place = method_places.__getitem__, message_places.__getitem__
    packed_rows = (
        began_ns,
        tuple(map(sub, ended_ns, began_ns)),
        tuple(map(method_place, methods)),
        tuple(map(message_place, requests)),
        tuple(map(message_place, responses)),
        errors,
    )
    packed_runs = (
        runs,
        series,
        tuple(map(method_place, again_methods)),
        tuple(map(message_place, again_requests)),
        tuple(map(message_place, again_responses)),
    )
    page = (list(method_places), list(message_places), packed_rows, packed_runs)
    return zlib.compress(msgpack.encode(page), LEVEL)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Sequence[tuple[Any, ...]]:
    """Rows of so many values, turned: what is done with one value of all rows need not be a loop in Python."""
    return tuple(zip(*rows, strict=True)) if rows else ((),) * width


def _places(values: Iterable[T]) -> dict[T, int]:
    """Each value once, with its place."""
    found = dict.fromkeys(values)
    return dict(zip(found, range(len(found)), strict=True))


_decode = msgpack.Decoder(_PackedPage).decode


def _unpacked(page: bytes) -> Iterator[Row | Run]:
    methods, messages, columns, (runs, *run_columns) = _decode(zlib.decompress(page))
    rows, calls = zip(*columns, strict=True), zip(*run_columns, strict=True)
    done = 0
    for before, calls_count in (*runs, (len(columns[0]), 0)):
        for began_ns, took_ns, method, request, response, error in islice(rows, before - done):
            asked = messages[request]
            assert asked is not None, "only a response can be missing"
            yield began_ns, began_ns + took_ns, methods[method], asked, messages[response], error
        done = before
        if calls_count:
            run = Run(None)
            for series, method, request, response in islice(calls, calls_count):
                asked, answer = messages[request], messages[response]
                assert asked is not None, "only a response can be missing"
                assert answer is not None, "a call that was answered as before has an answer"
                run.add(series, (methods[method], asked, answer))
            yield run
