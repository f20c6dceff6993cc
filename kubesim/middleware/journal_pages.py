"""What a journal keeps of its calls, in little memory.

    runs    calls that were answered as before while nothing happened: said once, with the instants at which they were
    newest  the rows and runs that came last, as they came
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

    __slots__ = ("calls", "stretch")

    def __init__(self, stretch: Stretch | None) -> None:
        self.stretch = stretch
        self.calls: list[tuple[Series, Call]] = []

    def __len__(self) -> int:
        return sum([series.times for series, _ in self.calls])

    def __iter__(self) -> Iterator[Row]:
        calls: dict[Series, list[Call]] = {}
        for series, call in self.calls:
            calls.setdefault(series, []).append(call)
        in_turn = list(calls.values())
        for time_ns, place in in_order(list(calls)):
            for method, request, response in in_turn[place]:
                yield time_ns, time_ns, method, request, response, None


class Pages:
    """Rows in the order in which they were written; the last `rows_max` of them."""

    __slots__ = ("_open", "_paged", "_pages", "_rows", "_rows_max", "_runs")

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._pages: deque[tuple[int, bytes]] = deque()
        self._paged = 0
        self._rows: list[Row] = []
        self._runs: list[tuple[int, Run]] = []
        """Each with the number of rows before it."""
        self._open: Run | None = None
        """The last one, while no row came after it."""

    def append(self, row: Row) -> None:
        """Keep a row."""
        if len(self._rows) >= PAGE_ROWS:
            self._turn()
        self._rows.append(row)
        self._open = None

    def append_at(self, looks: Looks, call: Call) -> None:
        """Keep a call for each of these looks. What is told of one stretch comes together."""
        run = self._open
        if run is None or run.stretch is not looks.stretch:
            if len(self._runs) >= PAGE_ROWS:
                self._turn()
            self._open = run = Run(looks.stretch)
            self._runs.append((len(self._rows), run))
        run.calls.append((looks.series, call))

    def __iter__(self) -> Iterator[Row]:
        """The rows, oldest first, as they were appended or equal to that."""
        surplus = self._paged + _length(self._rows, self._runs) - self._rows_max
        kept = chain.from_iterable(_unpacked(page) for _, page in self._pages)
        for row in chain(kept, _merged(self._rows, self._runs)):
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
        """What lies here becomes a page; pages of which nothing is kept go."""
        rows, runs = self._rows, self._runs
        self._rows, self._runs = [], []
        if not self._rows_max:
            return
        self._pages.append((_length(rows, runs), _packed(rows, runs)))
        self._paged += self._pages[-1][0]
        while self._paged - self._pages[0][0] >= self._rows_max:
            self._paged -= self._pages.popleft()[0]


def _length(rows: Sequence[Row], runs: Sequence[tuple[int, Run]]) -> int:
    return len(rows) + sum([len(run) for _, run in runs])


def _merged(rows: Sequence[Row], runs: Iterable[tuple[int, Run]]) -> Iterator[Row | Run]:
    """All in the order in which they came."""
    done = 0
    for before, run in runs:
        yield from rows[done:before]
        yield run
        done = before
    yield from rows[done:]


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


def _packed(rows: Sequence[Row], runs: Sequence[tuple[int, Run]]) -> bytes:
    series, calls = _columns(list(chain.from_iterable([run.calls for _, run in runs])), 2)
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
        [(before, len(run.calls)) for before, run in runs],
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
    rows: list[Row] = []
    for began_ns, took_ns, method, request, response, error in zip(*columns, strict=True):
        asked = messages[request]
        assert asked is not None, "only a response can be missing"
        rows.append((began_ns, began_ns + took_ns, methods[method], asked, messages[response], error))
    calls = zip(*run_columns, strict=True)
    unpacked: list[tuple[int, Run]] = []
    for before, calls_count in runs:
        run = Run(None)
        for series, method, request, response in islice(calls, calls_count):
            asked, answer = messages[request], messages[response]
            assert asked is not None, "only a response can be missing"
            assert answer is not None, "a call that was answered as before has an answer"
            run.calls.append((series, (methods[method], asked, answer)))
        unpacked.append((before, run))
    return _merged(rows, unpacked)
