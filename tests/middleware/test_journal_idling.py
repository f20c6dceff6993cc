"""A journal of idle time that was passed at once says what it would say of it call by call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from kubesim.cri import api, methods
from kubesim.cri.methods import Method
from kubesim.cri.protocol import Again
from kubesim.kernel import Beat, Idle, Kernel, Looks, Prng
from kubesim.middleware.journal import Journal, JournalEntry
from kubesim.middleware.journal_pages import PAGE_ROWS

LONG_NS = 20_000
SHORT_NS = 3_000


class SteadyEndpoint:
    """Says its version, for ever the same."""

    async def call(self, method: Method, request: Message) -> Message:
        return method.response_type.FromString(await self.call_encoded(method, request))

    async def call_encoded(self, _method: Method, _request: Message) -> bytes:
        return api.VersionResponse(version="1").SerializeToString()

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        raise AssertionError((method, request))

    def ask(self, _method: Method, _request: Message) -> bytes | None:
        return None

    peek = ask

    def repeat(self, _method: Method, _request: Message) -> Again:
        """Nothing counts here."""
        return lambda _answer, _looks: None


@dataclass(frozen=True)
class Habit:
    """How a caller calls: how often, how many times at once, when it changes its mind (0: never)."""

    period_ns: int
    calls: int
    is_last: bool
    spread_ns: int
    restless_ns: int


HABITS = st.builds(
    Habit,
    period_ns=st.integers(5, 60),
    calls=st.integers(1, 2),
    is_last=st.booleans(),
    spread_ns=st.sampled_from([0, 0, 20]),
    restless_ns=st.sampled_from([0, 700]),
)


async def caller(kernel: Kernel, journal: Journal, name: int, habit: Habit) -> None:
    beat, prng, is_first = Beat(kernel, is_last=habit.is_last), Prng(name), True
    requests = [api.VersionRequest(version=f"{name}.{number}") for number in range(habit.calls)]
    answers = [b""] * habit.calls

    repeat = journal.repeat
    assert repeat is not None
    notes = [repeat(methods.VERSION, request) for request in requests]

    def note(looks: Looks) -> None:
        for again, answer in zip(notes, answers, strict=True):
            again(answer, looks)

    def period_ns() -> int:
        return habit.period_ns + prng.below(habit.spread_ns + 1)

    while True:
        answers = [await journal.call_encoded(methods.VERSION, request) for request in requests]
        until_ns = kernel.now_ns + habit.restless_ns if habit.restless_ns else 10**9
        idle = Idle(
            note=note,
            until_ns=lambda until_ns=until_ns: until_ns,  # type: ignore[misc]
            period_ns=period_ns if habit.spread_ns else None,
        )
        await beat.wait(period_ns(), None if is_first else idle)
        is_first = False


def journal_of(habits: list[Habit], entries_max: int, *, one_by_one: bool, until_ns: int = LONG_NS) -> Journal:
    kernel = Kernel(start_ns=0)
    kernel.idles_one_by_one = one_by_one
    journal = Journal(SteadyEndpoint(), kernel, entries_max=entries_max)
    for name, habit in enumerate(habits):
        kernel.spawn(caller(kernel, journal, name, habit), name=f"caller {name}")
    kernel.run_until(until_ns)
    return journal


@given(habits=st.lists(HABITS, min_size=1, max_size=4), entries_max=st.sampled_from([0, 1, 100, 1_000, 10_000]))
def test_the_entries_are_those_of_call_by_call(habits: list[Habit], entries_max: int) -> None:
    slow = journal_of(habits, 10**6, one_by_one=True, until_ns=SHORT_NS).entries
    fast = journal_of(habits, entries_max, one_by_one=False, until_ns=SHORT_NS).entries

    assert fast == slow[max(len(slow) - entries_max, 0) :]


STEADY = [
    Habit(10, 2, is_last=True, spread_ns=0, restless_ns=0),
    Habit(50, 1, is_last=False, spread_ns=0, restless_ns=0),
]


def test_idle_time_is_kept_as_one_run_however_long() -> None:
    journal = journal_of(STEADY, 10**6, one_by_one=False)

    assert len(journal.entries) == 2 * 2_001 + 401
    assert len(journal._pages._rows) + len(journal._pages._runs) < 20
    assert not journal._pages._pages


def test_runs_are_found_again_on_old_pages() -> None:
    restless = [*STEADY, Habit(7, 1, is_last=False, spread_ns=3, restless_ns=60)]
    journal = journal_of(restless, 10**6, one_by_one=False)

    assert journal._pages._pages
    assert journal.entries == journal_of(restless, 10**6, one_by_one=True).entries
    assert journal.entries[-1].time_ns > LONG_NS - PAGE_ROWS


def test_a_sink_sees_each_call_at_its_instant() -> None:
    kernel = Kernel(start_ns=0)
    seen: list[tuple[int, JournalEntry]] = []
    journal = Journal(SteadyEndpoint(), kernel, sink=lambda entry: seen.append((kernel.now_ns, entry)))
    for name, habit in enumerate(STEADY):
        kernel.spawn(caller(kernel, journal, name, habit), name=f"caller {name}")
    kernel.run_until(LONG_NS)

    assert [entry for _, entry in seen] == journal.entries == journal_of(STEADY, 10**6, one_by_one=True).entries
    assert all(now_ns == entry.end_ns for now_ns, entry in seen)
