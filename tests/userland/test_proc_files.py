"""/proc, /sys/fs/cgroup and /dev as programs read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.userland.files.cgroup_files import CgroupSettings
from kubesim.userland.files.filesystem import TmpfsSource
from kubesim.userland.files.proc import Namespaces
from kubesim.userland.processes.process import Credentials

if TYPE_CHECKING:
    from conftest import World

USER = Credentials(uid=1000, gid=3000, groups=(3000,))


def test_each_process_shows_itself(world: World) -> None:
    world.advance(10)
    shell = world.start("sh", "-c", "cd /tmp; trap : USR1; trap '' HUP; while :; do sleep 1; done", is_init=True)
    world.advance(1)

    def read(name: str) -> str:
        return world.run("cat", f"/proc/1/{name}", inside=shell.process).out

    stat = read("stat").split()
    status = dict(line.split(":\t", 1) for line in read("status").splitlines())
    assert (stat[:4], len(stat)) == (["1", "(sh)", "S", "0"], 52)
    assert stat[21] == "1000"  # ten seconds after the node began
    assert (status["SigIgn"], status["SigCgt"]) == (f"{1 << 0:016x}", f"{1 << 9:016x}")
    assert (status["State"], status["Umask"]) == ("S (sleeping)", "0022")
    assert read("cgroup") == "0::/\n"
    assert read("oom_score_adj") == "0\n"
    assert read("statm").split()[1] == "128"
    links = world.sh("readlink /proc/1/cwd; readlink /proc/1/exe; readlink /proc/1/root", inside=shell.process)
    assert links.out == "/tmp\n/bin/sh\n/\n" or "readlink: not found" in links.err
    assert "State:\tR (running)\n" in world.run("cat", "/proc/self/status").out


def test_limits_are_those_that_ulimit_shows(world: World) -> None:
    shown = world.sh("ulimit -n 512; cat /proc/self/limits").out

    assert "Max open files            512                  512                  files     \n" in shown
    assert "Max stack size            8388608              unlimited            bytes     \n" in shown


def test_a_user_reads_the_own_environment_and_nobody_elses(world: World) -> None:
    own = world.run("cat", "/proc/self/environ", who=USER)
    root = world.start("sleep", "100")
    other = world.run("cat", f"/proc/{root.process.pid}/environ", who=USER)

    assert "PATH=/bin" in own.out
    assert (other.code, other.err) == (
        1,
        f"cat: can't open '/proc/{root.process.pid}/environ': Permission denied\n",
    )


def test_no_security_module_gives_a_label(world: World) -> None:
    shown = world.run("cat", "/proc/self/attr/current")

    assert (shown.code, shown.err) == (1, "cat: read error: Invalid argument\n")


def test_descriptors_are_links_that_lead_to_what_is_open(world: World) -> None:
    world.sh("echo kept > /tmp/f")
    shown = world.sh("exec 5</tmp/f; rm /tmp/f; cat /proc/self/fd/5; cat /dev/fd/5; ls -l /proc/self/fd")

    assert shown.out.startswith("kept\n")
    assert " 5 -> /tmp/f\n" in shown.out
    assert "lrwx------" in shown.out


def test_the_machine(world: World) -> None:
    world.advance(90)

    def read(name: str) -> str:
        return world.run("cat", f"/proc/{name}").out

    assert read("uptime") == "90.00 180.00\n"
    assert "MemTotal:        4194304 kB\n" in read("meminfo")
    assert read("cpuinfo").count("processor\t: ") == 2
    assert read("stat").startswith("cpu  0 0 0 18000 ")
    assert read("loadavg").startswith("0.00 0.00 0.00 1/")
    assert "nodev\tcgroup2\n" in read("filesystems")


def test_the_mount_table_is_the_same_wherever_it_is_read(world: World) -> None:
    files = world.container(mounts=[])
    files.as_root().make_directory("/with blank")
    files.as_root().mount_tmpfs("/with blank", TmpfsSource(size_bytes=1 << 20), flags=("nosuid",))
    mounts = world.run("cat", "/proc/mounts", files=files).out.splitlines()
    mountinfo = world.run("cat", "/proc/self/mountinfo", files=files).out.splitlines()

    assert mounts[0] == "overlay / overlay rw,relatime 0 0"
    assert mounts[-1] == "tmpfs /with\\040blank tmpfs rw,nosuid,size=1024k 0 0"
    assert [line.split()[4] for line in mountinfo] == [line.split()[1] for line in mounts]
    assert mountinfo[-1].split()[5:] == ["rw,nosuid", "-", "tmpfs", "tmpfs", "rw,size=1024k"]
    assert world.run("cat", "/proc/self/mounts", files=files).out.splitlines() == mounts


def test_the_control_group_shows_limits_and_use(world: World) -> None:
    settings = [CgroupSettings(cpu_quota_us=50_000, memory_max_bytes=1 << 26, swap_max_bytes=0, cpus="0")]
    files = world.container(cgroup=lambda: settings[-1])
    first = world.start("sleep", "infinity", files=files, is_init=True, memory_limit_bytes=1 << 26)

    def read(name: str) -> str:
        return world.run("cat", f"/sys/fs/cgroup/{name}", files=files, inside=first.process).out

    assert (read("memory.max"), read("memory.swap.max"), read("cpu.max")) == ("67108864\n", "0\n", "50000 100000\n")
    assert (read("cpuset.cpus"), read("cpuset.cpus.effective"), read("pids.max")) == ("0\n", "0\n", "max\n")
    assert read("cgroup.procs").split()[0] == "1"
    assert read("memory.current") == "1048576\n"  # sleep and cat
    assert "oom_kill 0\n" in read("memory.events")
    settings.append(CgroupSettings())
    assert (read("memory.max"), read("cpu.max")) == ("max\n", "max 100000\n")
    refused = world.sh("echo 1 > /sys/fs/cgroup/memory.max", files=files, inside=first.process)
    assert "Read-only file system" in refused.err


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("echo gone > /dev/null; cat /dev/null", ""),
        ("head -c 3 /dev/zero | wc -c", "3\n"),
        ("echo x > /dev/full; echo $?", "1\n"),
        ("head -c 5 /dev/urandom | wc -c; head -c 5 /dev/random | wc -c", "5\n5\n"),
        ("echo in | cat /dev/stdin", "in\n"),
        ("echo out > /dev/stdout", "out\n"),
        ("echo 1 > /dev/shm/f; cat /dev/shm/f; ls -d /dev/mqueue", "1\n/dev/mqueue\n"),
        ("ls -l /dev/null /dev/zero | cut -c1-10", "crw-rw-rw-\ncrw-rw-rw-\n"),
    ],
)
def test_devices(world: World, script: str, out: str) -> None:
    assert world.sh(script).out == out


def test_directories_of_dev_are_each_containers_own(world: World) -> None:
    one, other = world.container(), world.container()
    world.sh("echo 1 > /dev/mqueue/q; rm -r /dev/shm", files=one)

    assert world.run("ls", "/dev/mqueue", files=other).out == ""
    assert "shm" in world.run("ls", "/dev", files=other).out
    assert "shm" not in world.run("ls", "/dev", files=one).out


def test_oom_score_of_the_container(world: World) -> None:
    files = world.container(namespaces=Namespaces(oom_score_adj=-998))

    assert world.run("cat", "/proc/self/oom_score_adj", files=files).out == "-998\n"
    assert world.run("cat", "/proc/self/oom_score", files=files).out == "1\n"
