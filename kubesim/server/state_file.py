"""The state of one served node in a SQLite file: what `serve --state-dir` keeps over a restart.

Rule 1: a batch is one transaction. What is noted in one slice of the kernel is written together, or not at all.
Rule 2: the file belongs to one process. SQLite's exclusive lock is held while it is open and dies with the process.
Rule 3: a file that is not ours, not of this version or damaged is refused and left as it is.
Rule 4: a file that is no longer where it was opened takes nothing more: the next start would not find it.

Journal and synchronisation: with the write-ahead log a transaction that was committed is in the kernel's page cache
when COMMIT returns. That survives the end of this process at any point, kill -9 included. `synchronous=NORMAL` does
not wait for the disk at each commit but once for each checkpoint of the log: when the machine loses its power, the
last transactions may be lost, but the file stays whole. Waiting at each commit would cost milliseconds an answer, to
guard emulated containers against an accident that ends the emulation anyway.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from kubesim.errors import InputError
from kubesim.runtime.state_changes import StateKind
from kubesim.runtime.state_records import SavedState, StateBatch, StateRecord

APPLICATION_ID = 0x6B73696D
"""`ksim`: tells our files from other SQLite files. https://www.sqlite.org/fileformat.html, Application ID."""

SCHEMA_VERSION = 1
"""Of the table and of the records in it. It grows when an older kubesim could not read what this one writes."""

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
"""Configs hold what pods are given in their environment."""

_NOT_DAMAGED = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
"""Failures that say nothing about what is in the file: nobody should remove it for these."""

_EMPTY_NODE = "remove it to begin with an empty node"

_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
    "CREATE TABLE owner (runtime TEXT NOT NULL)",
    "CREATE TABLE records (kind TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (kind, id))",
)

# An update keeps the rowid, so rows stay in the order in which their objects came.
_WRITE = "INSERT INTO records VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data"
_REMOVE = "DELETE FROM records WHERE kind = ? AND id = ?"


class StateFile:
    """The open file of one node, locked for this process. Close it, or use it as a context manager."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        """See `open`."""
        self.path = path
        self._database = database
        self._identity = _identity(path)

    @classmethod
    def open(cls, directory: Path, *, node: str, runtime: str) -> Self:
        """Open or make the file `NODE.sqlite` in a directory, which is made if need be.

        `runtime` is what calls itself so in Version: state of one runtime means nothing to another. Raises InputError
        naming the file: for a directory that cannot be used, a file that another process has, and one of Rule 3.
        """
        path = directory / f"{node}.sqlite"
        _make_private(directory, path)
        try:
            database = sqlite3.connect(path, isolation_level=None, timeout=0)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        try:
            _prepare(database, path, runtime)
        except sqlite3.Error as error:
            database.close()
            raise _unusable(path, error) from error
        except InputError:
            database.close()
            raise
        return cls(path, database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def saved(self) -> SavedState:
        """Everything in the file. Raises InputError when it is damaged."""
        try:
            rows = self._database.execute("SELECT kind, id, data FROM records ORDER BY rowid").fetchall()
            records = tuple(StateRecord(StateKind(kind), key, data) for kind, key, data in rows)
        except (sqlite3.Error, ValueError) as error:
            raise _unusable(self.path, error) from error
        return SavedState(where=str(self.path), records=records)

    def write(self, batch: StateBatch) -> None:
        """Write a batch. Raises sqlite3.Error when that fails, and nothing of it is written then."""
        if _identity(self.path) != self._identity:
            # SQLite notices it only where it has no log: SQLITE_READONLY_DBMOVED.
            raise sqlite3.OperationalError("the file was moved, removed or replaced; put it back, or start anew")
        database = self._database
        if len(batch.records) == 1 and not batch.gone:
            database.execute(_WRITE, batch.records[0])
            return
        database.execute("BEGIN IMMEDIATE")
        try:
            database.executemany(_REMOVE, batch.gone)
            database.executemany(_WRITE, batch.records)
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:  # some failures, such as a full disk, have rolled it back already
                database.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Give the file up. The log is merged into it, and nothing but the file is left."""
        self._database.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, by device and inode; None when there is none that can be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make_private(directory: Path, path: Path) -> None:
    """Make the directory and an empty file that nobody else can read."""
    try:
        directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    except OSError as error:
        raise InputError(
            f"cannot keep state there: {error.strerror}",
            where=str(path),
            hint="--state-dir names a directory that exists or can be made, and that you may write to",
        ) from error


def _prepare(database: sqlite3.Connection, path: Path, runtime: str) -> None:
    """Lock the file, check whose it is, and make the tables of a new one."""
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    is_new = _number(database, "application_id") == 0 and _number(database, "schema_version") == 0
    if not is_new:
        _check_ours(database, path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("BEGIN IMMEDIATE")  # a write takes the lock for good, even if nothing changes
    if is_new:
        for statement in _SCHEMA:
            database.execute(statement)
        database.execute("INSERT INTO owner VALUES (?)", (runtime,))
    row = database.execute("SELECT runtime FROM owner").fetchone()
    database.execute("COMMIT")
    if row is None:
        raise InputError("the file is damaged: it does not say whose state it is", where=str(path), hint=_EMPTY_NODE)
    if row[0] != runtime:
        raise InputError(
            f"holds the state of {row[0]}, and the profile is one of {runtime}",
            where=str(path),
            hint=f"serve a profile of {row[0]}, or name another --state-dir",
        )


def _check_ours(database: sqlite3.Connection, path: Path) -> None:
    if _number(database, "application_id") != APPLICATION_ID:
        raise InputError("is a database, but not one of kubesim", where=str(path), hint="name another --state-dir")
    version = _number(database, "user_version")
    if version != SCHEMA_VERSION:
        age = "a newer" if version > SCHEMA_VERSION else "an older"
        raise InputError(
            f"was written by {age} kubesim: its format is {version}, this one knows {SCHEMA_VERSION}",
            where=str(path),
            hint=f"start the kubesim that wrote it, or {_EMPTY_NODE}",
        )


def _number(database: sqlite3.Connection, pragma: str) -> int:
    row = database.execute(f"PRAGMA {pragma}").fetchone()
    return int(row[0])


def _unusable(path: Path, error: Exception) -> InputError:
    # The low byte: SQLite has several kinds of being busy.
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
        return InputError(
            "another process has it open",
            where=str(path),
            hint="stop the `kubesim serve` with this --state-dir, or name another",
        )
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NOT_DAMAGED:
        return InputError(
            f"cannot be used: {error}",
            where=str(path),
            hint="see that it can be written, or name another --state-dir",
        )
    return InputError(f"cannot be read: {error}", where=str(path), hint=f"if it is damaged, {_EMPTY_NODE}")
