"""Programs that look at processes, and what they may do with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.model.frozen_records import replace
from kubesim.userland.applets.procps.ps import short_size
from kubesim.userland.files.credentials import CAP_KILL, Credentials
from kubesim.userland.files.proc import Namespaces
from kubesim.userland.files.proc_sysvipc import HEADERS

if TYPE_CHECKING:
    from conftest import World

USER = Credentials(uid=1000, gid=1000)


def test_ps_shows_the_pid_namespace(world: World) -> None:
    main = world.start("sleep", "100", is_init=True)
    world.start("sleep", "77", inside=main.process, who=USER)
    world.start("sleep", "55", is_init=True)

    assert world.run("ps", inside=main.process).out == (
        "PID   USER     TIME  COMMAND\n"
        "    1 root      0:00 sleep 100\n"
        "    2 user-def  0:00 sleep 77\n"
        "    3 root      0:00 ps\n"
    )


def test_ps_prints_the_columns_that_are_asked_for(world: World) -> None:
    main = world.start("sh", "-c", "sleep 3700; true", is_init=True)
    world.advance(3665)

    asked = "pid,ppid,ruser,user,group,comm,stat,nice,rss,etime,args"
    assert world.run("ps", "-o", asked, inside=main.process).out.splitlines() == [
        "PID   PPID  RUSER    USER     GROUP    COMMAND          STAT NI    RSS  ELAPSED COMMAND",
        "    1     0 root     root     root     sh               S        0  512   1h01  sh -c sleep 3700; true",
        "    2     1 root     root     root     sleep            S        0  512   1h01  sleep 3700",
        f"    3     0 root     root     root     ps               R        0  512   0m00  ps -o {asked}",
    ]
    assert world.run("ps", "-o", "pid=,comm=WHAT", inside=main.process).code == 0
    assert world.run("ps", "-o", "comm=", inside=main.process).out == "sh\nsleep\nps\n"
    assert world.run("ps", "-o", "pid", "-o", "comm=WHAT", inside=main.process).out.startswith("PID   WHAT\n    1 sh\n")


@pytest.mark.parametrize(
    ("size_kib", "text"), [(0, "0"), (9999, "9999"), (10240, "10m"), (9_999_999, "9765m"), (99_999_999, "95g")]
)
def test_sizes_have_four_characters(size_kib: int, text: str) -> None:
    shown = short_size(size_kib)
    assert shown == text if len(text) <= 4 else len(shown) <= 4


def test_who_may_kill_whom(world: World) -> None:
    main = world.start("sleep", "100", is_init=True)
    world.start("sleep", "1000", inside=main.process, who=USER)
    world.start("sleep", "1000", inside=main.process)

    refused = world.run("kill", "2", "3", inside=main.process, who=USER)
    assert (refused.err, refused.code) == ("kill: can't kill pid 3: Operation not permitted\n", 1)
    assert world.run("kill", "3", inside=main.process, who=replace(USER, ambient_capabilities=CAP_KILL)).code == 0
    assert world.run("pgrep", "sleep", inside=main.process).out == "1\n"


def test_killall_and_pkill_take_names(world: World) -> None:
    main = world.start("sleep", "100", is_init=True)
    for words in (("sleep", "1"), ("tail", "-f", "/dev/null"), ("cat", "/dev/zero")):
        world.start("sh", "-c", f"trap 'exit 9' USR1; {' '.join(words)} > /dev/null & wait", inside=main.process)
    world.advance(0)

    assert world.run("pgrep", "-l", "tail", inside=main.process).code == 0
    assert world.run("pkill", "-USR1", "-f", "trap.*tail", inside=main.process).code == 0
    assert world.run("killall", "-9", "cat", inside=main.process).code == 0
    assert world.run("pkill", "nobody-is-called-so", inside=main.process).code == 1
    assert world.run("pgrep", "cat", inside=main.process).code == 1


def test_pgrep_selects_by_parent(world: World) -> None:
    main = world.start("sh", "-c", "sleep 100 & sleep 100 & wait", is_init=True)
    world.start("sleep", "100", inside=main.process)
    world.advance(0)

    assert world.run("pgrep", "-P", "1", inside=main.process).out == "3\n4\n"
    assert world.run("pgrep", "-P", "x", inside=main.process).err == "pgrep: invalid number 'x'\n"
    assert world.run("pgrep", "-a", "-o", "sleep", inside=main.process).out == "2 sleep 100\n"


def test_top_prints_a_screen_each_few_seconds_and_ends_after_so_many(world: World) -> None:
    main = world.start("sleep", "100", is_init=True)
    batch = world.run("top", "-b", "-n", "2", "-d", "3", inside=main.process)
    screens = batch.out.split("Mem: ")[1:]

    assert (len(screens), batch.code) == (2, 0)
    assert screens[0].splitlines()[3:] == [
        "  PID  PPID USER     STAT   VSZ %VSZ CPU %CPU COMMAND",
        "    1     0 root     S      512   0%   0   0% sleep 100",
        "    2     0 root     R      512   0%   0   0% top -b -n 2 -d 3",
    ]
    endless = world.start("top")
    world.advance(11)
    assert (endless.out.count("Load average"), endless.code) == (3, None)


def test_memory_and_time_of_the_node(world: World) -> None:
    lines = world.run("free", "-m").out.splitlines()
    assert lines[1] == "Mem:           4096           0        4095           0           0        4095"
    assert lines[2] == "Swap:             0           0           0"
    world.advance(3600 * 25 + 61)
    assert world.run("uptime").out.endswith(" up 1 day,  1:01,  0 users,  load average: 0.00, 0.00, 0.00\n")


def test_timeout_becomes_the_program_and_its_alarm_ends_with_it(world: World) -> None:
    timed = world.start("timeout", "5", "sleep", "100", is_init=False)
    world.advance(1)
    assert timed.process.argv == ["sleep", "100"]
    world.advance(5)
    assert timed.code == 143
    assert world.run("timeout", "30", "true").code == 0
    assert world.kernel.now_ns < 30 * 1_000_000_000 + world.kernel.start_ns


def test_nohup_makes_its_program_deaf_to_hangup(world: World) -> None:
    command = world.start("nohup", "sleep", "10")
    world.advance(1)
    command.process.signal(1)
    world.advance(10)
    assert (command.code, command.err) == (0, "")
    assert world.run("nohup", "no-such").err == "nohup: can't execute 'no-such': No such file or directory\n"


def test_dd_tells_how_much_it_copied_and_holds_its_block_in_memory(world: World) -> None:
    copied = world.run("dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=3")
    assert copied.err.startswith("3+0 records in\n3+0 records out\n3145728 bytes (3.0MB) copied, ")

    killed = world.run("sh", "-c", "dd if=/dev/zero of=/dev/null bs=20M; true", memory_limit_bytes=15 << 20)
    assert killed.process.cgroup.oom_kills_count == 1
    main = world.run("sh", "-c", "dd if=/dev/zero of=/dev/null bs=20M", memory_limit_bytes=15 << 20)
    assert (main.code, main.process.status is not None and main.process.status.is_oom_killed) == (137, True)


def test_dd_says_how_far_it_is(world: World) -> None:
    command = world.start("sh", "-c", "sleep 2 | dd of=/dev/null status=noxfer & dd=$!; sleep 1; pkill -USR1 dd; wait")
    world.advance(5)
    assert command.err == "0+0 records in\n0+0 records out\n" * 2


def test_dd_passes_over_what_cannot_be_read(world: World) -> None:
    command = world.run("dd", "if=/etc", "count=2", "bs=4", "conv=noerror,sync", "of=/padded", "status=noxfer")
    assert command.err == "dd: /etc: Is a directory\n" * 2 + "0+2 records in\n2+0 records out\n"
    assert world.files.as_root().read("/padded") == bytes(8)


def test_a_limit_below_what_is_used_kills_until_it_is_kept(world: World) -> None:
    main = world.start("sleep", "100", is_init=True, memory_limit_bytes=64 << 20)
    others = [world.start("sleep", "100", inside=main.process) for _ in range(3)]
    main.process.cgroup.set_limit(1 << 20)
    world.advance(1)

    assert [other.code for other in others] == [None, 137, 137]
    assert main.process.cgroup.oom_kills_count == 2
    main.process.cgroup.set_limit(None)
    world.advance(1)
    assert main.process.status is None


def test_nproc_counts_processors(world: World) -> None:
    assert world.sh("nproc; nproc --all; nproc --ignore=1; nproc --ignore=9").out == "2\n2\n1\n1\n"
    assert world.run("nproc", "--ignore=x").err == "nproc: invalid number 'x'\n"


def test_ipcs_shows_the_objects_of_its_ipc_namespace(world: World) -> None:
    row = b"  45262267          7  1644               1048576 28496     0      2  1000     0  1000     0 0 0 0 0 0\n"
    tables = {"shm": HEADERS["shm"] + row}
    node = world.container(namespaces=Namespaces(read_node_ipc=lambda name: tables.get(name, b"")))

    header = "key        shmid      owner      perms      bytes      nattch     status      \n"
    assert world.run("ipcs", "-m").out == f"\n------ Shared Memory Segments --------\n{header}\n"
    assert world.run("ipcs", "-m", files=node).out == (
        f"\n------ Shared Memory Segments --------\n{header}"
        "0x02b2a5bb 7          user-defin 644        1048576    2          dest         \n\n"
    )
    assert world.run("ipcs").out.count("--------") == 3
    assert world.run("cat", "/proc/sysvipc/msg").out == HEADERS["msg"].decode()
