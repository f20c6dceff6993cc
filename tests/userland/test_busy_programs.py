"""Programs that never rest: how much of the kernel's attention they get, counted in events, and what bounds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.userland.processes.cgroup import PIDS_MAX

if TYPE_CHECKING:
    from conftest import World

EVENTS_MAX = 30_000
"""Of ten seconds: a few hundred ticks without a charge, some of them with a child's whole life, and what follows."""


@pytest.mark.parametrize(
    "script",
    [
        "while :; do :; done",
        "while :; do sh -c : & done",
        "while :; do (:); done",
        "f() { f; }; while :; do (f); done",
        "while :; do echo y; done | cat | cat >/dev/null",
        "while :; do i=0; while [ $i -lt 500 ]; do i=$((i+1)); done; sleep 0.001; done",
        "seq 1 1000000000 >/dev/null",
    ],
)
def test_a_program_that_never_rests_is_slowed_down(world: World, script: str) -> None:
    world.start("sh", "-c", script)
    before = world.kernel.events_fired
    world.advance(10)

    assert world.kernel.events_fired - before < EVENTS_MAX
    assert world.table.processes(), "it still runs"


def test_a_child_goes_on_with_the_account_of_its_parent(world: World) -> None:
    """Each generation makes the next and ends: none of them computes for long, all of them together do."""
    world.start("sh", "-c", "f() { (f) & }; f; while :; do sleep 1; done")
    before = world.kernel.events_fired
    world.advance(10)

    assert world.kernel.events_fired - before < EVENTS_MAX


def test_little_work_between_long_naps_costs_no_time(world: World) -> None:
    script = "n=0; while [ $n -lt 20 ]; do n=$((n+1)); i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; sleep 1; done"
    command = world.start("sh", "-c", script)
    world.advance(20)

    assert command.code == 0


def test_a_container_has_so_many_processes_and_no_more(world: World) -> None:
    script = f"i=0; while [ $i -lt {PIDS_MAX} ]; do sleep 100000 & i=$((i+1)); done; echo all"
    command = world.start("sh", "-c", script)
    other = world.start("sh", "-c", "sleep 5; echo fine")
    world.advance(50_000)

    assert command.code == 2
    assert command.out == ""
    assert command.err == "sh: can't fork: Resource temporarily unavailable\n"
    assert (other.out, other.code) == ("fine\n", 0)


def test_a_value_that_doubles_without_end_ends_the_shell(world: World) -> None:
    command = world.start("sh", "-c", "a=x; while :; do a=$a$a; done")
    world.advance(10)

    assert command.code == 2
    assert "out of memory" in command.err


def test_reading_zeros_without_end_does_not_stop_the_world(world: World) -> None:
    world.start("sh", "-c", "read x < /dev/zero")
    other = world.start("sh", "-c", "sleep 1; echo fine")
    world.advance(2)

    assert other.out == "fine\n"


def test_parameters_that_double_without_end_end_the_shell(world: World) -> None:
    command = world.sh('set -- a; while :; do set -- "$@" "$@"; done; echo no')

    assert (command.code, command.out, command.err) == (2, "", "sh: out of memory\n")
