"""What a client types, on its way to a process: into a bounded pipe, or into a terminal."""

from __future__ import annotations

from typing import Protocol

from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.files.pipe import Pipe
from kubesim.userland.terminals.terminal import Terminal


class StreamInput(Protocol):
    """Where the bytes of a client go."""

    async def write(self, data: bytes) -> None:
        """Hand all of `data` over, as fast as it is read; bytes that nobody can read any more are lost."""

    def close(self) -> None:
        """Nothing more comes."""


class NoInput:
    """The input of who has none: /dev/null for the process, nothing for the client."""

    __slots__ = ()

    async def write(self, data: bytes) -> None:
        """Lost."""

    def close(self) -> None:
        """Nothing was open."""


class PipeInput:
    """A pipe whose writing end the runtime holds: its closing is the end of file."""

    __slots__ = ("_writer", "file")

    def __init__(self) -> None:
        reader, writer = Pipe().ends()
        self.file: OpenFile = reader
        """What descriptor 0 of the process is."""
        self._writer: OpenFile | None = writer.hold()

    async def write(self, data: bytes) -> None:
        """Into the pipe; lost once no process has it open."""
        rest: bytes | None = data
        while rest and (writer := self._writer) is not None:
            try:
                rest = writer.write_now(rest)
            except FsError:  # EPIPE: nobody reads, and whoever types is not told of it
                return
            if rest:
                await writer.wait_writable()

    def close(self) -> None:
        """The process reads what is left, then the end."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.release()


class TerminalInput:
    """The keyboard of a terminal. Its user goes without a word: a terminal has no end but ^D and a hang-up."""

    __slots__ = ("_terminal",)

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    async def write(self, data: bytes) -> None:
        """Type; waits while neither lines are read nor the screen takes their echo."""
        while rest := self._terminal.type(data):
            data = rest
            await self._terminal.wait_typable()

    def close(self) -> None:
        """Nothing happens to the terminal."""
