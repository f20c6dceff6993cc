"""The shell on virtual time: traps, waiting, the commands of recorded pods, and loops without an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.userland.files.filesystem import HostSource, MountSpec, TreeSource
from kubesim.userland.files.host_files import MemoryHostFiles
from kubesim.userland.processes.process import Pipe
from kubesim.userland.processes.signals import NUMBERS

if TYPE_CHECKING:
    from conftest import World

TERM, KILL = NUMBERS["TERM"], NUMBERS["KILL"]
LOOP = 'trap "exit 0" TERM; while true; do sleep 1; done'


def test_a_trap_runs_when_the_command_in_the_foreground_has_ended(world: World) -> None:
    command = world.start("sh", "-c", LOOP, is_init=True)
    world.advance(10.25)
    command.process.signal(TERM)
    world.advance(0.7)
    assert command.code is None

    world.advance(0.1)
    assert command.code == 0
    assert world.table.processes() == []


def test_an_ignored_signal_is_ignored_by_children_too(world: World) -> None:
    command = world.start("sh", "-c", 'trap "" TERM; while true; do sleep 1; done', is_init=True)
    world.advance(5.5)
    command.process.signal(TERM)
    for child in command.process.children:
        child.signal(TERM)
    world.advance(10)
    assert command.code is None

    command.process.signal(KILL)
    world.advance(0)
    assert command.code == 137


def test_a_shell_without_a_trap_is_deaf_as_pid_1_and_dies_elsewhere(world: World) -> None:
    init = world.start("sh", "-c", "sleep 100; true", is_init=True)
    other = world.start("sh", "-c", "sleep 100; true")
    world.advance(1)
    init.process.signal(TERM)
    other.process.signal(TERM)
    world.advance(1)

    assert (init.code, other.code) == (None, 143)


def test_wait_is_interrupted_at_once(world: World) -> None:
    command = world.start("sh", "-c", 'trap "echo now; exit 4" TERM; sleep 100 & wait', is_init=True)
    world.advance(3)
    command.process.signal(TERM)
    world.advance(0)

    assert (command.out, command.code) == ("now\n", 4)


def test_the_last_command_takes_the_place_of_the_shell(world: World) -> None:
    command = world.start("sh", "-c", "true; sleep 5")
    world.advance(1)
    assert [process.name for process in world.table.processes()] == ["sleep"]
    world.advance(5)

    assert command.code == 0


def test_with_a_trap_the_shell_stays(world: World) -> None:
    world.start("sh", "-c", 'trap "echo x" TERM; sleep 5')
    world.advance(1)

    assert [process.name for process in world.table.processes()] == ["sh", "sleep"]


def test_the_commands_of_the_recorded_pods(world: World) -> None:
    host = MemoryHostFiles()
    host.make_dirs("/d")
    host.write("/log", b"")
    mounts = [
        MountSpec(destination="/d", source=HostSource(files=host, path="/d")),
        MountSpec(destination="/dev/termination-log", source=HostSource(files=host, path="/log")),
    ]

    def run(script: str, *words: str, is_root_read_only: bool = False) -> tuple[int | None, bytes | None]:
        host.write("/log", b"")
        files = world.container(is_root_read_only=is_root_read_only, mounts=mounts)
        return world.run("sh", "-c", script, *words, files=files, is_init=True).code, host.read("/log")

    count = "echo x >> /d/n; sleep 1; [ $(wc -l < /d/n) -ge 3 ] && exit 9; exit 5"
    once = "test -e /d/x && exit 0; touch /d/x; sleep 1; exit 4"
    assert [run(count)[0] for _ in range(4)] == [5, 5, 9, 9]
    assert [run(once)[0] for _ in range(2)] == [4, 0]
    assert run("id > /dev/termination-log; sleep 3; exit 0") == (0, b"uid=0(root) gid=0(root)\n")
    assert run('echo "$0|$1|$2" > /dev/termination-log', "a", "$(A)") == (0, b"a|$(A)|\n")
    assert run("touch /x 2> /dev/termination-log; exit $?", is_root_read_only=True) == (
        1,
        b"touch: /x: Read-only file system\n",
    )
    assert run("cat /v > /dev/termination-log 2>&1; sleep 3") == (
        0,
        b"cat: can't open '/v': No such file or directory\n",
    )
    assert run("echo $$ > /dev/termination-log; sleep 3") == (0, b"1\n")


def test_two_hundred_lines_of_log(world: World) -> None:
    script = "i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo line-$i-abcdefghijklmnopqrstuvwxyz; done; exit 1"
    command = world.sh(script, is_init=True)

    assert command.code == 1
    assert command.out == "".join(f"line-{number}-abcdefghijklmnopqrstuvwxyz\n" for number in range(1, 201))


def test_an_image_volume_reads_and_refuses(world: World) -> None:
    from kubesim.images.tree import file_node
    from kubesim.images.tree_builder import build_tree

    volume = build_tree([("/dir/file", file_node(b"1")), ("/file", file_node(b"2"))])
    files = world.container(mounts=[MountSpec(destination="/volume", source=TreeSource(tree=volume))])
    command = world.sh("ls /volume; cat /volume/file; cat /volume/dir/file; touch /volume/x", files=files)

    assert (command.out, command.err) == ("dir\nfile\n21", "touch: /volume/x: Read-only file system\n")


@pytest.mark.parametrize(
    "script", ["while :; do :; done", "while true; do false; done", "f() { f2; }; f2() { :; }; while f; do f; done"]
)
def test_a_loop_without_end_neither_stops_the_world_nor_its_time(world: World, script: str) -> None:
    command = world.start("sh", "-c", script, is_init=True)
    sleeper = world.run("sleep", "30")
    before = world.kernel.events_fired
    world.advance(3600)

    assert sleeper.code == 0
    assert command.code is None
    assert world.kernel.events_fired - before < 50_000


def test_a_busy_loop_hears_a_signal_at_once(world: World) -> None:
    command = world.start("sh", "-c", 'trap "exit 5" TERM; while :; do :; done', is_init=True)
    world.advance(1000.5)
    command.process.signal(TERM)
    world.advance(0)

    assert command.code == 5


def test_an_hour_of_the_usual_loop_is_a_few_events_a_second(world: World) -> None:
    world.start("sh", "-c", LOOP, is_init=True)
    world.advance(1)
    before = world.kernel.events_fired
    world.advance(3600)

    assert world.kernel.events_fired - before <= 4 * 3600


def test_a_pipeline_ends_when_its_reader_does(world: World) -> None:
    command = world.sh("while echo y; do :; done | head -n 2; echo $?")

    assert (command.out, command.err) == ("y\ny\n0\n", "")
    assert world.table.processes() == []


def test_a_writer_waits_for_its_reader(world: World) -> None:
    command = world.start("sh", "-c", "seq 100000 | (sleep 5; wc -l)")
    world.advance(4)
    assert command.out == ""
    world.advance(2)

    assert command.out == "100000\n"


def test_substitution_waits_for_all_who_hold_its_output(world: World) -> None:
    command = world.start("sh", "-c", 'x=$(echo a; sleep 3 & echo b); echo "$x"; date +%s')
    world.advance(10)

    assert command.out == f"a\nb\n{world.kernel.start_ns // 1_000_000_000 + 3}\n"


def test_commands_on_stdin_run_as_they_arrive(world: World) -> None:
    reader, writer = Pipe().ends()
    writer.hold()
    command = world.start("/bin/sh", stdin=reader)
    world.advance(1)
    writer.write_now(b"echo -n hello\n")
    world.advance(1)
    assert command.out == "hello"
    writer.write_now(b"if true\nthen echo")
    world.advance(1)
    writer.write_now(b" x\nfi\nexit 6\necho no\n")
    world.advance(1)

    assert (command.out, command.code) == ("hellox\n", 6)


def test_read_gives_up_after_its_time(world: World) -> None:
    reader, writer = Pipe().ends()
    writer.hold()
    command = world.run("sh", "-c", "read -t 2 x; echo $?; date +%s", stdin=reader)

    assert command.out == f"1\n{world.kernel.start_ns // 1_000_000_000 + 2}\n"


def test_too_much_recursion_is_a_stack_overflow(world: World) -> None:
    command = world.sh("f() { f; }; f; echo no")

    assert (command.code, command.out) == (139, "")
    assert world.sh("""x='eval "$x"'; eval "$x"; echo no""").code == 139


def test_kill_reaches_the_group_and_everybody_else(world: World) -> None:
    assert world.sh("trap 'echo term' TERM; kill 0; echo end").out == "term\nend\n"
    assert world.sh("trap 'echo term' TERM; env kill 0; echo end").err == "Terminated\n"  # the applet is in it too
    assert world.sh("sleep 9 & sleep 9 & kill -9 -1; wait; echo $?").out == "0\n"
    assert world.sh("sleep 9 & kill -STOP $!; sleep 1; kill -9 $!; wait $!; echo $?").out == "137\n"


def test_jobs_without_a_terminal_have_numbers_but_no_groups(world: World) -> None:
    command = world.sh("sleep 1 & jobs; wait %1; jobs; fg")
    assert command.out == "[1]+  Running                    \n[1]+  Done                       \n"
    assert command.err == "sh: fg: line 0: No current job\n"
    assert world.sh("sleep 1 & fg").err == "sh: fg: line 0: job (null) not created under job control\n"


def test_a_user_sends_signals_to_its_own_processes_only(world: World) -> None:
    from kubesim.userland.processes.process import Credentials

    init = world.start("sleep", "infinity", is_init=True)
    world.advance(1)
    command = world.run("sh", "-c", "kill 1", inside=init.process, who=Credentials(uid=1000, gid=1000))

    assert (command.err, command.code) == ("sh: can't kill pid 1: Operation not permitted\n", 1)


def test_a_substitution_without_end_runs_out_of_memory(world: World) -> None:
    command = world.sh("x=$(cat /dev/zero); echo no", seconds=100_000)

    assert (command.out, command.err, command.code) == ("", "sh: out of memory\n", 2)
