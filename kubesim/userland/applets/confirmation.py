"""Questions to the user, as `rm -i` asks them."""

from __future__ import annotations

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.processes.process_life import Process


class Confirmation:
    """Asks on standard error and reads answers from standard input, one line each."""

    __slots__ = ("_pending", "_process")

    def __init__(self, process: Process) -> None:
        self._process = process
        self._pending = b""

    @property
    def is_terminal(self) -> bool:
        """Whether somebody sits there."""
        file = self._process.descriptors().get(0)
        return file is not None and file.is_terminal

    async def ask(self, question: str) -> bool:
        """Whether the answer begins with a y. The end of the input is a no.

        Mirrors busybox: libbb/ask_confirmation.c, bb_ask_y_confirmation_FILE.
        """
        await self._process.write(2, question.encode(errors="surrogateescape"))
        return (await self._line()).strip()[:1].lower() == b"y"

    async def _line(self) -> bytes:
        while b"\n" not in self._pending:
            try:
                data = await self._process.read(0)
            except FsError:
                data = b""
            if not data:
                break
            self._pending += data
        line, _, self._pending = self._pending.partition(b"\n")
        return line
