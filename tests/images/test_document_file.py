"""Opening a document of the host: what is there is read whole, and nobody waits for what never comes."""

import os
import threading
from pathlib import Path

import pytest

from kubesim.images.document_file import open_document


def content_of(path: Path) -> bytes:
    with open_document(path) as file:
        return file.read()


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    content = b"a: b\n" * 600_000
    (tmp_path / "pod.yaml").write_bytes(content)
    assert content_of(tmp_path / "pod.yaml") == content


def test_a_pipe_without_a_writer_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert content_of(tmp_path / "pipe") == b""


def test_what_a_pipe_gets_later_is_waited_for() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as writer:
        found: list[bytes] = []
        reader = threading.Thread(target=lambda: found.append(content_of(Path(f"/dev/fd/{reading}"))))
        reader.start()
        writer.write(b"kind: Pod\n")
        writer.flush()
        writer.write(b"metadata: {}\n")
    reader.join(timeout=20)
    os.close(reading)
    assert found == [b"kind: Pod\nmetadata: {}\n"]


def test_a_folder_and_nothing_are_errors_of_the_host(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        open_document(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_document(tmp_path / "no")
