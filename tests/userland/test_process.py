"""Processes: what can be started, how it ends, which signals reach it, and what goes with it when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.process import BytesFile, Credentials, ExecError, Pipe, Process
from kubesim.userland.processes.signals import NUMBERS

if TYPE_CHECKING:
    from conftest import World

USER = Credentials(uid=1000, gid=3000, groups=(3000, 4000, 50000))
KILL, TERM, INT, HUP, STOP, CONT, CHLD = (
    NUMBERS[name] for name in ("KILL", "TERM", "INT", "HUP", "STOP", "CONT", "CHLD")
)


@pytest.mark.parametrize(
    ("argv0", "kind", "text"),
    [
        ("no-such-cmd", "not-found", 'exec: "no-such-cmd": executable file not found in $PATH'),
        ("/no/such", "no-such-file", 'exec: "/no/such": stat /no/such: no such file or directory'),
        ("/data/plain", "permission-denied", 'exec: "/data/plain": permission denied'),
        ("/data/plain/x", "no-such-file", 'exec: "/data/plain/x": stat /data/plain/x: not a directory'),
        ("/data", "is-a-directory", 'exec: "/data": is a directory'),
        ("/data/binary", "exec-format-error", "exec /data/binary: exec format error"),
        ("strange", "not-emulated", 'exec: "strange": program "nobody-wrote-this" is not emulated'),
        ("", "not-found", 'exec: "": executable file not found in $PATH'),
    ],
)
def test_what_cannot_run_is_refused_in_the_words_of_runc(world: World, argv0: str, kind: str, text: str) -> None:
    with pytest.raises(ExecError) as caught:
        world.start(argv0)

    assert (caught.value.kind, str(caught.value), caught.value.argv0) == (kind, text, caught.value.argv0)
    assert world.table.processes() == []
    assert world.table.cgroup.memory_bytes == 0


def test_the_container_decides_what_its_user_may_execute(world: World) -> None:
    world.files.as_root().set_mode("/bin/true", 0o700)

    assert world.run("true").code == 0
    with pytest.raises(ExecError, match="executable file not found"):
        world.start("true", who=USER)
    with pytest.raises(ExecError, match="permission denied"):
        world.start("/bin/true", who=USER)


def test_a_script_runs_in_its_interpreter(world: World) -> None:
    assert world.run("/data/script", "word").out == "script /data/script word\n"


def test_scripts_that_interpret_each_other_end(world: World) -> None:
    files = world.files.as_root()
    files.write("/a", b"#!/a\n", mode=0o777)

    with pytest.raises(ExecError, match="too many levels of symbolic links"):
        world.start("/a")


def test_the_working_directory_of_a_container_is_made_but_not_that_of_an_exec(world: World) -> None:
    main = world.start("sleep", "infinity", cwd="/new/place", is_init=True)
    world.advance(1)

    assert world.run("pwd", cwd="/new/place", inside=main.process).out == "/new/place\n"
    with pytest.raises(FsError, match="No such file or directory"):
        world.start("pwd", cwd="/not/there", inside=main.process)


def test_home_comes_from_the_containers_passwd_unless_it_is_given(world: World) -> None:
    path = ("PATH", "/bin")
    assert "HOME=/home/user\n" in world.run("env", who=USER).out
    assert "HOME=/given\n" in world.run("env", who=USER, env=(path, ("HOME", "/given"))).out
    assert "HOME=/\n" in world.run("env", who=Credentials(uid=4321, gid=0)).out


def test_home_follows_the_file_when_it_changes(world: World) -> None:
    large = b"".join(b"user%d:x:%d:0::/:/bin/sh\n" % (number, number) for number in range(70_000, 74_000))
    for home in (b"/one", b"/two"):
        for more in (b"", large):
            world.files.as_root().write("/etc/passwd", b"u:x:1000:0::%s:/bin/sh\n" % home + more)
            assert f"HOME={home.decode()}\n" in world.run("env", who=USER).out
    assert world.sh("id -un", who=USER).out == "u\n"


def test_of_a_variable_that_comes_twice_the_last_value_counts(world: World) -> None:
    assert "A=2\n" in world.run("env", env=(("PATH", "/bin"), ("A", "1"), ("A", "2"))).out


def test_an_exit_code_and_a_death_look_alike_only_in_the_code(world: World) -> None:
    exited = world.sh("exit 143")
    killed = world.start("sleep", "100")
    killed.process.signal(TERM)
    world.advance(0)

    assert exited.process.status is not None
    assert (exited.process.status.code, exited.process.status.signal) == (143, None)
    assert killed.process.status is not None
    assert (killed.process.status.code, killed.process.status.signal) == (143, TERM)
    assert not killed.process.status.is_oom_killed


def test_pid_1_is_not_reached_by_signals_it_does_not_handle(world: World) -> None:
    init = world.start("sleep", "100", is_init=True)
    world.advance(1)
    for signum in (TERM, INT, HUP):
        init.process.signal(signum)
    world.advance(1)
    assert init.process.status is None

    init.process.signal(KILL)
    world.advance(0)
    assert init.code == 137


def test_nobody_inside_can_kill_pid_1(world: World) -> None:
    init = world.start("sleep", "100", is_init=True)
    inside = world.run("sh", "-c", "kill -9 1; kill -TERM 1; echo $?", inside=init.process)

    assert inside.out == "0\n"
    assert init.process.status is None


def test_signals_that_are_ignored_by_default_do_nothing(world: World) -> None:
    sleeper = world.start("sleep", "100")
    world.advance(1)
    for name in ("CHLD", "CONT", "URG", "WINCH"):
        sleeper.process.signal(NUMBERS[name])
    sleeper.process.signal(0)
    world.advance(1)

    assert sleeper.process.status is None


def test_a_stopped_process_goes_on_where_it_was(world: World) -> None:
    command = world.start("sh", "-c", "sleep 2; echo done")
    world.advance(1)
    command.process.signal(STOP)
    for child in command.process.children:
        child.signal(STOP)
    world.advance(10)
    assert (command.out, command.code) == ("", None)

    for process in (*command.process.children, command.process):
        process.signal(CONT)
    world.advance(0)
    assert (command.out, command.code) == ("done\n", 0)


def test_signals_wait_for_a_stopped_process_but_for_the_last(world: World) -> None:
    waits, dies = world.start("sleep", "100"), world.start("sleep", "100")
    world.advance(1)
    for command in (waits, dies):
        command.process.signal(STOP)
        command.process.signal(TERM)
    dies.process.signal(KILL)
    world.advance(1)
    assert (waits.code, dies.code) == (None, 137)

    waits.process.signal(CONT)
    world.advance(0)
    assert waits.code == 143


def test_a_signal_before_the_first_step_ends_the_process_all_the_same(world: World) -> None:
    command = world.start("echo", "never")
    command.process.signal(KILL)
    world.advance(0)

    assert (command.code, command.out) == (137, "")
    assert world.table.processes() == []
    assert world.table.cgroup.memory_bytes == 0


def test_signals_after_the_end_do_nothing(world: World) -> None:
    command = world.run("true")
    command.process.signal(KILL)
    command.process.kill_tree()
    world.advance(1)

    assert command.code == 0


def test_pids_are_those_of_the_namespace(world: World) -> None:
    init = world.start("sh", "-c", "echo $$; sleep 100", is_init=True)
    world.advance(1)
    second = world.run("sh", "-c", "echo $$; exit", inside=init.process)
    on_the_host = world.run("sh", "-c", "echo $$; exit")

    assert (init.out, second.out) == ("1\n", "2\n")
    assert int(on_the_host.out) == on_the_host.process.pid == on_the_host.process.host_pid >= 1000
    assert init.process.host_pid != init.process.pid


def test_a_pods_containers_can_share_the_pids_of_its_pause_process(world: World) -> None:
    pause = world.start("/pause", is_init=True)
    one = world.start("sleep", "100", shares_pids_with=pause.process)
    other = world.start("sleep", "100", shares_pids_with=pause.process)
    world.advance(1)
    assert [one.process.pid, other.process.pid] == [2, 3]

    one.process.signal(TERM)
    world.advance(1)
    assert (one.code, other.process.status) == (143, None)


def test_when_pid_1_ends_everything_in_its_namespace_ends(world: World) -> None:
    pause = world.start("/pause", is_init=True)
    container = world.start("sleep", "100", shares_pids_with=pause.process)
    exec_in_it = world.start("sleep", "100", inside=container.process)
    world.advance(1)
    pause.process.signal(TERM)
    world.advance(0)

    assert [pause.code, container.code, exec_in_it.code] == [0, 137, 137]
    assert world.table.processes() == []


def test_when_a_containers_first_process_ends_what_was_executed_in_it_ends(world: World) -> None:
    pause = world.start("/pause", is_init=True)
    main = world.start("sleep", "5", shares_pids_with=pause.process)
    inside = world.start("sh", "-c", "sleep 100; echo no", inside=main.process)
    world.advance(6)

    assert (main.code, inside.code, inside.out) == (0, 137, "")
    assert [process.host_pid for process in world.table.processes()] == [pause.process.host_pid]


def test_kill_tree_takes_all_descendants_at_once(world: World) -> None:
    init = world.start("sleep", "infinity", is_init=True)
    command = world.start("sh", "-c", "(sleep 100; echo a) & sleep 200 | sleep 300; echo b", inside=init.process)
    world.advance(1)
    assert len(world.table.processes()) > 3
    command.process.kill_tree()
    world.advance(0)

    assert (command.code, command.out) == (137, "")
    assert world.table.processes() == [init.process]


def test_an_orphan_goes_to_pid_1_and_lives_on(world: World) -> None:
    init = world.start("sleep", "infinity", is_init=True)
    parent = world.start("sh", "-c", "(sleep 5; echo orphan) & exit 3", inside=init.process)
    world.advance(1)
    assert parent.code == 3
    assert [child.parent_pid for child in init.process.children] == [1]
    world.advance(5)

    assert parent.out == "orphan\n"
    assert init.process.children == []


def test_nothing_starts_in_a_container_that_has_ended(world: World) -> None:
    main = world.run("true", is_init=True)

    with pytest.raises(ExecError, match=r"^cannot exec in a stopped container$") as caught:
        world.start("true", inside=main.process)
    assert caught.value.kind == "stopped"


def test_growing_over_the_limit_is_an_oom_kill(world: World) -> None:
    limit = 16 * 1024 * 1024
    command = world.sh("sleep 1; exec tail /dev/zero", is_init=True, memory_limit_bytes=limit)

    assert command.process.status is not None
    assert (command.code, command.process.status.is_oom_killed) == (137, True)
    assert command.process.cgroup.oom_kills_count == 1
    assert 1.0 < (world.kernel.now_ns - world.kernel.start_ns) / 1e9 < 2.0
    assert world.table.cgroup.memory_bytes == 0


def test_the_largest_process_of_the_container_is_the_victim(world: World) -> None:
    limit = 16 * 1024 * 1024
    script = "tail /dev/zero; echo survived $?"
    command = world.sh(script, is_init=True, memory_limit_bytes=limit)

    assert (command.out, command.err, command.code) == ("survived 137\n", "Killed\n", 0)
    assert command.process.cgroup.oom_kills_count == 1


def test_an_oom_group_dies_as_a_whole(world: World) -> None:
    limit = 16 * 1024 * 1024
    script = "tail /dev/zero; echo no"
    command = world.sh(script, is_init=True, memory_limit_bytes=limit, is_oom_group=True)

    assert (command.code, command.out) == (137, "")
    assert command.process.status is not None
    assert command.process.status.is_oom_killed


def test_without_a_limit_the_node_is_the_limit(world: World) -> None:
    bystander = world.start("sleep", "infinity")
    command = world.run("tail", "/dev/zero")

    assert command.code == 137
    assert bystander.process.status is None


def test_stdin_is_empty_unless_something_is_given(world: World) -> None:
    assert world.run("cat").code == 0
    assert world.run("cat", stdin=BytesFile(b"given")).out == "given"


def test_a_reader_waits_for_a_pipe_until_the_writer_closes_it(world: World) -> None:
    reader, writer = Pipe().ends()
    writer.hold()
    command = world.start("cat", stdin=reader)
    writer.write_now(b"one\n")
    world.advance(1)
    assert (command.out, command.code) == ("one\n", None)

    writer.write_now(b"two\n")
    writer.release()
    world.advance(0)
    assert (command.out, command.code) == ("one\ntwo\n", 0)


def test_a_pipe_is_bounded_and_tells_the_writer_when_nobody_reads() -> None:
    reader, writer = Pipe(bytes_max=4).ends()
    reader.hold()
    assert writer.write_now(b"abcdef") == b"ef"
    assert writer.write_now(b"ef") == b"ef"
    assert reader.read_now(3) == b"abc"
    assert writer.write_now(b"ef") is None
    assert reader.read_now(9) == b"def"
    assert reader.read_now(9) is None
    reader.release()

    with pytest.raises(FsError, match="Broken pipe"):
        writer.write_now(b"x")


def test_a_program_that_fails_by_our_own_mistake_is_not_silent_and_leaves_nothing(world: World) -> None:
    async def broken(process: Process) -> int:
        raise KeyError(process.name)

    world.table.programs = {**world.table.programs, "nobody-wrote-this": broken}
    command = world.start("strange")

    with pytest.raises(KeyError):
        world.advance(1)
    assert command.code == 139
    assert world.table.processes() == []


def test_sleeping_costs_one_event_however_long(world: World) -> None:
    for _ in range(100):
        world.start("sleep", "infinity", is_init=True)
    world.advance(1)
    before = world.kernel.events_fired
    world.advance(3600)

    assert world.kernel.events_fired == before


def test_proc_shows_the_processes_of_the_namespace(world: World) -> None:
    init = world.start("sleep", "infinity", is_init=True)
    world.advance(1)
    listed = world.run("ls", "/proc", inside=init.process)
    cmdline = world.run("cat", "/proc/1/cmdline", inside=init.process)
    own = world.run("cat", "/proc/self/status", inside=init.process, who=USER)

    assert [name for name in listed.out.split() if name.isdecimal()] == ["1", "2"]
    assert {"filesystems", "mounts", "self", "sys", "version"} <= set(listed.out.split())
    assert cmdline.out == "sleep\0infinity\0"
    assert "Name:\tcat\n" in own.out
    assert "Uid:\t1000\t1000\t1000\t1000\nGid:\t3000\t3000\t3000\t3000\n" in own.out
    assert "Groups:\t3000 4000 50000 \n" in own.out
    assert "Pid:\t4\nPPid:\t0\n" in own.out


def test_a_script_is_read_where_the_process_stands(world: World) -> None:
    assert world.sh("cd /data && ./script a && cd /tmp && ../data/script b").out == (
        "script ./script a\nscript ../data/script b\n"
    )
