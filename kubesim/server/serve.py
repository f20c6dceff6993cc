"""`kubesim serve`: the runtime on a unix socket, in real time, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kubesim.cri.protocol import Cri
from kubesim.errors import InputError
from kubesim.images.fixtures import load_catalogue
from kubesim.kernel import Kernel, RealTimePump
from kubesim.kernel.realtime import wall_clock_ns
from kubesim.middleware.journal import Journal, JournalEntry
from kubesim.policy.runtime_profile import CgroupDriver
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.server.address import ListeningPath, socket_path
from kubesim.server.grpc_server import create_server
from kubesim.userland.host_files import RealHostFiles

SOCKET_UMASK = 0o117
"""The socket gets mode 0660: its owner and its group may connect, as with containerd's."""

STOP_GRACE_SECONDS = 0.5
"""How long calls in progress may end by themselves when the server stops."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What to serve and where.

    `images` are fixture files or folders beside the built-in ones. `image_fs_path` is the directory that ImageFsInfo
    names; a kubelet looks at its file system, so it must exist. Default: the directory of the socket.
    """

    socket: str
    profile: str = "containerd-2.3"
    cgroup_driver: CgroupDriver | None = None
    images: tuple[Path, ...] = ()
    journal: Path | None = None
    image_fs_path: str | None = None
    on_ready: Callable[[str], object] = print


def serve(options: ServeOptions) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Raises InputError before anything is left behind."""
    path = socket_path(options.socket)
    if not path.parent.is_dir():
        what = "is not a directory" if path.parent.exists() else "does not exist"
        hint = "name a socket in an existing directory"
        raise InputError(f"the socket's folder {path.parent} {what}", where="--socket", hint=hint)
    profile = load_profile(options.profile)
    catalogue = load_catalogue(options.images)
    image_fs_path = options.image_fs_path or str(path.parent)
    if not Path(image_fs_path).is_dir():
        raise InputError("is not a directory", where=image_fs_path, hint="--image-fs-path names an existing directory")
    # The seed is the present instant: a runtime that was started anew must not hand out the ids of the one before.
    kernel = Kernel(seed=wall_clock_ns(), start_ns=wall_clock_ns())
    runtime = Runtime(
        kernel,
        profile=profile,
        catalogue=catalogue,
        host_files=RealHostFiles(),
        cgroup_driver=options.cgroup_driver,
        image_fs_path=image_fs_path,
    )
    ready = f"kubesim serves {profile.name} ({profile.runtime_name} {profile.runtime_version}) on unix://{path}"

    async def main() -> None:
        stop = _stop_signals()
        with ListeningPath(path), _journal_sink(options.journal) as sink:
            cri: Cri = Journal(runtime, kernel, sink=sink, entries_max=0) if sink is not None else runtime
            await _run(cri, kernel, path, lambda: options.on_ready(ready), stop, profile.legacy_services)

    asyncio.run(main())


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


async def _run(
    cri: Cri,
    kernel: Kernel,
    path: Path,
    on_ready: Callable[[], object],
    stop: asyncio.Event,
    legacy_packages: Sequence[str],
) -> None:
    loop = asyncio.get_running_loop()
    pump = RealTimePump(kernel, loop, on_failure=_report_failure)
    server = create_server(cri, kernel, pump, legacy_packages=legacy_packages)
    before = os.umask(SOCKET_UMASK)
    try:
        server.add_insecure_port(f"unix:{path}")
    finally:
        os.umask(before)
    await server.start()
    pump.start()
    on_ready()
    await stop.wait()
    await server.stop(STOP_GRACE_SECONDS)
    pump.stop()


def _report_failure(error: BaseException) -> None:
    """A task of the kernel failed and nobody waits for it: a bug, which must be seen and must not stop the others."""
    _log.error("a task failed; this is a bug in kubesim", exc_info=error)


@contextlib.contextmanager
def _journal_sink(path: Path | None) -> Iterator[Callable[[JournalEntry], object] | None]:
    """Writes each entry as one line of JSON."""
    if path is None:
        yield None
        return
    try:
        file: IO[str] = path.open("a", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot write the journal: {error.strerror}", where=str(path), hint="name a file in an existing directory"
        ) from error
    with file:

        def write(entry: JournalEntry) -> None:
            file.write(json.dumps(entry.as_dict(), separators=(",", ":")) + "\n")
            file.flush()

        yield write
