"""The file of `--state-dir`: batches, order, who may open it, and what is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.runtime.state_changes import StateKey, StateKind
from kubesim.runtime.state_records import StateBatch, StateRecord
from kubesim.server import state_file
from kubesim.server.state_file import APPLICATION_ID, SCHEMA_VERSION, StateFile

POD, CTR, IMAGE = StateKind.SANDBOX, StateKind.CONTAINER, StateKind.IMAGE


def opened(directory: Path, runtime: str = "containerd") -> StateFile:
    return StateFile.open(directory, node="node", runtime=runtime)


def batch(*records: tuple[StateKind, str, bytes], gone: tuple[StateKey, ...] = ()) -> StateBatch:
    return StateBatch(gone=gone, records=tuple(StateRecord(*record) for record in records))


def rows(file: StateFile) -> list[tuple[str, str, bytes]]:
    return [(record.kind.value, record.id, record.data) for record in file.saved().records]


def test_the_directory_and_the_file_are_their_owners_alone(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "state"
    with opened(directory) as file:
        assert directory.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
            "node.sqlite": 0o600,
            "node.sqlite-wal": 0o600,
        }
        assert file.path == directory / "node.sqlite"
    assert [path.name for path in directory.iterdir()] == ["node.sqlite"]


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        assert rows(file) == []
        file.write(batch((POD, "a", b"1")))
        file.write(batch((POD, "b", b"2"), (CTR, "a", b"3"), (IMAGE, "sha256:1", b"")))
    with opened(tmp_path) as file:
        assert rows(file) == [
            ("sandbox", "a", b"1"), ("sandbox", "b", b"2"), ("container", "a", b"3"), ("image", "sha256:1", b""),
        ]  # fmt: skip
        assert file.saved().where == str(tmp_path / "node.sqlite")


def test_a_change_keeps_its_place_and_what_comes_back_is_last(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        file.write(batch((POD, "a", b"1"), (POD, "b", b"2"), (POD, "c", b"3")))
        file.write(batch((POD, "a", b"4")))
        assert [row[1:] for row in rows(file)] == [("a", b"4"), ("b", b"2"), ("c", b"3")]
        file.write(batch((POD, "b", b"5"), gone=((POD, "b"), (POD, "c"), (POD, "never"))))
        assert [row[1:] for row in rows(file)] == [("a", b"4"), ("b", b"5")]
        file.write(batch(gone=((POD, "a"),)))
        assert [row[1:] for row in rows(file)] == [("b", b"5")]


def test_a_batch_that_fails_is_not_written_at_all(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        file.write(batch((POD, "a", b"1")))
        wrong = StateBatch(gone=((POD, "a"),), records=(StateRecord(POD, "b", b"2"), StateRecord(POD, "c", None)))  # type: ignore[arg-type]
        with pytest.raises(sqlite3.IntegrityError):
            file.write(wrong)
        assert rows(file) == [("sandbox", "a", b"1")]
        file.write(batch((POD, "b", b"2")))
        assert len(rows(file)) == 2


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_not_in_its_place_takes_nothing_until_it_is_back(tmp_path: Path, is_replaced: bool) -> None:
    place, elsewhere = tmp_path / "state", tmp_path / "elsewhere"
    with opened(place) as file:
        file.write(batch((POD, "a", b"1")))
        place.rename(elsewhere)
        if is_replaced:
            with opened(place) as other:
                other.write(batch((POD, "of the other", b"2")))
        with pytest.raises(sqlite3.OperationalError, match=r"^the file was moved, removed or replaced; put it"):
            file.write(batch((POD, "b", b"3")))
        if is_replaced:
            with opened(place) as other:
                assert [row[1] for row in rows(other)] == ["of the other"]
                place.rename(tmp_path / "the other")
        elsewhere.rename(place)
        file.write(batch((POD, "c", b"4")))
        assert [row[1] for row in rows(file)] == ["a", "c"]


def test_the_end_of_a_server_whose_file_was_replaced_leaves_the_new_file_alone(tmp_path: Path) -> None:
    place = tmp_path / "state"
    with opened(place) as file:
        file.write(batch((POD, "a", b"1")))
        place.rename(tmp_path / "elsewhere")
        new = opened(place)
        new.write(batch((POD, "b", b"2")))
    assert (place / "node.sqlite-wal").exists(), "what was answered is there, and is lost without it"
    with new:
        assert [row[1] for row in rows(new)] == ["b"]


def refusal(directory: Path, runtime: str = "containerd") -> str:
    with pytest.raises(InputError) as raised:
        opened(directory, runtime)
    return str(raised.value)


def test_a_second_server_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        assert refusal(tmp_path) == (
            f"{tmp_path}/node.sqlite: another process has it open; "
            "stop the `kubesim serve` with this --state-dir, or name another"
        )
        file.write(batch((POD, "a", b"1")))
        with StateFile.open(tmp_path, node="other", runtime="containerd") as other:
            assert rows(other) == []
    with opened(tmp_path) as file:
        assert len(rows(file)) == 1


def test_the_state_of_another_runtime_is_refused_and_left_alone(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        file.write(batch((POD, "a", b"1")))
    assert refusal(tmp_path, "cri-o") == (
        f"{tmp_path}/node.sqlite: holds the state of containerd, and the profile is one of cri-o; "
        "serve a profile of containerd, or name another --state-dir"
    )
    with opened(tmp_path) as file:
        assert len(rows(file)) == 1


@pytest.mark.parametrize(("version", "age"), [(SCHEMA_VERSION + 1, "a newer"), (SCHEMA_VERSION - 1, "an older")])
def test_another_version_of_the_format_is_refused(tmp_path: Path, version: int, age: str) -> None:
    opened(tmp_path).close()
    database = sqlite3.connect(tmp_path / "node.sqlite", isolation_level=None)
    database.execute(f"PRAGMA user_version = {version}")
    database.close()

    assert refusal(tmp_path) == (
        f"{tmp_path}/node.sqlite: was written by {age} kubesim: its format is {version}, this one knows "
        f"{SCHEMA_VERSION}; start the kubesim that wrote it, or remove it to begin with an empty node"
    )


def test_a_database_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = path.read_bytes()

    assert refusal(tmp_path) == f"{path}: is a database, but not one of kubesim; name another --state-dir"
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.sqlite"
    path.write_bytes(b"apiVersion: v1\n" * 100)

    assert refusal(tmp_path) == (
        f"{path}: cannot be read: file is not a database; if it is damaged, remove it to begin with an empty node"
    )
    assert path.read_bytes() == b"apiVersion: v1\n" * 100


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        file.write(batch(*((POD, f"{number:064x}", bytes(200)) for number in range(200))))
    path = tmp_path / "node.sqlite"
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)

    damaged = r"node\.sqlite: cannot be read: .*remove it to begin with an empty node"
    with opened(tmp_path) as file, pytest.raises(InputError, match=damaged):
        file.saved()


def test_a_kind_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    database = sqlite3.connect(tmp_path / "node.sqlite", isolation_level=None)
    database.execute("INSERT INTO records VALUES ('volume', 'a', x'00')")
    database.close()

    with opened(tmp_path) as file, pytest.raises(InputError, match="'volume' is not a valid StateKind"):
        file.saved()


def test_a_file_that_forgot_its_runtime_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).close()
    database = sqlite3.connect(tmp_path / "node.sqlite", isolation_level=None)
    database.execute("DELETE FROM owner")
    database.close()

    assert "the file is damaged: it does not say whose state it is" in refusal(tmp_path)


def test_a_file_that_was_made_and_never_filled_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "node.sqlite").touch()
    with opened(tmp_path) as file:
        assert rows(file) == []
    database = sqlite3.connect(tmp_path / "node.sqlite")
    assert database.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    database.close()


def test_a_full_disk_is_no_reason_to_remove_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite answers as on a full disk when a file may not grow.
    monkeypatch.setattr("kubesim.server.state_file._SCHEMA", ("PRAGMA max_page_count = 1", *state_file._SCHEMA))
    assert refusal(tmp_path) == (
        f"{tmp_path}/node.sqlite: cannot be used: database or disk is full; "
        "see that it can be written, or name another --state-dir"
    )


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("not a directory")

    assert refusal(tmp_path / name).startswith(f"{tmp_path}/{name}/node.sqlite: cannot keep state there: ")
