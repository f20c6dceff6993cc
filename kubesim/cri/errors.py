"""What a CRI call answers when it does not answer with a message: a gRPC status.

These are plain values; only `server/` turns them into grpc's own types and back.
"""

from __future__ import annotations

from enum import IntEnum, unique

from kubesim.errors import KubesimError


@unique
class Code(IntEnum):
    """The gRPC status codes, with their numbers on the wire and their names in the gRPC specification.

    Source: grpc/grpc, doc/statuscodes.md.
    """

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def go_name(self) -> str:
        """The name as Go programs print it, such as `NotFound`; kubelet and crictl show this form to users.

        Mirrors grpc-go: codes/code_string.go, Code.String.
        """
        if self is Code.OK:
            return "OK"
        if self is Code.CANCELLED:  # Go spells it with one L
            return "Canceled"
        return "".join(word.capitalize() for word in self.name.split("_"))


class CriError(KubesimError):
    """A CRI call was refused or failed. `str(error)` is the message alone, without the code."""

    def __init__(self, code: Code, message: str) -> None:
        if code is Code.OK:
            raise ValueError(f"an error cannot have the code OK; its message is {message!r}")
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message

    @property
    def go_text(self) -> str:
        """The error as a Go client prints it, such as `rpc error: code = NotFound desc = no such container`.

        The kubelet copies this text into pod status and events. Mirrors grpc-go: internal/status/status.go, Error.
        """
        return f"rpc error: code = {self.code.go_name} desc = {self.message}"


def unknown(message: str) -> CriError:
    """Both runtimes answer UNKNOWN for any error that has no code of its own, so this is the usual one."""
    return CriError(Code.UNKNOWN, message)


def not_found(message: str) -> CriError:
    """The object is not there. Clients take it as "already gone" when they stop or remove something."""
    return CriError(Code.NOT_FOUND, message)


def deadline_exceeded(message: str) -> CriError:
    """The work did not end in the time that the request gave it."""
    return CriError(Code.DEADLINE_EXCEEDED, message)


def unimplemented(message: str) -> CriError:
    """The runtime has no such method. Clients fall back to an older way of asking."""
    return CriError(Code.UNIMPLEMENTED, message)
