"""The settings of a terminal. Mirrors linux: include/uapi/asm-generic/termbits.h; man 3 termios."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

DISABLED = 0
"""Stands for a special character that there is none of."""

DEFAULT_CHARACTERS = {
    "intr": 0x03,
    "quit": 0x1C,
    "erase": 0x7F,
    "kill": 0x15,
    "eof": 0x04,
    "eol": DISABLED,
    "eol2": DISABLED,
    "swtch": DISABLED,
    "start": 0x11,
    "stop": 0x13,
    "susp": 0x1A,
    "rprnt": 0x12,
    "werase": 0x17,
    "lnext": 0x16,
    "flush": 0x0F,
}
"""Special characters by the names that stty has for them, in its order."""

INPUT_MODES = (
    *("ignbrk", "brkint", "ignpar", "parmrk", "inpck", "istrip", "inlcr", "igncr", "icrnl"),
    *("ixon", "ixoff", "iuclc", "ixany", "imaxbel", "iutf8"),
)
OUTPUT_MODES = ("opost", "olcuc", "ocrnl", "onlcr", "onocr", "onlret", "ofill", "ofdel")
LOCAL_MODES = (
    *("isig", "icanon", "iexten", "echo", "echoe", "echok", "echonl", "noflsh", "xcase", "tostop"),
    *("echoprt", "echoctl", "echoke", "flusho", "extproc"),
)
CONTROL_MODES = ("parenb", "parodd", "hupcl", "cstopb", "cread", "clocal", "crtscts")

SANE_MODES = frozenset(
    (
        *("icrnl", "ixon", "opost", "onlcr", "isig", "icanon", "iexten"),
        *("echo", "echoe", "echok", "echoctl", "echoke", "cread"),
    )
)
"""What a pseudo terminal begins with. Modes that neither input_line nor terminal asks for are only remembered.

Mirrors linux: drivers/tty/tty_io.c, tty_std_termios.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The modes that are on, the special characters, and the speed that is shown."""

    modes: frozenset[str] = SANE_MODES
    characters: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_CHARACTERS))
    minimum_bytes: int = 1
    """Of a read without canonical mode (VMIN)."""
    time_deciseconds: int = 0
    """VTIME."""
    speed_baud: int = 38400

    def __contains__(self, mode: str) -> bool:
        return mode in self.modes

    def with_modes(self, *modes: str) -> Settings:
        """These modes changed: a name switches one on, with `-` in front off."""
        on = set(self.modes)
        for mode in modes:
            (on.discard if mode.startswith("-") else on.add)(mode.removeprefix("-"))
        return replace(self, modes=frozenset(on))

    def special(self, byte: int) -> str:
        """The name of a special character; "" for one that is not special."""
        if byte == DISABLED:
            return ""
        return next((name for name, value in self.characters.items() if value == byte), "")
