"""Same seed and inputs, same trace; the ids have the forms that clients check."""

import re

from hypothesis import given
from hypothesis import strategies as st

from kubesim.kernel import Channel, Kernel, Prng, TaskGroup, sleep


def trace(seed: int, workers: int) -> list[tuple[int, str, str]]:
    kernel = Kernel(seed=seed, start_ns=0)
    lines: list[tuple[int, str, str]] = []
    channel = Channel[str](capacity=2)

    async def producer(name: str) -> None:
        prng = kernel.random.fork(name)
        for _ in range(5):
            await sleep(prng.below(4))
            await channel.send(kernel.ids.hex(8))
            lines.append((kernel.now_ns, name, "sent"))

    async def consumer() -> None:
        async for item in channel:
            await sleep(1)
            lines.append((kernel.now_ns, "consumer", item))

    async def main() -> None:
        reader = kernel.spawn(consumer(), name="consumer")
        async with TaskGroup() as group:
            for number in range(workers):
                group.spawn(producer(f"p{number}"), name=f"p{number}")
        channel.close()
        await reader.join()

    kernel.spawn(main(), name="main")
    kernel.run_until_idle()
    return lines


@given(st.integers(), st.integers(min_value=1, max_value=6))
def test_same_seed_same_trace(seed: int, workers: int) -> None:
    assert trace(seed, workers) == trace(seed, workers)


def test_another_seed_another_trace() -> None:
    assert trace(1, 3) != trace(2, 3)


def test_the_numbers_of_a_seed_are_fixed() -> None:
    """A golden value: an upgrade of Python or of kubesim must not change what a seed means."""
    prng = Prng(1)

    assert [prng.below(1000) for _ in range(4)] == GOLDEN_NUMBERS


GOLDEN_NUMBERS = [680, 24, 582, 749]


def test_forks_do_not_disturb_one_another() -> None:
    left, right = Prng(7), Prng(7)
    left.fork("a").below(10)

    assert left.below(10**9) == right.below(10**9)
    assert left.fork("a").below(10**9) == right.fork("a").below(10**9)
    assert left.fork("a").below(10**9) != right.fork("b").below(10**9)


def test_jitter_lies_between_the_duration_and_its_factor() -> None:
    prng = Prng(3)

    assert all(100 <= prng.jittered(100, 0.5) < 150 for _ in range(200))


def test_ids_have_the_forms_that_clients_check() -> None:
    ids = Kernel(seed=5).ids

    assert re.fullmatch(r"[0-9a-f]{64}", ids.hex())
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", ids.uuid())
    assert len({ids.hex() for _ in range(1_000)}) == 1_000
