"""A container's log while somebody renames, deletes or fills what is below it; in memory and on a real disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from kubesim.kernel import Kernel
from kubesim.runtime.container_log import ContainerLog, LogFormat
from kubesim.runtime.profiles import load_profile
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.host_files import HostFiles, MemoryHostFiles, RealHostFiles

MakeLog = Callable[[str], tuple[ContainerLog, HostFiles, str]]


@pytest.fixture(params=["memory", "disk"])
def make_log(request: pytest.FixtureRequest, tmp_path: Path) -> MakeLog:
    """Opens the log of a container in a dialect; gives the files of the node and the path too."""

    def make(profile: str) -> tuple[ContainerLog, HostFiles, str]:
        kernel = Kernel()
        files: HostFiles = RealHostFiles() if request.param == "disk" else MemoryHostFiles(now_ns=lambda: kernel.now_ns)
        path = f"{tmp_path if request.param == 'disk' else ''}/pod/ctr/0.log"
        log = ContainerLog(files, path, LogFormat.of(load_profile(profile).logs), lambda: kernel.now_ns)
        log.open()
        return log, files, path

    return make


def lines(files: HostFiles, path: str) -> list[str] | None:
    """What the lines of a log say; None when there is no such file."""
    content = files.read(path)
    return None if content is None else [line.split(" ", 3)[3] for line in content.decode().splitlines()]


@pytest.mark.parametrize("profile", ["containerd-2.3", "cri-o-1.36"])
def test_lines_follow_the_renamed_file_until_the_log_is_reopened(make_log: MakeLog, profile: str) -> None:
    log, files, path = make_log(profile)
    log.stdout(b"one\n")
    files.rename(path, f"{path}.20260101-000000")
    log.stdout(b"two\n")
    assert lines(files, path) is None
    log.reopen()
    assert lines(files, path) == []
    log.stdout(b"three\n")
    assert lines(files, f"{path}.20260101-000000") == ["one", "two"]
    assert lines(files, path) == ["three"]


def test_a_rename_back_after_a_failed_reopening_loses_nothing(make_log: MakeLog) -> None:
    log, files, path = make_log("containerd-2.3")
    log.stdout(b"one\n")
    files.rename(path, f"{path}.old")
    log.stdout(b"two\n")
    files.rename(f"{path}.old", path)
    log.stdout(b"three\n")
    assert lines(files, path) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("profile", "kept"), [("containerd-2.3", ["one", "two"]), ("cri-o-1.36", ["two"])], ids=["appends", "begins anew"]
)
def test_reopening_what_nobody_moved(make_log: MakeLog, profile: str, kept: list[str]) -> None:
    log, files, path = make_log(profile)
    log.stdout(b"one\n")
    log.reopen()
    log.stdout(b"two\n")
    assert lines(files, path) == kept


def test_a_deleted_log_comes_back_with_the_reopening_only(make_log: MakeLog) -> None:
    log, files, path = make_log("containerd-2.3")
    files.remove(path)
    log.stdout(b"nobody reads this\n")
    assert lines(files, path) is None
    log.reopen()
    log.stdout(b"back\n")
    assert lines(files, path) == ["back"]


def test_a_directory_that_is_gone_is_said_once_and_hurts_nobody(
    make_log: MakeLog, caplog: pytest.LogCaptureFixture
) -> None:
    log, files, path = make_log("containerd-2.3")
    files.remove(path.rpartition("/")[0])
    with caplog.at_level(logging.WARNING):
        log.stdout(b"one\n")
        log.stderr(b"two")
        log.end()
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: what a container prints is lost: No such file or directory"
    ]


def test_a_full_disk_is_nothing_that_the_process_sees(
    make_log: MakeLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, files, path = make_log("containerd-2.3")
    log.stdout(b"before\n")
    with monkeypatch.context() as full, caplog.at_level(logging.WARNING):

        def refuse(*_: object, **__: object) -> None:
            raise FsError("ENOSPC")

        full.setattr(type(files.open(path)), "write_at", refuse)
        log.stdout(b"lost\n")
    log.stdout(b"after\n")
    assert lines(files, path) == ["before", "after"]
    assert "No space left on device" in caplog.text
