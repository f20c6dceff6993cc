"""Functions that call themselves: as deep as real scripts go, and no deeper than memory allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.kernel import Cancelled, Kernel, sleep
from kubesim.userland.shell.call_stack import call, on_call_stack

if TYPE_CHECKING:
    from conftest import World


@pytest.mark.parametrize(
    ("script", "printed"),
    [
        ("f() { [ $1 = 0 ] && { echo bottom; return 7; }; f $(($1-1)); }; f 1500; echo $?", "bottom\n7\n"),
        ("f() { if [ $1 -gt 1 ]; then r=$((r*$1%1000007)); f $(($1-1)); fi; }; r=1; f 1200; echo $r", "358411\n"),
        ("f() { local n=$1; [ $n = 0 ] || { f $((n-1)); s=$((s+n)); }; }; f 1000; echo $s", "500500\n"),
        ("h() { [ $1 = 0 ] || { h $(($1-1)); c=$((c+1)); h $(($1-1)); }; }; h 7; echo $c", "127\n"),
        ("f() { [ $1 = 0 ] && sleep 1 || eval 'f $(($1-1))'; }; f 400; echo slept", "slept\n"),
        ("f() { [ $1 = 0 ] && exit 3; f $(($1-1)); }; (f 1000); echo $?", "3\n"),
    ],
)
def test_functions_call_themselves_a_thousand_times(world: World, script: str, printed: str) -> None:
    command = world.sh(script)

    assert (command.out, command.err, command.code) == (printed, "", 0)


@pytest.mark.parametrize(
    "script",
    [
        "f() { f; }; f",
        "f() { if true; then { while true; do case a in a) f;; esac; done; }; fi; }; f",
        'x=\'eval "$x"\'; eval "$x"',
        "echo . /tmp/s >/tmp/s; . /tmp/s",
        "f() { g; }; g() { eval f; }; f",
        "exec sh -c \"trap 'kill -USR1 \\$\\$; :' USR1; kill -USR1 \\$\\$\"",
    ],
)
def test_a_recursion_without_end_is_a_segmentation_fault(world: World, script: str) -> None:
    command = world.sh(f"({script}); echo $?")

    assert (command.out, command.err, command.code) == ("139\n", "Segmentation fault\n", 0)


def test_a_process_deep_in_its_functions_dies_of_a_signal_like_any_other(world: World) -> None:
    command = world.start("sh", "-c", "f() { [ $1 = 0 ] && sleep 100; f $(($1-1)); }; trap 'echo bye' EXIT; f 1000")
    world.advance(1)
    command.process.signal(15)
    world.advance(1)

    assert (command.out, command.code) == ("", 143)
    assert world.table.processes() == []


def test_what_is_thrown_in_arrives_at_the_top_and_leaves_through_all_levels() -> None:
    kernel = Kernel()
    left: list[int] = []

    async def level(number: int) -> int:
        try:
            if number == 5_000:
                await sleep(1_000)
                return number
            return await call(level(number + 1))
        finally:
            left.append(number)

    async def first() -> int:
        return await on_call_stack(level(0))

    done = kernel.spawn(first(), name="done")
    kernel.run_until(kernel.now_ns + 2_000)
    assert done.result() == 5_000
    assert left == list(range(5_000, -1, -1))

    left.clear()
    cancelled = kernel.spawn(first(), name="cancelled")
    kernel.run_until(kernel.now_ns + 500)
    cancelled.cancel()
    kernel.run_until(kernel.now_ns + 500)
    assert isinstance(cancelled.error, Cancelled)
    assert left == list(range(5_000, -1, -1))


def test_what_was_closed_already_does_not_hinder_the_end() -> None:
    ended: list[str] = []

    async def inner() -> None:
        try:
            await sleep(1)
        finally:
            ended.append("inner")

    async def outer() -> None:
        try:
            await call(waiting)
        finally:
            ended.append("outer")

    waiting = inner()
    whole = outer()
    running = on_call_stack(whole)
    running.send(None)  # type: ignore[attr-defined]  # a generator, driven as a task does
    waiting.close()  # as Python may when nobody holds any of them
    running.close()  # type: ignore[attr-defined]
    assert ended == ["inner", "outer"]
