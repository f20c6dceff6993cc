"""The streaming server of one node: listens when it does, and imports what opens streams with the first of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from kubesim.errors import InputError
from kubesim.kernel import Kernel, RealTimePump
from kubesim.policy.stream_upgrade import Refused, StreamTarget
from kubesim.server.streaming.front import Begun, StreamingServer, StreamOpener
from kubesim.server.streaming.link import Link
from kubesim.server.streaming.options import StreamOptions

if TYPE_CHECKING:
    from kubesim.runtime.daemon import Daemon
    from kubesim.server.streaming.http_head import RequestHead


class NodeStreams:
    """`daemon` gives the runtime behind the streams, made if it was not."""

    def __init__(self, kernel: Kernel, options: StreamOptions, daemon: Callable[[], Daemon]) -> None:
        self._kernel = kernel
        self._options = options
        self._daemon = daemon
        self._opener: StreamOpener | None = None
        self._server: StreamingServer | None = None
        self.url = ""
        """Where streams are served; empty until `start`."""

    async def start(self, pump: RealTimePump) -> None:
        """Listen. Raises InputError when the address is taken or the certificate cannot be used."""
        context = None
        if self._options.tls is not None:
            from kubesim.server.streaming.tls import server_context

            context = server_context(self._options.tls, self._options.address.host)
        server = StreamingServer(self._kernel, pump, self, idle_ns=self._options.idle_ns, tls=context)
        address = self._options.address
        try:
            self.url = await server.start(address.host, address.port)
        except OSError as error:
            hint = "name another port, or 0 for a free one"
            what = f"cannot listen there: {os.strerror(error.errno or 0)}"
            raise InputError(what, where=f"--stream-address {address}", hint=hint) from error
        self._server = server

    def stop(self) -> None:
        """Cut all streams. Fine when none was started."""
        if self._server is not None:
            self._server.stop()

    def open(
        self, target: StreamTarget, head: RequestHead, link: Link, on_data: Callable[[], object]
    ) -> Refused | Begun:
        """See StreamOpener."""
        if self._opener is None:
            from kubesim.server.streaming.opener import DaemonStreams

            self._opener = DaemonStreams(self._kernel, self._daemon)
        return self._opener.open(target, head, link, on_data)
