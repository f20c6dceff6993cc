"""Programs that a fixture scripts, on virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kubesim.images.programs import program_node
from kubesim.images.tree import FileTree, directory_node
from kubesim.images.tree_builder import build_tree
from kubesim.model.program_script import ScriptSpec, encoded_script
from kubesim.userland.applets import APPLETS
from kubesim.userland.files.filesystem import FileSystem
from kubesim.userland.processes.process import Credentials, ExecError
from kubesim.userland.processes.signals import NUMBERS

if TYPE_CHECKING:
    from conftest import Command, World


def tree(script: dict[str, object]) -> FileTree:
    spec = msgspec.convert(script, ScriptSpec)
    return build_tree(
        [
            ("/app", program_node(f"script:{encoded_script(spec)}")),
            *((f"/bin/{name}", program_node(f"busybox:{name}")) for name in APPLETS),
            ("/tmp", directory_node(mode=0o1777)),
        ]
    )


def start(world: World, script: dict[str, object], *argv: str, **options: object) -> Command:
    """Start `/app` (or `argv`) in an image whose /app has the script."""
    files = FileSystem(tree(script), clock=lambda: world.kernel.now_ns)
    return world.start(*(argv or ("/app",)), files=files, **options)  # type: ignore[arg-type]  # options of World.start


def timeline(world: World, command: Command, seconds: int) -> str:
    """What it wrote in each second, one line each, and how it ended."""
    lines = []
    seen = (0, 0)
    for second in range(seconds + 1):
        world.advance(1 if second else 0)
        out, err = b"".join(command.stdout[seen[0] :]), b"".join(command.stderr[seen[1] :])
        seen = len(command.stdout), len(command.stderr)
        parts = [f"{name} {text.decode()!r}" for name, text in (("out", out), ("err", err)) if text]
        if command.code is not None:
            parts.append(f"exit {command.code}")
        if parts:
            lines.append(f"{second:3} {', '.join(parts)}")
        if command.code is not None:
            break
    return "\n".join(lines)


def test_output_at_times_and_an_exit(world: World) -> None:
    command = start(
        world,
        {
            "output": [
                {"line": "ready", "at": "1s"},
                {"line": "tick", "every": "2s", "stream": "stderr", "times": 3},
                {"text": ".", "at": "0s", "every": "4s"},
            ],
            "exitAfter": "8s",
            "exitCode": 3,
        },
    )
    assert (
        timeline(world, command, 20)
        == """\
  0 out '.'
  1 out 'ready\\n'
  2 err 'tick\\n'
  4 out '.', err 'tick\\n'
  6 err 'tick\\n'
  8 out '.', exit 3"""
    )


def test_without_an_exit_it_runs_until_a_signal_and_costs_nothing(world: World) -> None:
    command = start(world, {"signals": {"TERM": {"exitCode": 7}}}, is_init=True)
    world.advance(1)
    assert world.kernel.next_event_ns() is None
    world.advance(10**6)
    assert command.code is None
    command.process.signal(NUMBERS["TERM"])
    world.advance(0)
    assert command.code == 7


def test_signals_have_their_own_time(world: World) -> None:
    command = start(
        world,
        {
            "output": [{"line": "work", "every": "1s"}],
            "signals": {
                "TERM": {
                    "output": [{"line": "draining"}, {"line": "drained", "at": "2s"}],
                    "after": "2s",
                    "exitCode": 0,
                },
                "SIGHUP": {"output": [{"line": "reloaded", "stream": "stderr"}]},
                "INT": "ignore",
            },
        },
        is_init=True,
    )
    world.advance(0.5)
    for name in ("HUP", "INT", "USR1"):  # USR1 has no handler, and this is pid 1
        command.process.signal(NUMBERS[name])
    world.advance(1)
    assert (command.out, command.err) == ("work\n", "reloaded\n")
    command.process.signal(NUMBERS["TERM"])
    world.advance(0.1)
    command.process.signal(NUMBERS["TERM"])  # a second one does not put the end off
    world.advance(1.9)
    assert (command.out, command.code) == ("work\ndraining\ndraining\nwork\nwork\ndrained\n", 0)


def test_one_that_is_not_pid_1_dies_of_a_signal_without_a_handler(world: World) -> None:
    command = start(world, {})
    command.process.signal(NUMBERS["TERM"])
    world.advance(0)
    assert command.code == 143


def test_memory_that_grows_ends_at_the_limit(world: World) -> None:
    command = start(world, {"memory": [{"grow": "10Mi", "every": "1s"}]}, is_init=True, memory_limit_bytes=64 << 20)
    world.advance(6.5)
    assert command.code is None
    world.advance(1)
    assert command.process.status is not None
    assert (command.code, command.process.status.is_oom_killed) == (137, True)


def test_it_takes_on_another_identity_at_its_time(world: World) -> None:
    script = {
        "identity": [{"groups": [9], "gid": 5, "uid": 4, "at": "2s"}],
        "files": [{"path": "/tmp/before", "text": ""}, {"path": "/tmp/after", "text": "", "at": "3s"}],
    }
    command = start(world, script)
    world.advance(1)
    assert command.process.credentials.uid == 0
    world.advance(3)
    who, files = command.process.credentials, command.process.files
    assert (who.uid, who.gid, who.groups) == (4, 5, (9,))
    owners = [(files.stat(path).uid, files.stat(path).gid) for path in ("/tmp/before", "/tmp/after")]
    assert owners == [(0, 0), (4, 5)]


def test_an_identity_that_is_not_allowed_ends_it(world: World) -> None:
    command = start(world, {"identity": [{"uid": 0, "at": "1s"}]}, who=Credentials(uid=4, gid=4))
    world.advance(2)

    assert (command.err, command.code) == ("app: setuid: Operation not permitted\n", 1)


def test_files_come_and_go(world: World) -> None:
    script = {
        "files": [
            {"path": "/tmp/ready", "text": "yes\n", "at": "1s"},
            {"path": "relative", "text": "x", "at": "1s"},
            {"path": "/tmp/ready", "remove": True, "at": "3s"},
        ]
    }
    command = start(world, script, cwd="/tmp")
    assert not command.process.files.exists("/tmp/ready")
    world.advance(1)
    assert command.process.files.read("/tmp/ready") == b"yes\n"
    assert command.process.files.read("/tmp/relative") == b"x"
    world.advance(2)
    assert not command.process.files.exists("/tmp/ready")
    assert command.code is None


def test_a_file_it_may_not_write_ends_it(world: World) -> None:
    script = {"files": [{"path": "/denied", "text": "x", "at": "1s"}]}
    command = start(world, script, who=Credentials(uid=1000, gid=1000))
    world.advance(2)
    assert (command.err, command.code) == ("app: /denied: Permission denied\n", 1)


def test_a_shell_runs_it_like_any_program(world: World) -> None:
    script = {"output": [{"line": "a"}, {"line": "b", "at": "1s"}], "exitAfter": "1s", "exitCode": 4}
    command = start(
        world,
        script,
        "sh",
        "-c",
        "/app | wc -l; /app >/dev/null; echo $?; sh -c 'exec /app' | head -n 1; cp /app /tmp/x; /tmp/x | tail -n 1",
    )
    world.advance(10)
    assert (command.out.split(), command.err, command.code) == (["2", "4", "a", "b"], "", 0)


@pytest.mark.parametrize("text", ["{", '{"output": [{}]}'])
def test_a_script_that_makes_no_sense_is_not_emulated(world: World, text: str) -> None:
    files = FileSystem(build_tree([("/app", program_node(f"script:{text}"))]), clock=lambda: 0)
    with pytest.raises(ExecError) as raised:
        world.start("/app", files=files)
    assert raised.value.kind == "not-emulated"


def test_a_port_takes_connections_from_its_time_on_and_ends_with_the_program(world: World) -> None:
    pod = world.table.network.add_pod("10.88.0.2")
    server = start(world, {"ports": [{"port": 8080, "at": "2s"}], "exitAfter": "10s", "exitCode": 4}, network=pod)
    world.advance(1)
    early = world.sh("nc -z 10.88.0.2 8080", network=pod)
    world.advance(2)
    served = [world.sh("echo hello | nc 10.88.0.2 8080", network=pod) for _ in range(200)]
    world.advance(10)
    late = world.sh("nc -z 10.88.0.2 8080", network=pod)

    assert (early.code, {asked.code for asked in served}, late.code) == (1, {0}, 1)
    assert (server.code, server.out, server.err) == (4, "", "")


def test_a_port_that_is_taken_ends_the_program(world: World) -> None:
    pod = world.table.network.add_pod("10.88.0.2")
    start(world, {"ports": [{"port": 8080}]}, network=pod)
    second = start(world, {"ports": [{"port": 8080}]}, network=pod)
    world.advance(1)

    assert (second.code, second.err) == (1, "app: port 8080: Address already in use\n")
