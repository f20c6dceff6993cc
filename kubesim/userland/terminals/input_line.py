"""What becomes of typed bytes: they are edited to lines, echoed, and some of them are signals.

A line discipline without a terminal: bytes in; lines, echo and signals out. Mirrors linux: drivers/tty/n_tty.c,
n_tty_receive_char_special, eraser, echo_char.
"""

from __future__ import annotations

from kubesim.userland.processes.signals import SIGINT, SIGQUIT, SIGTSTP
from kubesim.userland.terminals.settings import Settings

LINE_BYTES_MAX = 4095
"""Longer lines lose what comes after it, with a bell for each byte. Mirrors N_TTY_BUF_SIZE."""

READY_BYTES_MAX = 65536
"""What may wait to be read before no more is taken from the one who types."""

_SIGNALS = {"intr": SIGINT, "quit": SIGQUIT, "susp": SIGTSTP}
_CR, _LF, _BELL, _TAB = 0x0D, 0x0A, 0x07, 0x09
_BLANKS = b" \t"


class InputLine:
    """The line that is being typed, and the lines that wait to be read."""

    __slots__ = ("_is_literal_next", "_line", "_ready", "_ready_bytes", "echo", "settings", "signals")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._line = bytearray()
        self._ready: list[bytes] = []
        """Lines, b"" for an end of file, or just bytes without canonical mode."""
        self._ready_bytes = 0
        self._is_literal_next = False
        self.echo = bytearray()
        """What the terminal has to print now, not yet processed for output."""
        self.signals: list[int] = []
        """What the foreground group gets now."""

    def change(self, settings: Settings) -> None:
        """Other settings. A line that was half typed can be read at once without canonical mode."""
        if "icanon" not in settings and self._line:
            self._deliver(bytes(self._line))
            self._line.clear()
        self.settings = settings

    def type(self, data: bytes) -> bytes:
        """Take typed bytes; those for which there is no room."""
        settings = self.settings
        if not settings.modes & {"icanon", "isig", "echo", "icrnl", "inlcr", "igncr"}:
            room = max(READY_BYTES_MAX - self._ready_bytes, 0)
            if data[:room]:
                self._deliver(data[:room])
            return data[room:]
        for position, byte in enumerate(data):
            if self._ready_bytes >= READY_BYTES_MAX:
                return data[position:]
            self._byte(byte)
        return b""

    def read(self, size: int) -> bytes | None:
        """The next bytes: of one line in canonical mode; b"" for an end of file, None when there is nothing."""
        if not self._ready:
            return None
        data = self._ready.pop(0)
        if "icanon" not in self.settings:
            data = b"".join((data, *self._ready))
            self._ready.clear()
        if data[size:]:
            self._ready.insert(0, data[size:])
        self._ready_bytes = sum(len(item) or 1 for item in self._ready)
        return data[:size]

    def flush(self) -> None:
        """Forget what was typed and not read."""
        self._line.clear()
        self._ready.clear()
        self._ready_bytes = 0

    def _deliver(self, data: bytes) -> None:
        self._ready.append(data)
        self._ready_bytes += len(data) or 1  # an end of file takes room as well

    def _byte(self, byte: int) -> None:
        settings = self.settings
        if self._is_literal_next:
            self._is_literal_next = False
            self._keep(byte)
            return
        if byte == _CR:
            if "igncr" in settings:
                return
            if "icrnl" in settings:
                byte = _LF
        elif byte == _LF and "inlcr" in settings:
            byte = _CR
        name = settings.special(byte)
        if name in _SIGNALS and "isig" in settings:
            if "noflsh" not in settings:
                self.flush()
                self.echo.clear()
            self._show(byte)
            self.signals.append(_SIGNALS[name])
        elif "icanon" not in settings:
            self._show(byte)
            self._deliver(bytes([byte]))
        elif byte == _LF or name in ("eol", "eol2"):
            if "echo" in settings or "echonl" in settings:
                self.echo.append(byte)
            self._end_line(bytes([byte]))
        elif name == "eof":
            self._end_line(b"")
        elif name in ("erase", "kill", "werase", "rprnt", "lnext"):
            self._edit(name, byte)
        else:
            self._keep(byte)

    def _keep(self, byte: int) -> None:
        if len(self._line) >= LINE_BYTES_MAX:
            self.echo.append(_BELL)
            return
        self._line.append(byte)
        self._show(byte)

    def _end_line(self, end: bytes) -> None:
        self._deliver(bytes(self._line) + end)
        self._line.clear()

    def _edit(self, name: str, byte: int) -> None:
        match name:
            case "erase":
                self._erase_one()
            case "kill":
                if "echoke" in self.settings or "echoe" not in self.settings:
                    while self._line:
                        self._erase_one()
                else:
                    self._line.clear()
                    self._show(byte)
                    self.echo += b"\n" if "echok" in self.settings else b""
            case "werase":
                while self._line and self._line[-1] in _BLANKS:
                    self._erase_one()
                while self._line and self._line[-1] not in _BLANKS:
                    self._erase_one()
            case "rprnt":
                self._show(byte)
                self.echo += b"\n"
                for typed in self._line:
                    self._show(typed)
            case _:
                self._is_literal_next = True
                if "echo" in self.settings:
                    self.echo += b"^\b"

    def _erase_one(self) -> None:
        """Take away the last character, all bytes of it, and wipe it from the screen."""
        if not self._line:
            return
        byte = self._line.pop()
        while byte & 0xC0 == 0x80 and self._line:
            byte = self._line.pop()
        if "echo" in self.settings and "echoe" in self.settings:
            self.echo += b"\b \b" * (2 if _is_control(byte) and "echoctl" in self.settings else 1)

    def _show(self, byte: int) -> None:
        """Echo one byte; control characters as `^C`."""
        if "echo" not in self.settings:
            return
        if _is_control(byte) and byte not in (_TAB, _LF) and "echoctl" in self.settings:
            self.echo += bytes((ord("^"), byte ^ 0x40))
        else:
            self.echo.append(byte)


def _is_control(byte: int) -> bool:
    return byte < 0x20 or byte == 0x7F
