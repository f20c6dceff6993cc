"""What a session sees of its client, whichever protocol that speaks.

A peer begins after the upgrade: `receive` takes every byte that follows it. `take_output` must be asked after each
`receive` and each command, as pings and replies are output too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias


class PeerError(Exception):
    """The client broke its protocol: the connection is over. The text says what was wrong."""


# -- exec and attach ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ready:
    """Every stream of the request is there: the command can start."""


@dataclass(frozen=True, slots=True)
class Input:
    """Bytes for stdin."""

    data: bytes


@dataclass(frozen=True, slots=True)
class InputEnded:
    """Nothing more comes for stdin."""


@dataclass(frozen=True, slots=True)
class Resized:
    """The client's window has another size, in characters, as the client says it: both may be nonsense."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The client said good-bye; a socket that ends without this means the same."""


CommandEvent: TypeAlias = Ready | Input | InputEnded | Resized | PeerClosed
Output: TypeAlias = Literal["stdout", "stderr"]


class CommandPeer(Protocol):
    """A client of Exec or Attach."""

    counts_pings: bool
    """Whether any bytes of the client show that it is not idle, or only those of the streams."""

    def receive(self, data: bytes) -> Iterator[CommandEvent]:
        """What the client's bytes mean. Raises PeerError."""

    def send(self, output: Output, data: bytes) -> None:
        """Bytes of the process; lost where the client did not ask for this output, or gave it up."""

    def end(self, output: Output) -> None:
        """Nothing more comes on this output."""

    def finish(self, status: bytes) -> None:
        """Say how it went, if there is anything to say, and end everything."""

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""


# -- port forward -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """The client wants a connection to a port. `connection` is the peer's own number for it."""

    connection: int
    port: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes of the client for a connection."""

    connection: int
    data: bytes


@dataclass(frozen=True, slots=True)
class HalfClosed:
    """The client sends nothing more on a connection, and still reads."""

    connection: int


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The client wants nothing more of a connection."""

    connection: int


ForwardEvent: TypeAlias = Opened | Arrived | HalfClosed | GivenUp | PeerClosed


class ForwardPeer(Protocol):
    """A client of PortForward."""

    counts_pings: bool
    """As in CommandPeer."""

    def receive(self, data: bytes) -> Iterator[ForwardEvent]:
        """What the client's bytes mean. Raises PeerError."""

    def send(self, connection: int, data: bytes) -> None:
        """Bytes of the pod."""

    def end(self, connection: int) -> None:
        """The pod sends nothing more on a connection."""

    def close(self, connection: int, error: str = "") -> None:
        """The connection is over, with the text of what went wrong if anything did; its number may come again."""

    def expire(self, now_ns: int) -> int | None:
        """Give up what is half opened for too long; when to ask again, None if nothing waits.

        `now_ns` is also the time of what `receive` gets until the next call.
        """

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come or go once the output is taken: the socket is to be closed."""

    def take_output(self) -> bytes:
        """The bytes for the socket since the last time."""
