"""How the flow of a script leaves its path, and what goes wrong in it."""

from __future__ import annotations

from kubesim.kernel import Cancelled

EXIT = 0
"""The trap that runs at the end of the shell, among the numbers of signals."""

ERR = 65
"""The trap that runs when a command fails, among the numbers of signals."""


class ShellExit(BaseException):
    """`exit`, and the end after an error that a script does not survive."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class LoopJump(Exception):
    """`break` and `continue`, on their way out of `levels` loops."""

    def __init__(self, levels: int, *, is_break: bool) -> None:
        super().__init__(levels)
        self.levels = levels
        self.is_break = is_break


class Interrupted(Cancelled):
    """The user wants the shell to stop what it does. Only a shell with a user is interrupted."""


class FunctionReturn(Exception):
    """`return`."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ShellError(Exception):
    """Something a script does not survive: a bad expansion, a read-only variable, an error of a special builtin.

    `command` is the builtin that says it, "" for the shell itself.
    """

    def __init__(self, message: str, *, command: str = "", status: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.command = command
        self.status = status
        self.is_said = False
        """It was written to standard error, which the command that failed had redirected."""


class BuiltinError(Exception):
    """A builtin refuses its arguments; the script goes on with `status`, unless the builtin is a special one."""

    def __init__(self, message: str, *, status: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class RedirectionFailed(Exception):
    """A redirection cannot be made; the command does not run."""
