"""How long a pull waits for what, and how it is told to stop.

Rule 1: no server can keep a pull: each wait has an end, and a transfer that only trickles is given up.
Rule 2: whoever stops a pull does not wait for the network: the sockets that it reads from are shut.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from kubesim.kernel.realtime import monotonic_clock_ns, wait_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The limits of waiting, in seconds of real time. The defaults are near those of the runtimes."""

    connect_seconds: float = 30.0
    """Until a connection stands, TLS included. Mirrors containerd: core/remotes/docker/config, DefaultHTTPTransport."""
    answer_seconds: float = 30.0
    """From the request until the last of the header."""
    document_seconds: float = 60.0
    """For the body of a manifest or token."""
    stall_seconds: float = 30.0
    """In each of these a blob must bring at least `stall_bytes`."""
    stall_bytes: int = 16 * 1024
    clock_ns: Callable[[], int] = monotonic_clock_ns
    sleep: Callable[[float], object] = wait_seconds
    """How to wait between two tries; it may return early when the pull is stopped."""


@dataclass(slots=True, eq=False)
class Stop:
    """Tells a pull in another thread to stop."""

    _event: threading.Event = field(default_factory=threading.Event)
    _sockets: set[socket.socket] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_set(self) -> bool:
        """Whether the pull is to stop."""
        return self._event.is_set()

    def set(self) -> None:
        """Stop: what waits for bytes or for time to pass wakes up."""
        with self._lock:
            self._event.set()
            for one in self._sockets:
                _shut(one)

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until `set`: fits `Patience.sleep`."""
        self._event.wait(seconds)

    @contextlib.contextmanager
    def watching(self, connection: socket.socket) -> Iterator[None]:
        """Shut the socket if `set` comes during the block, or came before."""
        with self._lock:
            self._sockets.add(connection)
            if self._event.is_set():
                _shut(connection)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(connection)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have no other end any more
        # Not the method of a TLS socket: it takes away what the thread that reads is working with.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
