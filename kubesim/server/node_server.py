"""One emulated node behind one socket: a kernel of its own, a runtime on it, and the gRPC server before it.

Nodes of one process share the event loop and nothing else: each kernel has its own clock, seed and queue, so that a
node with much to do costs the others no more than its slices of the loop.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc.aio

from kubesim.cri.protocol import Cri
from kubesim.errors import InputError
from kubesim.kernel import Kernel, RealTimePump
from kubesim.kernel.realtime import wall_clock_ns
from kubesim.model.frozen_records import replace
from kubesim.policy.runtime_profile import CgroupDriver, RuntimeProfile
from kubesim.server.address import Address, TcpAddress, UnixAddress
from kubesim.server.grpc_server import create_server
from kubesim.server.served_nodes import ServedNode
from kubesim.server.starting_runtime import StartingRuntime
from kubesim.server.streaming.node_streams import NodeStreams
from kubesim.server.streaming.options import StreamOptions

if TYPE_CHECKING:
    # A server answers before these are imported; see starting_runtime.
    from kubesim.images.catalogue import Catalogue
    from kubesim.middleware.journal import JournalEntry
    from kubesim.runtime.service import Runtime
    from kubesim.runtime.timings import TimingsKind
    from kubesim.server.pod_sockets.node_pods import NodePods
    from kubesim.server.registry_puller import RegistryPuller
    from kubesim.server.state_keeper import StateKeeper
    from kubesim.userland.files.host_files import HostFiles

WARM_UP_SECONDS = 0.05
"""How long a server waits for a first call before it makes its runtime unasked."""

SOCKET_UMASK = 0o117
"""The socket gets mode 0660: its owner and its group may connect, as with containerd's."""

STOP_GRACE_SECONDS = 0.5
"""How long calls in progress may end by themselves when the server stops."""

_log = logging.getLogger(__name__)


class NodeServer:
    """A runtime on the socket of its node. `number` tells the nodes of one process apart.

    It begins with the state that `keeper` has, and keeps its own there; without one its state is memory only.
    """

    def __init__(
        self,
        node: ServedNode,
        *,
        profile: RuntimeProfile,
        catalogue: Callable[[], Catalogue],
        cgroup_driver: CgroupDriver | None,
        image_fs_path: str,
        number: int,
        keeper: StateKeeper | None,
        streams: StreamOptions,
        pods: NodePods | None,
        pod_ipv6_cidr: str | None = None,
        timings: TimingsKind = "instant",
        puller: RegistryPuller | None = None,
    ) -> None:
        """`catalogue` gives the images. Without `pods` no pod can be reached from outside the emulated world.

        With `pod_ipv6_cidr` pods have a second address, of that network. `puller` gets what no fixture holds.

        Raises InputError when the state cannot be restored.
        """
        self.node = node
        self._profile = profile
        self._keeper = keeper
        self._pods = pods
        self._pod_ipv6_cidr = pod_ipv6_cidr
        self._timings = timings
        self._puller = puller
        # The seed is the present instant: a runtime that was started anew must not hand out the ids of the one before,
        # and two nodes that start together must not hand out the same.
        self._kernel = Kernel(seed=wall_clock_ns() + number, start_ns=wall_clock_ns())
        self._host_files: HostFiles | None = None
        self._pump: RealTimePump | None = None
        self._server: grpc.aio.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._runtime = StartingRuntime(profile, lambda: self._make_runtime(catalogue(), cgroup_driver, image_fs_path))
        self._streams = NodeStreams(self._kernel, streams, lambda: self._runtime.made().daemon)
        if keeper is not None:
            # What was kept may be damaged, or need what is not there any more: that is said before anybody calls.
            self._runtime.made()

    def _make_runtime(self, catalogue: Catalogue, cgroup_driver: CgroupDriver | None, image_fs_path: str) -> Runtime:
        from kubesim.runtime.service import Runtime
        from kubesim.runtime.timings import Timings
        from kubesim.userland.files.host_files import RealHostFiles

        host_files = self._host_files = RealHostFiles()
        keeper, pods = self._keeper, self._pods
        runtime = Runtime(
            self._kernel,
            profile=self._profile,
            catalogue=catalogue,
            host_files=host_files,
            cgroup_driver=cgroup_driver,
            image_fs_path=image_fs_path,
            hostname=self.node.hostname,
            timings=Timings.measured() if self._timings == "measured" else Timings.served(),
            changes=None if keeper is None else keeper.changes,
            saved=None if keeper is None else keeper.saved(),
            pod_ports=None if pods is None else pods.sockets(self._kernel),
            pod_ipv6_cidr=self._pod_ipv6_cidr,
            remote_images=self._puller,
        )
        if self._puller is not None:
            self._puller.sweep(runtime.images_in_use())
        if pods is not None:
            pods.observe(runtime.daemon.processes.network)
        runtime.daemon.streaming_url = self._streams.url
        return runtime

    @property
    def ready_text(self) -> str:
        """What is served and where, with the port that was picked."""
        profile = self._profile
        who = f"{self.node.name} as " if self.node.name else ""
        runtime = f"{profile.runtime_name} {profile.runtime_version}"
        return f"kubesim serves {who}{profile.name} ({runtime}) on {self.node.address}"

    async def start(self, sink: Callable[[JournalEntry], object] | None) -> None:
        """Listen and answer. Raises InputError when the address is taken, or the state cannot be kept."""
        # The kernel ends its own async generators. asyncio, which adopts what is iterated on its thread, must not.
        sys.set_asyncgen_hooks(None, None)
        loop = asyncio.get_running_loop()
        if self._keeper is not None:
            self._keeper.start(loop)
        self._pump = RealTimePump(self._kernel, loop, on_failure=_report_failure)
        if self._puller is not None:
            self._puller.start(self._pump, loop)
        self._streams.listen()
        if self._pods is not None:
            self._pods.start(self._pump, loop)
        if self._keeper is not None:
            # It was made before there was a URL.
            self._runtime.made().daemon.streaming_url = self._streams.url
        cri: Cri = self._runtime
        if sink is not None:
            from kubesim.middleware.journal import Journal

            cri = Journal(cri, self._kernel, sink=sink, entries_max=0)
        self._server = create_server(
            cri,
            self._kernel,
            self._pump,
            legacy_packages=self._profile.legacy_services,
            before_answer=None if self._keeper is None else self._keeper.before_answer,
        )
        self.node = replace(self.node, address=_bind(self._server, self.node.address))
        await self._server.start()
        self._pump.start()
        loop.call_later(WARM_UP_SECONDS, self._warm_up, loop)

    def _warm_up(self, loop: asyncio.AbstractEventLoop) -> None:
        self._runtime.made()
        if self._pump is not None:
            self._serving = loop.create_task(self._streams.serve(self._pump))
        # What has been imported stays for good: the collector need not look at it again and again.
        gc.collect()
        gc.freeze()

    async def stop(self) -> None:
        """End the calls in progress, and stop. Does nothing to a node that did not start."""
        if self._server is not None:
            await self._server.stop(STOP_GRACE_SECONDS)
        self._streams.stop()
        if self._puller is not None:
            # Its threads end at once, unless one is opening a layer.
            await asyncio.to_thread(self._puller.stop)
        if self._pods is not None:
            self._pods.stop()
        if self._pump is not None:
            self._pump.stop()
        if self._host_files is not None:
            try:
                self._host_files.unmount_all()
            except OSError as error:
                _log.warning("a mount that a container made stays on the host: %s", error)


def _bind(server: grpc.aio.Server, address: Address) -> Address:
    """Let the server listen; the address with its port filled in. Raises InputError."""
    if isinstance(address, UnixAddress):
        before = os.umask(SOCKET_UMASK)
        try:
            server.add_insecure_port(address.target)
        finally:
            os.umask(before)
        return address
    _check_free(address)
    try:
        return TcpAddress(address.host, server.add_insecure_port(address.target))
    except RuntimeError as error:
        raise InputError(f"cannot listen there: {error}", where=str(address), hint="name another port") from error


def _check_free(address: TcpAddress) -> None:
    """gRPC's own refusal is a page of its internals, on stderr and in the exception; the kernel's is one line."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        socket.create_server((address.host, address.port), family=family).close()
    except OSError as error:
        hint = "name another port, or 0 for a free one"
        raise InputError(
            f"cannot listen there: {os.strerror(error.errno or 0)}", where=str(address), hint=hint
        ) from error


def _report_failure(error: BaseException) -> None:
    """A task of the kernel failed and nobody waits for it: a bug, which must be seen and must not stop the others."""
    _log.error("a task failed; this is a bug in kubesim", exc_info=error)
