"""agnhost's subcommands that need no network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.image_programs.agnhost_mounttest import go_mode
from kubesim.userland.processes.process import Credentials

if TYPE_CHECKING:
    from conftest import World


def test_entrypoint_tester_prints_all_it_was_given(world: World) -> None:
    command = world.run("/agnhost", "entrypoint-tester", "a b", "--x")
    assert (command.out, command.err, command.code) == ("[/agnhost entrypoint-tester a b --x]\n", "", 0)


@pytest.mark.parametrize(
    ("flags", "out", "code"),
    [
        (["--fs_type=/etc"], 'mount type of "/etc": 2035054128\n', 0),
        (["--fs_type", "/none"], 'error from statfs("/none"): no such file or directory\n', 1),
        (["--file_mode=/tmp"], 'mode of file "/tmp": dtrwxrwxrwx\n', 0),
        (["--file_mode=/etc/secret"], 'mode of file "/etc/secret": -rw-------\n', 0),
        (["--file_mode=/none"], 'error from Stat("/none"): stat /none: no such file or directory\n', 1),
        (["--file_perm=/root"], 'perms of file "/root": -rwx------\n', 0),
        (["--file_owner=/home/user"], 'owner UID of "/home/user": 1000\nowner GID of "/home/user": 1000\n', 0),
        (["--file_content=/data/plain"], 'content of file "/data/plain": text\n\n', 0),
        (
            ["--file_content=/none"],
            'error reading file content for "/none": open /none: no such file or directory\n',
            1,
        ),
        (
            ["--file_perm=/tmp/f", "--new_file_0660=/tmp/f"],
            'content of file "/tmp/f": mount-tester new file\n\nperms of file "/tmp/f": -rw-rw----\n',
            0,
        ),
        (
            ["--new_file_0777=/tmp/f", "--file_perm=/tmp/f"],
            'content of file "/tmp/f": mount-tester new file\n\nperms of file "/tmp/f": -rwxrwxrwx\n',
            0,
        ),
        (
            ["--new_file_0644=/denied", "--file_perm=/tmp"],
            'error writing new file "/denied": open /denied: permission denied\nperms of file "/tmp": -rwxrwxrwx\n',
            1,
        ),
        ([], "", 0),
    ],
)
def test_mounttest(world: World, flags: list[str], out: str, code: int) -> None:
    who = Credentials(uid=1000, gid=1000) if "--new_file_0644=/denied" in flags else Credentials(uid=0, gid=0)
    command = world.run("/agnhost", "mounttest", *flags, who=who)
    assert (command.out, command.err, command.code) == (out, "", code)


def test_mounttest_waits_for_content(world: World) -> None:
    command = world.start("/agnhost", "mounttest", "--file_content_in_loop=/tmp/f", "--retry_time=10")
    world.advance(1)
    assert command.out == "Error reading file /tmp/f: open /tmp/f: no such file or directory, retrying\n"
    world.run("/agnhost", "mounttest", "--new_file_0644=/tmp/f", seconds=0)
    world.advance(1)
    assert (command.out.splitlines()[1], command.code) == ('content of file "/tmp/f": mount-tester new file', 0)


def test_mounttest_gives_up(world: World) -> None:
    command = world.start("/agnhost", "mounttest", "--file_content_in_loop=/none", "--retry_time=4")
    world.advance(3.9)
    assert command.code is None
    world.advance(0.2)
    assert (command.out.count("retrying"), command.code) == (2, 1)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["mounttest", "--fs_typ=/"], "unknown flag: --fs_typ"),
        (["mounttest", "--fs_type"], "flag needs an argument: --fs_type"),
        (["mounttest", "-x"], "unknown shorthand flag: 'x' in -x"),
        (
            ["mounttest", "--retry_time=x"],
            'invalid argument "x" for "--retry_time" flag: strconv.ParseInt: parsing "x": invalid syntax',
        ),
        (
            ["serve-hostname", "--tcp=maybe"],
            'invalid argument "maybe" for "--tcp" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (
            ["netexec", "--http-port", "web"],
            'invalid argument "web" for "--http-port" flag: strconv.ParseInt: parsing "web": invalid syntax',
        ),
        (
            ["test-webserver", "--port=+-1"],
            'invalid argument "+-1" for "--port" flag: strconv.ParseInt: parsing "+-1": invalid syntax',
        ),
        (["netexec", "--", "x"], 'unknown command "x"'),
        (["connect", "--", "-x", "y"], "accepts 1 arg(s), received 2"),
        (
            ["logs-generator", "-d", "5"],
            'invalid argument "5" for "-d, --run-duration" flag: time: missing unit in duration "5"',
        ),
    ],
)
def test_a_wrong_flag_is_refused_in_the_words_of_pflag(world: World, words: list[str], error: str) -> None:
    command = world.run("/agnhost", *words)
    assert (command.err, command.code) == (f"Error: {error}\n", 1)


def test_logs_generator_writes_its_lines_evenly(world: World) -> None:
    command = world.start("/agnhost", "logs-generator", "--log-lines-total=4", "-d8s", is_init=True)
    world.advance(3)
    assert command.err.count("\n") == 2
    world.advance(4.9)
    assert command.err.count("\n") == 4
    assert world.table.processes() == [command.process]  # a tick goes by after the last line too
    world.advance(0.2)
    assert (command.out, command.code) == ("", 0)
    for number, line in enumerate(command.err.splitlines()):
        form = (
            rf"I\d{{4}} \d\d:\d\d:\d\d\.\d{{6}}       1 logs_generator\.go:76\] {number} (GET|POST|PUT) "
            r"/api/v1/namespaces/(kube-system|default|ns)/pods/[b-z2-9]{3,4} [2-5]\d\d"
        )
        assert re.fullmatch(form, line), line


def test_logs_generator_needs_a_number_and_a_time(world: World) -> None:
    command = world.run("/agnhost", "logs-generator", "-t", "0")
    assert command.err.endswith("logs_generator.go:64] Invalid total number of lines: 0\n")
    assert command.code == 255
    assert world.run("/agnhost", "logs-generator", "-t", "1").err.endswith(":68] Invalid duration: 0s\n")


@pytest.mark.parametrize(
    ("kind", "mode", "text"),
    [
        (FileKind.FILE, 0o644, "-rw-r--r--"),
        (FileKind.FILE, 0o4755, "urwxr-xr-x"),
        (FileKind.DIRECTORY, 0o1777, "dtrwxrwxrwx"),
        (FileKind.DIRECTORY, 0o2775, "dgrwxrwxr-x"),
        (FileKind.DEVICE, 0o666, "Dcrw-rw-rw-"),
        (FileKind.FIFO, 0o600, "prw-------"),
    ],
)
def test_a_mode_as_go_prints_it(kind: FileKind, mode: int, text: str) -> None:
    assert go_mode(kind, mode) == text
