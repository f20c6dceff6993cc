"""One pseudo terminal.

Rule 1: the master side belongs to whoever started the session: a runtime, a streaming server. `type` takes what the
user types, `output` gets what the screen shows, `hang_up` ends it.
Rule 2: the other side are the open files of processes. When the last of them is closed, `output` is let go of, and
whoever holds its end knows that nothing more comes.
Rule 3: signals from keys go to the foreground group of the session that the terminal controls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kubesim.kernel import Event
from kubesim.userland.files.device_files import PTS_MAJOR, TTY_GID
from kubesim.userland.files.file_stat import FileKind, Stat, device_number
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.processes.job_control import members_of_group
from kubesim.userland.processes.signals import SIGCONT, SIGHUP, SIGWINCH
from kubesim.userland.terminals.input_line import InputLine
from kubesim.userland.terminals.settings import Settings

if TYPE_CHECKING:
    from kubesim.userland.processes.process_life import Process

PIECE_BYTES = 4096
"""What is processed for output at once: a slow reader must not make the terminal keep megabytes."""

UNSENT_BYTES_MAX = 65536
"""Echo that the master side has not taken; who types more has to wait."""


class Terminal:
    """A terminal. `output` gets what the screen shows; the size is 0 by 0 until somebody says how large it is."""

    __slots__ = (
        "_changed",
        "_files_count",
        "_input",
        "_leader",
        "_output",
        "_unsent",
        "columns",
        "group_id",
        "is_hung_up",
        "number",
        "on_closed",
        "rows",
    )

    def __init__(self, output: OpenFile, *, rows: int = 0, columns: int = 0) -> None:
        self._output = output.hold()
        self._input = InputLine(Settings())
        self._changed = Event()
        self._unsent = bytearray()
        self._files_count = 0
        self._leader: Process | None = None
        self.group_id = 0
        """The foreground group, in the pid namespace of the session."""
        self.number = 0
        """N of /dev/pts/N."""
        self.rows = rows
        self.columns = columns
        self.is_hung_up = False
        self.on_closed: Callable[[], object] | None = None
        """Called when no process has it open any more."""

    # -- the master side ------------------------------------------------------------------------------------

    def type(self, data: bytes) -> bytes:
        """Take what the user typed; the rest for which there is no room before something is read."""
        if self.is_hung_up:
            return b""
        self._send()
        if len(self._unsent) > UNSENT_BYTES_MAX:
            return data
        rest = self._input.type(data)
        self._echo()
        signals, self._input.signals = self._input.signals, []
        for signum in signals:
            self.signal_foreground(signum)
        self._wake()
        return rest

    async def wait_typable(self) -> None:
        """Wait until `type` may take more."""
        await self._changed.wait()

    def drain(self) -> None:
        """The master side takes more than before: echo that waits for it is sent, and who types may go on."""
        self._send()
        self._wake()

    def resize(self, rows: int, columns: int) -> None:
        """Another size; the foreground group gets SIGWINCH when it is one."""
        if (rows, columns) != (self.rows, self.columns):
            self.rows, self.columns = rows, columns
            self.signal_foreground(SIGWINCH)

    def hang_up(self) -> None:
        """Nobody is at the master side any more: reads end, writes fail, the session is told."""
        if self.is_hung_up:
            return
        self.is_hung_up = True
        leader = self._leader
        self.signal_foreground(SIGHUP)
        self.signal_foreground(SIGCONT)
        if leader is not None and leader.group_id != self.group_id:
            leader.signal(SIGHUP)
            leader.signal(SIGCONT)
        self._wake()

    # -- the session ----------------------------------------------------------------------------------------

    def control(self, leader: Process) -> None:
        """Become the controlling terminal of the session that a process leads."""
        self._leader = leader
        self.group_id = leader.group_id
        leader.terminal = self

    def lose_session(self) -> None:
        """The leader ended: its foreground group gets SIGHUP, and the session has no terminal any more."""
        leader, self._leader = self._leader, None
        if leader is None:
            return
        for process in leader.namespace.processes():
            if process.terminal is self:
                process.terminal = None
                if process.group_id == self.group_id and process is not leader:
                    process.signal(SIGHUP)
                    process.signal(SIGCONT)

    def signal_foreground(self, signum: int) -> None:
        """Send a signal to the foreground group."""
        if self._leader is not None:
            for process in members_of_group(self._leader.namespace, self.group_id):
                process.signal(signum)

    # -- for open files -------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What stty shows."""
        return self._input.settings

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self._input.change(settings)
        self._wake()

    def open(self) -> TerminalFile:
        """An open file of the terminal."""
        return TerminalFile(self)

    def read(self, size: int) -> bytes | None:
        """What was typed; see InputLine.read. After a hang-up the end."""
        if self.is_hung_up:
            return b""
        data = self._input.read(size)
        if data is not None:
            self._wake()
        return data

    def write(self, data: bytes) -> bytes | None:
        """Print; the rest that the master side did not take yet. EIO after a hang-up."""
        if self.is_hung_up:
            raise FsError("EIO")
        self._send()
        position = 0
        while position < len(data) and not self._unsent:
            self._unsent += self._processed(data[position : position + PIECE_BYTES])
            position += PIECE_BYTES
            self._send()
        return data[position:] or None

    async def wait_readable(self) -> None:
        """Wait until something is typed."""
        await self._changed.wait()

    async def wait_writable(self) -> None:
        """Wait until the master side takes more."""
        await self._output.wait_writable()

    def opened(self) -> None:
        """One more open file."""
        self._files_count += 1

    def closed(self) -> None:
        """One less."""
        self._files_count -= 1
        if not self._files_count:
            self._send()
            self._output.release()
            self.is_hung_up = True
            self._wake()
            if self.on_closed is not None:
                self.on_closed()

    def _echo(self) -> None:
        if self._input.echo:
            self._unsent += self._processed(bytes(self._input.echo))
            self._input.echo.clear()
            self._send()

    def _processed(self, data: bytes) -> bytes:
        modes = self._input.settings.modes
        return data.replace(b"\n", b"\r\n") if "opost" in modes and "onlcr" in modes else data

    def _send(self) -> None:
        if not self._unsent:
            return
        try:
            rest = self._output.write_now(bytes(self._unsent))
        except FsError:
            # The reader of the master side is gone; that it hangs up is its owner's to say.
            rest = None
        self._unsent = bytearray(rest or b"")

    def _wake(self) -> None:
        if self._changed.waiters_count:
            self._changed.set()
            self._changed.clear()


class TerminalFile(OpenFile):
    """An open file of a terminal."""

    __slots__ = ("_terminal",)
    is_terminal = True

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal
        terminal.opened()

    @property
    def terminal(self) -> Terminal:  # type: ignore[override]  # other files have none, and never get one
        """What it is an open file of."""
        return self._terminal

    def read_now(self, size: int) -> bytes | None:
        """What was typed."""
        return self.terminal.read(size)

    def write_now(self, data: bytes) -> bytes | None:
        """Print."""
        return self.terminal.write(data)

    async def wait_readable(self) -> None:
        """Wait for the user."""
        await self.terminal.wait_readable()

    async def wait_writable(self) -> None:
        """Wait for the screen."""
        await self.terminal.wait_writable()

    def tell(self) -> str:
        """Its name in /dev."""
        return f"/dev/pts/{self.terminal.number}"

    def stat(self) -> Stat:
        """As /dev/pts shows it."""
        return stat_of_terminal(self.terminal.number)

    def _close(self) -> None:
        self.terminal.closed()


def stat_of_terminal(number: int) -> Stat:
    """stat(2) of /dev/pts/N."""
    return Stat(
        kind=FileKind.DEVICE,
        mode=0o620,
        uid=0,
        gid=TTY_GID,
        size_bytes=0,
        mtime_ns=0,
        device_number=device_number(PTS_MAJOR, number),
    )
