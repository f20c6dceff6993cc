"""Log lines in the CRI format: how each runtime cuts and stamps them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.runtime.container_log import ContainerLog, LogFormat, timestamp
from kubesim.runtime.profiles import load_profile
from kubesim.userland.files.host_files import MemoryHostFiles

CONTAINERD_FORMAT = LogFormat.of(load_profile("containerd-2.3").logs)
CONMON_FORMAT = LogFormat.of(load_profile("cri-o-1.36").logs)
PATH = "/var/log/pods/ns_pod_uid/ctr/0.log"
NOW_NS = 1_714_557_600_123_450_000  # 2024-05-01T10:00:00.12345Z


class CountingFiles(MemoryHostFiles):
    """Host files that remember each append: a log line must never be seen in halves."""

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[bytes] = []

    def append(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self.appends.append(data)
        super().append(path, data, mode)


def lines_of(data: list[tuple[str, bytes]], log_format: LogFormat = CONTAINERD_FORMAT) -> list[str]:
    """The lines of a log without their timestamps."""
    files = CountingFiles()
    log = ContainerLog(files, PATH, log_format, lambda: NOW_NS)
    log.open()
    for stream, piece in data:
        (log.stdout if stream == "stdout" else log.stderr)(piece)
    log.end()
    content = files.read(PATH)
    assert content is not None
    lines = content.decode().split("\n")
    assert lines.pop() == ""
    assert all(append.endswith(b"\n") for append in files.appends if append)
    assert len([append for append in files.appends if append]) <= len(data) + 2, (
        "one append for each write, and the ends"
    )
    return [line.partition(" ")[2] for line in lines]


@pytest.mark.parametrize(
    ("time_ns", "containerd", "conmon"),
    [
        (NOW_NS, "2024-05-01T10:00:00.12345Z", "2024-05-01T10:00:00.123450000+00:00"),
        (1_714_557_600_000_000_000, "2024-05-01T10:00:00Z", "2024-05-01T10:00:00.000000000+00:00"),
        (1_714_557_600_000_000_001, "2024-05-01T10:00:00.000000001Z", "2024-05-01T10:00:00.000000001+00:00"),
    ],
)
def test_timestamps(time_ns: int, containerd: str, conmon: str) -> None:
    assert timestamp(time_ns, has_fixed_digits=False) == containerd
    assert timestamp(time_ns, has_fixed_digits=True) == conmon


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([("stdout", b"a\n")], ["stdout F a"]),
        ([("stdout", b"a")], ["stdout P a"]),
        ([("stdout", b"\n")], ["stdout F "]),
        ([("stdout", b"a\r\n")], ["stdout F a"]),
        ([("stdout", b"x" * 16384 + b"\n")], ["stdout F " + "x" * 16384]),
        ([("stdout", b"x" * 16385 + b"\n")], ["stdout P " + "x" * 16384, "stdout F x"]),
        (
            [("stdout", b"x" * 40000 + b"\n")],
            ["stdout P " + "x" * 16384, "stdout P " + "x" * 16384, "stdout F " + "x" * 7232],
        ),
        ([("stdout", b"a\n"), ("stderr", b"b\n")], ["stdout F a", "stderr F b"]),
        ([("stdout", b"hel"), ("stderr", b"b\n"), ("stdout", b"lo\n")], ["stderr F b", "stdout F hello"]),
    ],
)
def test_containerd_vectors(data: list[tuple[str, bytes]], expected: list[str]) -> None:
    assert lines_of(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([("stdout", b"a\n")], ["stdout F a"]),
        ([("stdout", b"hel"), ("stdout", b"lo\n")], ["stdout P hel", "stdout F lo"]),
        ([("stdout", b"a\r\n")], ["stdout F a\r"]),
        ([("stdout", b"x" * 8193 + b"\n")], ["stdout P " + "x" * 8192, "stdout F x"]),
    ],
)
def test_conmon_vectors(data: list[tuple[str, bytes]], expected: list[str]) -> None:
    assert lines_of(data, CONMON_FORMAT) == expected


@given(
    # Without CR: containerd strips one before a newline, which the vectors above say.
    st.lists(st.binary(max_size=30).map(lambda piece: piece.replace(b"\r", b"")), max_size=20),
    st.sampled_from([CONTAINERD_FORMAT, CONMON_FORMAT]),
)
def test_nothing_is_lost(pieces: list[bytes], log_format: LogFormat) -> None:
    files = MemoryHostFiles()
    log = ContainerLog(files, PATH, log_format, lambda: NOW_NS)
    log.open()
    for piece in pieces:
        log.stdout(piece)
    log.end()
    content = files.read(PATH)
    assert content is not None
    joined = b""
    for line in content.split(b"\n")[:-1]:
        _, _, tag, text = line.split(b" ", 3)
        joined += text + (b"\n" if tag == b"F" else b"")
    assert joined == b"".join(pieces)


def test_the_file_is_there_before_the_first_line() -> None:
    files = MemoryHostFiles()
    ContainerLog(files, PATH, CONTAINERD_FORMAT, lambda: NOW_NS).open()
    assert files.read(PATH) == b""
