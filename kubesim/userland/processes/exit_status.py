"""How a process ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitStatus:
    """How a process ended. `code` is what a runtime reports: 128 + signal for one that was killed."""

    code: int
    signal: int | None = None
    is_oom_killed: bool = False


class ProcessExit(BaseException):
    """Ends the process from anywhere in its program. A BaseException, as SystemExit is."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
