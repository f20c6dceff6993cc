"""No line is lost or doubled: rotation at random instants, and many commands at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.cri import api
from kubesim.runtime.container_log import ContainerLog, LogFormat
from kubesim.runtime.profiles import load_profile
from kubesim.userland.files.host_files import HostFiles, MemoryHostFiles

PROFILES = ("containerd-2.3", "cri-o-1.36")
PIECES = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(max_size=40)),
        st.tuples(st.sampled_from(["stdout", "stderr"]), st.integers(8_000, 40_000).map(lambda size: b"x" * size)),
        st.just(("rotate", b"")),
    ),
    max_size=30,
)


def replayed(files: HostFiles, profile: str, pieces: list[tuple[str, bytes]], directory: str) -> dict[str, bytes]:
    """Write and rotate; what a reader of all the files in order puts together, by stream."""
    path = f"{directory}/0.log"
    log = ContainerLog(files, path, LogFormat.of(load_profile(profile).logs), lambda: 1_714_557_600_000_000_000)
    log.open()
    rotated: list[tuple[str, bytes | None]] = []
    for stream, data in pieces:
        if stream == "rotate":
            files.rename(path, f"{path}.{len(rotated)}")
            log.open()
            assert files.read(path) == b"", "the new file is there at once"
            rotated.append((f"{path}.{len(rotated)}", files.read(f"{path}.{len(rotated)}")))
        else:
            (log.stdout if stream == "stdout" else log.stderr)(data)
    log.end()
    for name, content in rotated:
        assert files.read(name) == content, "an old file gets nothing more"
    joined = {"stdout": b"", "stderr": b""}
    for name in [*(name for name, _ in rotated), path]:
        content = files.read(name)
        assert content is not None
        for line in content.split(b"\n")[:-1]:
            _, stream_name, tag, text = line.split(b" ", 3)
            assert len(text) <= 16384
            joined[stream_name.decode()] += text + (b"\n" if tag == b"F" else b"")
    return joined


def written(pieces: list[tuple[str, bytes]]) -> dict[str, bytes]:
    """What a reader should find."""
    return {name: b"".join(data for stream, data in pieces if stream == name) for name in ("stdout", "stderr")}


@pytest.mark.parametrize("profile", PROFILES)
@given(pieces=PIECES)
@settings(deadline=None, max_examples=60)
def test_rotation_loses_and_doubles_nothing(profile: str, pieces: list[tuple[str, bytes]]) -> None:
    # containerd takes a CR before a LF away
    pieces = [(stream, data.replace(b"\r", b"")) for stream, data in pieces]
    assert replayed(MemoryHostFiles(), profile, pieces, "/logs") == written(pieces)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_loop_in_a_container_is_logged_whole_through_rotations(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    config = node.pod_config(log_directory="/logs")
    script = "i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); sleep 0.01; done"
    ctr = node.start(node.run_pod(config), "sh", "-c", script, log_path="0.log", pod_config=config)
    names = []
    for turn in range(7):
        node.advance(0.237)
        node.files.rename("/logs/0.log", f"/logs/0.log.{turn}")
        names.append(f"/logs/0.log.{turn}")
        node.do(node.cri.reopen_container_log(api.ReopenContainerLogRequest(container_id=ctr)))
    node.advance(10)
    text = b"".join(node.files.read(name) for name in [*names, "/logs/0.log"])
    assert [int(line.split(b" ")[3]) for line in text.splitlines()] == list(range(200))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_thousand_commands_at_once(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "100000")
    endless = node.spawn(node.execing(ctr, "sleep", "90000"))
    tasks = [node.spawn(node.execing(ctr, "sh", "-c", f"echo {number}; exit {number % 5}")) for number in range(1000)]
    node.advance(60)
    answers = [task.result() for task in tasks]
    assert [(answer.stdout, answer.exit_code) for answer in answers] == [
        (f"{number}\n".encode(), number % 5) for number in range(1000)
    ]
    assert not endless.is_done


@pytest.mark.parametrize("profile", PROFILES)
def test_stopping_the_container_ends_a_command_in_it(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    ctr = node.start(node.run_pod(), "sleep", "100000")
    hook = node.spawn(node.execing(ctr, "sleep", "5000"))
    node.advance(1)
    node.do(node.stopping(ctr, 2))
    node.advance(0)
    assert hook.is_done
    assert hook.result().exit_code == 137
