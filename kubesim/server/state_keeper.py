"""Writes what changed before an answer shows it, and what changed by itself at the end of the turn in which it did.

Rule 1: no answer and no event leaves before everything that was noted until then is committed.
Rule 2: one transaction holds all that is noted by then, of however many calls.
Rule 3: where the write fails, the answer is a refusal, and what was noted is written with the next.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3

from kubesim.cri.errors import Code, CriError
from kubesim.errors import InputError
from kubesim.runtime.state_changes import StateChanges
from kubesim.runtime.state_records import batch_of
from kubesim.server.state_file import StateFile

_log = logging.getLogger(__name__)


class StateKeeper:
    """Keeps the changes of one runtime in its file."""

    def __init__(self, changes: StateChanges, file: StateFile) -> None:
        """Write what is noted already. Raises InputError when that fails."""
        self._changes = changes
        self._file = file
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            self._write()
        except sqlite3.Error as error:
            raise InputError(
                f"cannot be written: {error}", where=str(file.path), hint="make room on the disk, or name another"
            ) from error

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on write what changes without a call: at the end of the loop's turn."""
        self._loop = loop
        self._changes.on_first = self._write_soon

    def before_answer(self) -> CriError | None:
        """Commit everything that is noted. What it returns is to be answered instead."""
        if self._changes.is_empty:
            return None
        try:
            self._write()
        except sqlite3.Error as error:
            _log.error("%s: the state cannot be written: %s", self._file.path, error)
            return CriError(Code.UNAVAILABLE, f"kubesim: {self._file.path}: the state cannot be written: {error}")
        return None

    def stop(self) -> None:
        """Write what is left, and give the file up."""
        self._changes.on_first = None
        self.before_answer()
        self._file.close()

    def _write_soon(self) -> None:
        assert self._loop is not None, "set before the callback"
        self._loop.call_soon(self.before_answer)

    def _write(self) -> None:
        if not self._changes.is_empty:
            self._file.write(batch_of(self._changes))
            self._changes.clear()
