"""Every exception that kubesim raises on purpose.

    KubesimError
    ├── InputError            what a user handed in is wrong: where, what, what would be right (exit code 2)
    ├── ExpectationFailed     a scenario or a test expected something else (exit code 1)
    ├── SimulationStalled     the kernel passed its bound on events without reaching the goal
    ├── KubeletStartError     a kubelet ends at its start, in its own words         (kubelet/start_error.py)
    ├── CriError              a CRI call was refused; carries the gRPC status       (cri/errors.py)
    └── IdentityError         a runtime refuses to resolve a user or group          (policy/identity.py)

`kernel.Cancelled` is not here: like `asyncio.CancelledError` it is a BaseException, because a coroutine that
catches `Exception` must not swallow its own end.
"""

from __future__ import annotations


class KubesimError(Exception):
    """The base of all errors a caller may want to catch."""


class InputError(KubesimError):
    """Something handed in by a user is wrong.

    `str(error)` is one line: `where: what; hint`. `where` names the place (`file:line:column`, a path, an
    option), `what` says what is wrong, `hint` says what would be right.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(f"{where + ': ' if where else ''}{what}{'; ' + hint if hint else ''}")


class ExpectationFailed(KubesimError):
    """An expectation of a scenario or a test did not hold. The message shows both sides."""


class SimulationStalled(KubesimError):
    """More events fired than the bound allows, so the goal is probably never reached.

    The message names the virtual time and the last few events, which is where to look for the loop.
    """
