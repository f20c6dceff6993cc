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
from collections.abc import Iterator, Sequence
from itertools import chain

from msgspec import msgpack

from kubesim.kernel import Looks, Series, Stretch, in_order

Row = tuple[int, int, str, bytes, bytes | None, tuple[int, str] | None]
"""One call: when it began and ended in ns since the Unix epoch, the method by its path, the request, and the response
or the error as code and message. Plain values, so Python's collector of cycles does not look at it again."""

Call = tuple[str, bytes, bytes]
"""A call that took no time and did not fail: the method by its path, the request and the response."""

PAGE_ROWS = 256
LEVEL = 1
"""Of zlib: the fastest one. Higher ones take three times as long for a few per cent."""


class Run:
    """The calls of one stretch: at each look of a series, those that belong to it."""

    __slots__ = ("calls", "series", "stretch")

    def __init__(self, stretch: Stretch | None) -> None:
        self.stretch = stretch
        self.series: list[Series] = []
        self.calls: list[list[Call]] = []

    def add(self, series: Series, call: Call) -> None:
        """One more call at each look of the series."""
        if self.series and self.series[-1] is series:
            self.calls[-1].append(call)
        else:
            self.series.append(series)
            self.calls.append([call])

    def __len__(self) -> int:
        return sum(len(one.times_ns) * len(calls) for one, calls in zip(self.series, self.calls, strict=True))

    def __iter__(self) -> Iterator[Row]:
        for time_ns, place in in_order(self.series):
            for method, request, response in self.calls[place]:
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
        run = self._tail[-1] if self._tail else None
        if not isinstance(run, Run) or run.stretch is not looks.stretch:
            if len(self._tail) >= PAGE_ROWS:
                self._turn()
            run = Run(looks.stretch)
            self._tail.append(run)
        run.add(looks.series, call)

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
    return sum(len(row) if isinstance(row, Run) else 1 for row in rows)


def _rest(run: Run, surplus: int) -> Iterator[Row]:
    """A run without its first rows."""
    for number, row in enumerate(run):
        if number >= surplus:
            yield row


# -- packing ----------------------------------------------------------------------------------------------------

_PackedRow = tuple[int, int, str, int, int | None, tuple[int, str] | None]
"""A row whose messages are places in the list of the page's messages: what is there twice is packed once."""

_PackedSeries = tuple[list[int], int, int, bool, list[tuple[str, int, int]]]
"""The instants, or begin and end with the step between them if that is not 0; sequence, `is_last`, and the calls."""

_PackedPage = tuple[list[bytes], list[_PackedRow], list[tuple[int, list[_PackedSeries]]]]
"""Messages, rows, and runs, each with the number of rows before it."""


def _packed(tail: list[Row | Run]) -> bytes:
    places: dict[bytes, int] = {}
    place = places.setdefault
    rows: list[_PackedRow] = []
    runs: list[tuple[int, list[_PackedSeries]]] = []
    for row in tail:
        if isinstance(row, Run):
            runs.append((len(rows), _packed_run(row, places)))
        else:
            began_ns, end_ns, method, request, response, error = row
            asked = place(request, len(places))
            answered = None if response is None else place(response, len(places))
            rows.append((began_ns, end_ns, method, asked, answered, error))
    return zlib.compress(msgpack.encode((list(places), rows, runs)), LEVEL)


def _packed_run(run: Run, places: dict[bytes, int]) -> list[_PackedSeries]:
    packed: list[_PackedSeries] = []
    for one, calls in zip(run.series, run.calls, strict=True):
        placed = [
            (method, places.setdefault(request, len(places)), places.setdefault(response, len(places)))
            for method, request, response in calls
        ]
        packed.append((*_packed_times(one), one.sequence, one.is_last, placed))
    return packed


def _packed_times(series: Series) -> tuple[list[int], int]:
    times_ns = series.times_ns
    if isinstance(times_ns, range):
        return [times_ns.start, times_ns.stop], times_ns.step
    return list(times_ns), 0


_decode = msgpack.Decoder(_PackedPage).decode


def _unpacked(page: bytes) -> Iterator[Row | Run]:
    messages, rows, runs = _decode(zlib.decompress(page))
    done = 0
    for before, series in (*runs, (len(rows), [])):
        for began_ns, end_ns, method, request, response, error in rows[done:before]:
            answer = None if response is None else messages[response]
            yield began_ns, end_ns, method, messages[request], answer, error
        done = before
        if series:
            run = Run(None)
            for times_ns, step_ns, sequence, is_last, calls in series:
                times = range(times_ns[0], times_ns[1], step_ns) if step_ns else times_ns
                run.series.append(Series(times, sequence, is_last))
                run.calls.append([(method, messages[request], messages[answer]) for method, request, answer in calls])
            yield run
