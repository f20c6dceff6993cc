"""Writes what changed before an answer shows it, and what changed by itself at the end of the turn in which it did.

Rule 1: no answer and no event leaves before everything that was noted until then is committed.
Rule 2: one transaction holds all that is noted by then, of however many calls.
Rule 3: where the write fails, the answer is a refusal, and what was noted is written with the next.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from types import TracebackType
from typing import Self

from kubesim.cri.errors import Code, CriError
from kubesim.errors import InputError
from kubesim.runtime.state_changes import StateChanges
from kubesim.runtime.state_records import SavedState, batch_of, sandbox_addresses
from kubesim.server.state_file import StateFile

_log = logging.getLogger(__name__)


class StateKeeper:
    """Keeps the changes of one runtime in its file. Leaving it as a context manager closes the file."""

    def __init__(self, file: StateFile) -> None:
        """Nothing is written before `start`."""
        self.changes = StateChanges()
        """What the runtime notes its changes in."""
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.changes.on_first = None
        self.before_answer()
        self._file.close()

    def saved(self) -> SavedState:
        """What the runtime begins with. Raises InputError when the file is damaged."""
        return self._file.saved()

    def sandbox_addresses(self) -> list[str]:
        """The addresses that pods had. Raises InputError when the file is damaged."""
        return sandbox_addresses(self._file.saved())

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write what the runtime has noted while it was made, and from now on what changes without a call.

        Raises InputError when the file cannot be written.
        """
        try:
            self._write()
        except sqlite3.Error as error:
            raise InputError(
                f"cannot be written: {error}", where=str(self._file.path), hint="make room, or name another --state-dir"
            ) from error
        # A turn of the loop is as good as a slice of the kernel: whatever answers earlier writes earlier.
        self.changes.on_first = lambda: loop.call_soon(self.before_answer)

    def before_answer(self) -> CriError | None:
        """Commit everything that is noted. What it returns, if anything, is to be answered instead."""
        if self.changes.is_empty:
            return None
        try:
            self._write()
        except sqlite3.Error as error:
            _log.error("%s: the state cannot be written: %s", self._file.path, error)
            return CriError(Code.UNAVAILABLE, f"kubesim: {self._file.path}: the state cannot be written: {error}")
        return None

    def _write(self) -> None:
        if not self.changes.is_empty:
            self._file.write(batch_of(self.changes))
            self.changes.clear()
