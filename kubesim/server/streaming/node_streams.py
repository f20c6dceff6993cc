"""The streaming server of one node. Its port is there when the node answers; what serves it comes a moment later.

A kubelet's first call waits for everything that is imported before it, and nobody has a URL yet by then: whoever
connects early waits in the queue of the machine's kernel.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from kubesim.errors import InputError
from kubesim.kernel import Kernel, RealTimePump
from kubesim.server.streaming.options import StreamOptions

if TYPE_CHECKING:
    import ssl

    from kubesim.runtime.daemon import Daemon
    from kubesim.server.streaming.front import StreamingServer

BACKLOG = 4096
"""Connections that the machine's kernel holds for us."""


class NodeStreams:
    """`daemon` gives the runtime behind the streams, made if it was not."""

    def __init__(self, kernel: Kernel, options: StreamOptions, daemon: Callable[[], Daemon]) -> None:
        self._kernel = kernel
        self._options = options
        self._daemon = daemon
        self._tls: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._server: StreamingServer | None = None
        self.url = ""
        """Where streams are served; empty until `listen`."""

    def listen(self) -> None:
        """Take the port. Raises InputError when the address is taken or the certificate cannot be used."""
        address, tls = self._options.address, self._options.tls
        if tls is not None:
            from kubesim.server.streaming.tls import server_context

            self._tls = server_context(tls, address.host)
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            self._socket = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
        except OSError as error:
            hint = "name another port, or 0 for a free one"
            what = f"cannot listen there: {os.strerror(error.errno or 0)}"
            raise InputError(what, where=f"--stream-address {address}", hint=hint) from error
        port = self._socket.getsockname()[1]
        scheme = "http" if self._tls is None else "https"
        host = f"[{address.host}]" if ":" in address.host else address.host
        self.url = f"{scheme}://{host}:{port}"

    async def serve(self, pump: RealTimePump) -> None:
        """Answer at the port. Does nothing after `stop`."""
        from kubesim.server.streaming.front import StreamingServer
        from kubesim.server.streaming.opener import DaemonStreams

        if self._socket is None:
            return
        opener = DaemonStreams(self._kernel, self._daemon)
        self._server = StreamingServer(self._kernel, pump, opener, idle_ns=self._options.idle_ns)
        await self._server.start(self._socket, self._tls)

    @property
    def connections_count(self) -> int:
        """Connections that are open, streams or not."""
        return 0 if self._server is None else self._server.connections_count

    def stop(self) -> None:
        """Cut all streams. Fine when nobody listens."""
        sock, self._socket = self._socket, None
        if self._server is not None:
            self._server.stop()
        if sock is not None:
            sock.close()
