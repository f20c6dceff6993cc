"""What a seccomp filter and the lack of a capability do to the calls of programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.capabilities import capability_mask
from kubesim.policy.seccomp import parse_filter
from kubesim.userland.files.credentials import ROOT, Credentials
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.system_calls import set_group, set_groups, set_user

if TYPE_CHECKING:
    from conftest import World

USER = Credentials(uid=1000, gid=1000)
CONTAINER = replace(ROOT, capabilities=capability_mask(["CAP_KILL", "CAP_DAC_OVERRIDE"]))


def denying(*calls: str, action: str = "SCMP_ACT_ERRNO", **more: Any) -> Credentials:
    rules = [{"names": list(calls), "action": action, **more}]
    return replace(ROOT, seccomp=parse_filter({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))


@pytest.mark.parametrize(
    ("call", "do"),
    [
        ("mkdir", lambda files: files.make_directory("/new")),
        ("symlink", lambda files: files.make_link("/new", "x")),
        ("mknod", lambda files: files.make_fifo("/new")),
        ("link", lambda files: files.link("/etc/passwd", "/new")),
        ("unlink", lambda files: files.remove_file("/etc/passwd")),
        ("rmdir", lambda files: files.remove_directory("/home/user")),
        ("rename", lambda files: files.rename("/etc/passwd", "/new")),
        ("chmod", lambda files: files.set_mode("/etc", 0o700)),
        ("chown", lambda files: files.set_owner("/etc", 1, 1)),
        ("lchown", lambda files: files.set_owner("/etc", 1, 1, follow_last=False)),
        ("utimensat", lambda files: files.set_times("/etc", mtime_ns=1)),
        ("mount", lambda files: files.mount_bind("/etc", "/tmp")),
    ],
)
def test_a_filter_refuses_calls_with_its_errno_and_leaves_all_as_it_was(world: World, call: str, do: Any) -> None:
    for number, name in ((None, "EPERM"), (13, "EACCES"), (38, "ENOSYS")):
        more = {} if number is None else {"errnoRet": number}
        with pytest.raises(FsError) as caught:
            do(world.files.view(denying(call, **more)))
        assert caught.value.errno_name == name
    do(world.files.view(denying(call, errnoRet=0)))  # said to have succeeded, and does nothing
    assert not world.files.as_root().exists("/new")
    assert world.files.as_root().stat("/etc/passwd").uid == 0
    do(world.files.view(denying("other")))


def test_programs_say_what_the_filter_says(world: World) -> None:
    command = world.run("mkdir", "/new", who=denying("mkdir"))
    assert (command.err, command.code) == ("mkdir: can't create directory '/new': Operation not permitted\n", 1)


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_a_filter_that_kills_does_so_with_sigsys(world: World, action: str) -> None:
    killed = world.run("mkdir", "/new", who=denying("mkdir", action=action), is_init=True)
    assert killed.process.status is not None
    assert (killed.code, killed.process.status.signal) == (159, 31)
    assert world.sh("mkdir /new; echo $?", who=denying("mkdir", action=action)).out == "159\n"
    assert not world.files.as_root().exists("/new")


def test_a_filter_goes_on_to_children_and_does_not_hold_other_calls(world: World) -> None:
    command = world.sh("(sh -c 'kill -0 $$; echo $?; touch /new && echo made')", who=denying("kill"))
    assert command.out == "1\nmade\n"


@pytest.mark.parametrize(
    ("who", "name", "err"),
    [
        (CONTAINER, "other", "hostname: sethostname: Operation not permitted\n"),
        (USER, "other", "hostname: sethostname: Operation not permitted\n"),
        (ROOT, "x" * 65, "hostname: sethostname: Invalid argument\n"),
        (denying("sethostname"), "other", "hostname: sethostname: Operation not permitted\n"),
    ],
)
def test_who_may_not_set_the_hostname(world: World, who: Credentials, name: str, err: str) -> None:
    command = world.sh(f"hostname {name} || hostname", who=who)
    assert (command.out, command.err) == ("pod-0\n", err)


def test_a_uts_namespace_has_one_name_for_all_of_its_processes(world: World) -> None:
    first = world.start("sleep", "100")
    other = world.run("hostname", "renamed.example", inside=first.process)
    shown = world.sh("hostname; hostname -s; uname -n; cat /proc/sys/kernel/hostname", inside=first.process)

    assert (other.code, other.err) == (0, "")
    assert shown.out == "renamed.example\nrenamed\nrenamed.example\nrenamed.example\n"
    assert world.run("hostname").out == "pod-0\n"


def test_hostname_looks_itself_up_in_hosts(world: World) -> None:
    assert world.run("hostname", "-f").err == "hostname: pod-0: Unknown host\n"
    hosts = b"127.0.0.1 localhost\nfe80::1 pod-0\n10.1.2.3\tpod-0.svc.cluster.local\tpod-0 # own\n10.1.2.4 pod-0\n"
    world.files.as_root().write("/etc/hosts", hosts)

    script = "hostname -f; hostname -i; hostname -d; hostname -sf; hostname -si"
    assert world.sh(script).out == (
        "pod-0.svc.cluster.local\n10.1.2.3 10.1.2.4 \nsvc.cluster.local\npod-0.svc.cluster.local\npod-0\n"
    )


def test_hostname_takes_its_name_from_a_file(world: World) -> None:
    world.files.as_root().write("/name", b"# a comment\nfirst\n\nlast # of all\n")
    assert world.sh("hostname -F /name; hostname").out == "last\n"
    assert world.run("hostname", "-F", "/none").err == "hostname: can't open '/none': No such file or directory\n"
    assert world.run("hostname", "-F", "/name", who=USER).err == "hostname: sethostname: Operation not permitted\n"


def test_a_program_that_tells_whom_it_runs_as(world: World) -> None:
    from kubesim.images.fixtures import load_catalogue
    from kubesim.userland.files.filesystem import FileSystem

    image = load_catalogue([]).find("registry.k8s.io/e2e-test-images/nonewprivs:1.3")
    assert image is not None
    files = FileSystem(image.tree, clock=lambda: 0)
    path = "/usr/local/bin/nnp"
    assert world.run(path, files=files, who=USER).out == "Effective uid: 0\n"
    assert world.run(path, files=files, who=replace(USER, no_new_privileges=True)).out == "Effective uid: 1000\n"


@pytest.mark.parametrize(
    ("call", "do"),
    [
        ("setuid", lambda process: set_user(process, 5)),
        ("setgid", lambda process: set_group(process, 5)),
        ("setgroups", lambda process: set_groups(process, (5,))),
    ],
)
def test_identities_are_refused_by_a_filter_and_without_the_capability(world: World, call: str, do: Any) -> None:
    for who, name in ((denying(call, errnoRet=38), "ENOSYS"), (USER, "EPERM")):
        process = world.start("sleep", "100", who=who).process
        world.advance(0)
        with pytest.raises(FsError) as caught:
            do(process)
        assert caught.value.errno_name == name
        assert process.credentials == who
    silent = world.start("sleep", "100", who=denying(call, errnoRet=0)).process
    world.advance(0)
    do(silent)
    assert silent.credentials.uid == silent.credentials.gid == 0


def test_a_process_takes_on_another_identity(world: World) -> None:
    process = world.start("sleep", "100", who=ROOT).process
    world.advance(0)
    set_groups(process, (7, 5))
    set_group(process, 5)
    set_user(process, 5)

    assert (process.credentials.uid, process.credentials.gid, process.credentials.groups) == (5, 5, (5, 7))
    with pytest.raises(FsError, match="setuid"):
        set_user(process, 0)
