"""Programs of images: who says what, and who waits for which signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.images.programs import PROGRAMS as PROGRAMS_OF_IMAGES
from kubesim.userland.processes.process import BytesFile, Credentials
from kubesim.userland.processes.signals import NUMBERS
from kubesim.userland.programs import PROGRAMS

if TYPE_CHECKING:
    from conftest import World

USER = Credentials(uid=1000, gid=3000, groups=(50000, 3000, 4000))


def test_every_program_an_image_can_name_is_there() -> None:
    assert set(PROGRAMS) >= PROGRAMS_OF_IMAGES


@pytest.mark.parametrize(
    ("argv", "who", "out"),
    [
        (
            ["id"],
            USER,
            "uid=1000(user-defined-in-image) gid=3000 groups=3000,4000,50000(group-defined-in-image)\n",
        ),
        (["plain-id"], USER, "uid=1000 gid=3000 groups=3000,4000,50000\n"),
        (["plain-id"], Credentials(uid=1000, gid=3000, groups=(3000, 4000)), "uid=1000 gid=3000 groups=3000,4000\n"),
        (["plain-id"], Credentials(uid=0, gid=0), "uid=0 gid=0\n"),
        (["plain-id", "-u"], USER, "1000\n"),
        (["plain-id", "-G"], USER, "3000 4000 50000\n"),
        (["id"], Credentials(uid=0, gid=0, groups=(0,)), "uid=0(root) gid=0(root) groups=0(root)\n"),
        (["id"], Credentials(uid=77, gid=78), "uid=77 gid=78\n"),
        (["id", "-u"], USER, "1000\n"),
        (["id", "-g"], USER, "3000\n"),
        (["id", "-G"], USER, "3000 4000 50000\n"),
        (["id", "-G"], Credentials(uid=1000, gid=3000, groups=(4000,)), "3000 4000\n"),
        (["id", "-nu"], USER, "user-defined-in-image\n"),
        (["id", "-un", "nobody"], USER, "nobody\n"),
        (["id", "user-defined-in-image"], USER, None),
        (["whoami"], USER, "user-defined-in-image\n"),
    ],
)
def test_identity_is_printed_as_the_containers_files_know_it(
    world: World, argv: list[str], who: Credentials, out: str | None
) -> None:
    expected = (
        "uid=1000(user-defined-in-image) gid=1000(user-defined-in-image) "
        "groups=1000(user-defined-in-image),50000(group-defined-in-image)\n"
    )
    command = world.run(*argv, who=who)

    assert (command.out, command.err, command.code) == (expected if out is None else out, "", 0)


def test_a_number_without_a_name_is_said_to_have_none(world: World) -> None:
    assert world.run("id", "-gn", who=USER).err == "id: unknown ID 3000\n"
    assert world.run("whoami", who=Credentials(uid=77, gid=0)).err == "whoami: unknown uid 77\n"
    assert world.run("groups", who=USER).out == "3000 4000 group-defined-in-image\n"
    assert world.run("id", "nosuch").err == "id: unknown user nosuch\n"


@pytest.mark.parametrize(
    ("argv", "signal", "code"),
    [
        (["/pause"], "TERM", 0),
        (["/pause"], "INT", 0),
        (["/echoserver"], "TERM", 0),
        (["/echoserver"], "QUIT", 0),
        (["/agnhost", "pause"], "TERM", 0),
        (["top"], "KILL", 137),
        (["sh"], "TERM", 0),
    ],
)
def test_programs_that_wait_end_as_pid_1(world: World, argv: list[str], signal: str, code: int) -> None:
    command = world.start(*argv, is_init=True)
    world.advance(3600)
    command.process.signal(NUMBERS[signal])
    world.advance(0)

    assert command.code == code


def test_top_runs_until_a_signal_where_it_is_not_pid_1(world: World) -> None:
    command = world.start("top")
    world.advance(3600)
    assert command.code is None
    command.process.signal(NUMBERS["TERM"])
    world.advance(0)

    assert command.code == 143


def test_agnhost_names_what_it_has(world: World) -> None:
    paused = world.start("/agnhost", "pause")
    world.advance(1)
    paused.process.signal(NUMBERS["TERM"])
    world.advance(0)
    other = world.run("/agnhost", "inclusterclient")

    assert paused.out == "Paused\nUnpaused\n"
    there = (
        "connect, entrypoint-tester, grpc-health-checking, liveness, logs-generator, mounttest, netexec, pause, "
        "porter, serve-hostname, tcp-reset, test-webserver"
    )
    assert (other.err, other.code) == (f'agnhost: subcommand "inclusterclient" is not emulated; there is {there}\n', 1)


@pytest.mark.parametrize(
    ("argv", "out", "err", "code"),
    [
        (["busybox", "echo", "hi"], "hi\n", "", 0),
        (["busybox", "false"], "", "", 1),
        (["busybox", "nosuch"], "", "nosuch: applet not found\n", 127),
        (["busybox", "sh", "-c", "exit 3"], "", "", 3),
        (["hostname"], "pod-0\n", "", 0),
        (["uname", "-n"], "pod-0\n", "", 0),
        (["date"], "Thu Jan  1 00:00:00 UTC 2026\n", "", 0),
        (["date", "+%s %F %T"], "1767225600 2026-01-01 00:00:00\n", "", 0),
        (["cat", "/etc/secret"], "s3cret\n", "", 0),
        (["ls", "/data"], "binary\nlink\nplain\nscript\n", "", 0),
        (["ls", "-l", "/data/link"], "lrwxrwxrwx    1 root     root            10 Jan  1  1970 /data/link -> ", "", 0),
        (["ls", "-d", "-l", "/tmp"], "drwxrwxrwt    2 root     root          4096 Jan  1  1970 /tmp\n", "", 0),
        (["sh"], "", "", 0),
        (["sh", "/nope"], "", "sh: can't open '/nope': No such file or directory\n", 2),
    ],
)
def test_single_commands(world: World, argv: list[str], out: str, err: str, code: int) -> None:
    command = world.run(*argv)

    assert command.out.startswith(out) if out else command.out == ""
    assert (command.err, command.code) == (err, code)


def test_a_full_output_is_a_write_error(world: World) -> None:
    assert world.sh("ls / > /dev/full").err == "ls: write error: No space left on device\n"
    assert world.sh("echo x > /dev/full; echo $?").err == "sh: write error: No space left on device\n"


def test_wrong_options_show_the_usage(world: World) -> None:
    command = world.run("cat", "-Q")

    assert command.code == 1
    assert command.err.startswith("cat: invalid option -- 'Q'\nBusyBox ")
    assert command.err.endswith("multi-call binary.\n\nUsage: cat [-nbvteA] [FILE]...\n")


def test_random_bytes_are_the_same_in_every_run(world: World) -> None:
    world.sh("head -c 8 /dev/urandom > /tmp/r")
    other = type(world)()
    other.sh("head -c 8 /dev/urandom > /tmp/r")

    drawn = world.files.as_root().read("/tmp/r")
    assert len(drawn) == 8
    assert drawn == other.files.as_root().read("/tmp/r")


def test_tail_follows_what_is_added(world: World) -> None:
    world.files.as_root().write("/tmp/log", b"old\n")
    follower = world.start("tail", "-f", "/tmp/log")
    world.advance(2)
    world.sh("echo new >> /tmp/log")
    world.advance(2)

    assert (follower.out, follower.code) == ("old\nnew\n", None)


@pytest.mark.parametrize(
    ("script", "out", "code"),
    [
        ("pgrep sleep", "2\n", 0),
        ("pgrep -l sle", "2 sleep\n", 0),
        ("pgrep -x sle", "", 1),
        ("pgrep -f 'sleep inf'", "1\n2\n3\n", 0),
        ("pgrep -n -f inf", "3\n", 0),
        ("pgrep -o -f inf", "1\n", 0),
        ("pgrep nothing", "", 1),
        ("pgrep -v sleep", "1\n3\n", 0),
        ("pidof sleep", "2\n", 0),
        ("pidof sh sleep", "3 1 2\n", 0),
        ("pidof -s sh", "3\n", 0),
        ("pidof -o 3 sh", "1\n", 0),
        ("pidof nothing '||' true", "", 1),
    ],
)
def test_processes_are_found_by_name(world: World, script: str, out: str, code: int) -> None:
    init = world.start("sh", "-c", "sleep infinity & wait", is_init=True)
    world.advance(1)
    shell = world.start("sh", "-c", f"{script}; exit $?  # sleep inf", inside=init.process)
    world.advance(2)

    assert (shell.out, shell.code) == (out, code)


@pytest.mark.parametrize(
    ("words", "out", "err", "code"),
    [
        (["b"], "bob\nabba\n", "", 0),
        (["-n", "bb"], "3:abba\n", "", 0),
        (["-c", "a"], "2\n", "", 0),
        (["-v", "b"], "alice\n", "", 0),
        (["-q", "bob"], "", "", 0),
        (["-q", "carol"], "", "", 1),
        (["-i", "ALICE"], "alice\n", "", 0),
        (["-x", "ab"], "", "", 1),
        (["-o", "[ab]b*"], "a\nb\nb\nabb\na\n", "", 0),
        (["-E", "^(a|x)l+"], "alice\n", "", 0),
        (["-F", "b*"], "", "", 1),
        (["-w", "bob"], "bob\n", "", 0),
        (["-e", "alice", "-e", "bob"], "alice\nbob\n", "", 0),
        (["[x"], "", "grep: bad regex '[x'\n", 2),
    ],
)
def test_grep_selects_lines(world: World, words: list[str], out: str, err: str, code: int) -> None:
    command = world.run("grep", *words, stdin=BytesFile(b"alice\nbob\nabba"))

    assert (command.out, command.err, command.code) == (out, err, code)


def test_sync_has_nothing_to_do(world: World) -> None:
    assert world.run("sync").code == 0
    assert world.run("sync", "/etc/passwd").code == 0
    missing = world.run("sync", "/none")
    assert (missing.err, missing.code) == ("sync: can't open '/none': No such file or directory\n", 1)


def test_grep_names_its_files(world: World) -> None:
    world.files.as_root().write("/a", b"one\ntwo\n")
    world.files.as_root().write("/b", b"two\n")

    assert world.run("grep", "two", "/a", "/b").out == "/a:two\n/b:two\n"
    assert world.run("grep", "-h", "two", "/a", "/b").out == "two\ntwo\n"
    assert world.run("grep", "-l", "one", "/a", "/b").out == "/a\n"
    assert world.run("grep", "-L", "one", "/a", "/b").out == "/b\n"
    assert world.run("grep", "-H", "-c", "two", "/a").out == "/a:1\n"
    missing = world.run("grep", "one", "/none", "/a")
    assert (missing.out, missing.err, missing.code) == ("/a:one\n", "grep: /none: No such file or directory\n", 2)
    assert world.run("grep", "-s", "one", "/none").err == ""
