"""`kubesim serve`: the runtime of one node or several on their sockets, in real time, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

from kubesim.cri.errors import Code, CriError
from kubesim.errors import InputError
from kubesim.policy.runtime_profile import CgroupDriver, RuntimeProfile
from kubesim.runtime.network import parse_pod_ipv6_cidr
from kubesim.runtime.profiles import load_profile
from kubesim.server.address import ListeningPath, UnixAddress
from kubesim.server.node_server import NodeServer
from kubesim.server.pod_sockets.node_pods import NodePods
from kubesim.server.served_nodes import ServedNode
from kubesim.server.streaming.options import StreamOptions

if TYPE_CHECKING:
    # A server answers before these are imported; see starting_runtime.
    from kubesim.images.catalogue import Catalogue
    from kubesim.images.registry.settings import RegistrySettings
    from kubesim.images.store import ImageStore
    from kubesim.middleware.journal import JournalEntry
    from kubesim.runtime.timings import TimingsKind
    from kubesim.server.registry_puller import RegistryPuller
    from kubesim.server.state_keeper import StateKeeper


PodNetworkKind: TypeAlias = Literal["loopback", "virtual"]

DEFAULT_POD_NETWORK: PodNetworkKind = "loopback" if sys.platform == "linux" else "virtual"
"""Elsewhere only 127.0.0.1 is there without being set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What to serve and where.

    `nodes` are separate worlds: nothing that is asked of one is seen on another, but for the files of the machine. The
    other options hold for each of them. `images` are fixture files or folders beside the built-in ones.
    `image_fs_path` is the directory that ImageFsInfo names; a kubelet looks at its file system, so it must exist.
    Default: the directory of the node's socket, or the working directory for TCP. `journal` is one file for all nodes,
    and a line says which node it is about when the nodes have names. `state_dir` is where a file for each node keeps
    its state over a restart; None leaves it in memory only. `pod_network` is where pods have their addresses: in the
    machine's loopback network, or nowhere but in the emulated world; None is the first of them that the machine has.
    `pod_ipv6_cidr` is a network, such as fd00:88::/64, of which each pod has a second address; these are nowhere but in
    the emulated world. None leaves pods with IPv4 only. `timings` is how long the steps of a sandbox's and a
    container's life take: no time, or what containerd and runc took. `registries` says how images are pulled that no
    fixture holds; None leaves them where they are. They are kept beside the state, or as long as this runs.
    `streams` is for those who open the URLs of Exec, Attach and PortForward. `on_ready` is called with a line for each
    node once all of them answer.
    """

    nodes: tuple[ServedNode, ...]
    profile: str = "containerd-2.3"
    cgroup_driver: CgroupDriver | None = None
    images: tuple[Path, ...] = ()
    store: Path | None = None
    """Asked for names that neither the images nor the built-in ones have; it need not be there."""
    journal: Path | None = None
    image_fs_path: str | None = None
    state_dir: Path | None = None
    pod_network: PodNetworkKind | None = None
    pod_ipv6_cidr: str | None = None
    timings: TimingsKind = "instant"
    registries: RegistrySettings | None = None
    streams: StreamOptions = field(default_factory=StreamOptions)
    on_ready: Callable[[str], object] = print


def serve(options: ServeOptions) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Raises InputError before anything is left behind."""
    profile = load_profile(options.profile)

    @cache
    def registries() -> Catalogue:
        from kubesim.images.fixtures import load_catalogue

        return load_catalogue(options.images, more=_store(options.store))

    if options.images:
        # What is wrong with a user's own fixtures is said before anybody calls; the built-in ones can wait.
        registries()
    if options.pod_ipv6_cidr is not None:
        parse_pod_ipv6_cidr(options.pod_ipv6_cidr, where="--pod-ipv6-cidr")
    if options.image_fs_path is not None and not Path(options.image_fs_path).is_dir():
        hint = "--image-fs-path names an existing directory"
        raise InputError("is not a directory", where=options.image_fs_path, hint=hint)
    with contextlib.ExitStack() as kept:
        servers = []
        for number, node in enumerate(options.nodes):
            keeper = _keeper(node, profile, options.state_dir, kept)
            server = NodeServer(
                node,
                profile=profile,
                # What changes in the registries of one node does not in those of another.
                catalogue=lambda: registries().copy(),
                cgroup_driver=options.cgroup_driver,
                image_fs_path=options.image_fs_path or node.default_image_fs_path,
                number=number,
                keeper=keeper,
                streams=options.streams,
                pods=_pods(node, options, keeper, kept),
                pod_ipv6_cidr=options.pod_ipv6_cidr,
                timings=options.timings,
                puller=_puller(node, options, kept),
            )
            servers.append(server)
        _allow_many_connections()
        asyncio.run(_serve(servers, options))


def _store(path: Path | None) -> ImageStore | None:
    if path is None or not path.is_dir():
        return None  # what reads a store is not loaded for nothing
    from kubesim.images.store import ImageStore

    return ImageStore(path)


def _keeper(
    node: ServedNode, profile: RuntimeProfile, state_dir: Path | None, kept: contextlib.ExitStack
) -> StateKeeper | None:
    """Keeps the state of a node in a file of its name, until `kept` is left; None without a directory."""
    if state_dir is None:
        return None
    from kubesim.server.state_file import StateFile
    from kubesim.server.state_keeper import StateKeeper

    file = StateFile.open(state_dir, node=node.hostname, runtime=profile.runtime_name)
    return kept.enter_context(StateKeeper(file))


def _puller(node: ServedNode, options: ServeOptions, kept: contextlib.ExitStack) -> RegistryPuller | None:
    """Pulls from real registries for a node; None when it has none. The state must be locked by then."""
    if options.registries is None:
        return None
    import tempfile

    from kubesim.server.registry_puller import RegistryPuller

    if options.state_dir is not None:
        return RegistryPuller(options.state_dir / f"{node.hostname}.images", options.registries)
    folder = kept.enter_context(tempfile.TemporaryDirectory(prefix="kubesim-images-"))
    return RegistryPuller(Path(folder), options.registries)


def _pods(
    node: ServedNode, options: ServeOptions, keeper: StateKeeper | None, kept: contextlib.ExitStack
) -> NodePods | None:
    """The outside of a node's pods, until `kept` is left; None when they have none."""
    if (options.pod_network or DEFAULT_POD_NETWORK) == "virtual":
        return None
    pods = NodePods(str(node.address), () if keeper is None else keeper.sandbox_addresses())
    kept.callback(pods.release)
    return pods


async def _serve(servers: list[NodeServer], options: ServeOptions) -> None:
    stop = _stop_signals()
    with contextlib.ExitStack() as held:
        for server in servers:
            if isinstance(server.node.address, UnixAddress):
                held.enter_context(ListeningPath(server.node.address.path))
        write = held.enter_context(_journal_file(options.journal))
        try:
            for server in servers:
                await server.start(_sink_of(server.node, write))
            for server in servers:
                options.on_ready(server.ready_text)
            await stop.wait()
        finally:
            await asyncio.gather(*(server.stop() for server in servers))


def _stop_signals() -> asyncio.Event:
    """Set by a signal that asks to stop. Comes before the lock: a signal in between would leave its file behind."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    # Under nohup the hangup is ignored, which is what was asked for.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(signal.SIGHUP, stop.set)
    return stop


def _allow_many_connections() -> None:
    """Each connection is an open file, and a shell's usual limit is 1024: a few idle clients would keep others out."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def _journal_file(path: Path | None) -> Iterator[Callable[[str], object] | None]:
    """Writes lines to the journal; None without one."""
    if path is None:
        yield None
        return
    try:
        # Unbuffered below, line by line above: what a write refused must not come up again when the file is closed.
        file: IO[str] = io.TextIOWrapper(path.open("ab", buffering=0), encoding="utf-8", write_through=True)
    except OSError as error:
        raise InputError(
            f"cannot write the journal: {error.strerror}", where=str(path), hint="name a file in an existing directory"
        ) from error
    with file:

        def write(line: str) -> None:
            try:
                file.write(line + "\n")
            except OSError as error:
                # Whoever asked for a journal must not take an answer for one that is written down.
                what = f"kubesim: {path}: the journal cannot be written: {error.strerror}"
                raise CriError(Code.UNAVAILABLE, what) from error

        yield write


def _sink_of(node: ServedNode, write: Callable[[str], object] | None) -> Callable[[JournalEntry], object] | None:
    """Writes each entry of a node as one line of JSON."""
    if write is None:
        return None
    whose = {"node": node.name} if node.name else {}
    return lambda entry: write(json.dumps({**whose, **entry.as_dict()}, separators=(",", ":")))
