"""/proc: sysctls, and what the status of a process says of its privileges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubesim.policy.capabilities import ALL_CAPABILITIES, capability_mask
from kubesim.userland.files.credentials import SECCOMP_FILTER
from kubesim.userland.files.proc import Namespaces
from kubesim.userland.processes.process import Credentials

if TYPE_CHECKING:
    from conftest import World


def status_of(world: World, who: Credentials) -> dict[str, str]:
    shown = world.run("cat", "/proc/self/status", who=who).out
    return dict(line.split(":\t", 1) for line in shown.splitlines())


def test_sysctls_are_files(world: World) -> None:
    sysctls = {"kernel.shm_rmid_forced": "1", "net.ipv4.conf.eno2/100.rp_filter": "2"}
    files = world.container(namespaces=Namespaces(sysctls=sysctls))

    def read(path: str) -> str:
        return world.run("cat", f"/proc/sys/{path}", files=files).out

    assert read("kernel/shm_rmid_forced") == "1\n"
    assert read("kernel/shmmni") == "4096\n"
    assert read("net/ipv4/ip_local_port_range") == "32768\t60999\n"
    assert read("net/ipv4/conf/eno2.100/rp_filter") == "2\n"
    assert read("kernel/hostname") == "pod-0\n"
    assert world.run("ls", "/proc/sys", files=files).out.split() == ["fs", "kernel", "net", "vm"]
    assert world.run("ls", "/proc/sys/net/ipv4/conf", files=files).out == "eno2.100\n"
    missing = world.run("cat", "/proc/sys/kernel/nothing", files=files)
    assert "No such file or directory" in missing.err


def test_sysctls_cannot_be_written(world: World) -> None:
    written = world.run("sh", "-c", "echo 1 > /proc/sys/kernel/shm_rmid_forced")

    assert (written.code, written.err) == (
        1,
        "sh: can't create /proc/sys/kernel/shm_rmid_forced: Read-only file system\n",
    )


def test_root_has_the_capabilities_of_its_bounding_set(world: World) -> None:
    status = status_of(world, Credentials(uid=0, gid=0, capabilities=capability_mask(["CAP_CHOWN", "CAP_KILL"])))

    assert (status["CapBnd"], status["CapEff"], status["CapPrm"]) == ("0000000000000021",) * 3
    assert (status["CapInh"], status["CapAmb"]) == ("0000000000000000",) * 2
    assert (status["NoNewPrivs"], status["Seccomp"], status["Seccomp_filters"]) == ("0", "0", "0")


def test_other_users_have_no_capability_whatever_the_bounding_set(world: World) -> None:
    status = status_of(world, Credentials(uid=1000, gid=1000, seccomp_mode=SECCOMP_FILTER, no_new_privileges=True))

    assert int(status["CapBnd"], 16) == ALL_CAPABILITIES
    assert (status["CapEff"], status["CapPrm"]) == ("0000000000000000",) * 2
    assert (status["NoNewPrivs"], status["Seccomp"], status["Seccomp_filters"]) == ("1", "2", "1")


def test_a_shell_says_when_what_it_found_cannot_be_executed(world: World) -> None:
    files = world.container(masked_paths=["/bin/ls"])

    refused = world.run("/bin/sh", "-c", "ls", files=files)
    assert (refused.err, refused.code) == ("/bin/sh: ls: Permission denied\n", 126)
    missing = world.run("/bin/sh", "-c", "nothing", files=files)
    assert (missing.err, missing.code) == ("/bin/sh: nothing: not found\n", 127)
    env = (("PATH", "/bin:/usr/bin"),)
    assert world.run("/bin/sh", "-c", "PATH=/etc/passwd; ls", files=files, env=env).code == 127


def test_id_maps_are_those_of_the_user_namespace(world: World) -> None:
    own = world.container(namespaces=Namespaces(uids=((0, 1000, 65536),), gids=((0, 2000, 65536),)))

    assert world.run("cat", "/proc/self/uid_map").out == "         0          0 4294967295\n"
    assert world.run("cat", "/proc/self/uid_map", files=own).out == "         0       1000      65536\n"
    assert world.run("cat", "/proc/self/gid_map", files=own).out == "         0       2000      65536\n"
