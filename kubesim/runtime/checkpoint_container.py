"""CheckpointContainer: a running container as an archive on the node. It runs on afterwards.

A process here is a coroutine, which cannot be written down. So an archive holds what the container is made of and what
it wrote, and in place of the memory of its processes the way in which the first of them was started.

State is captured and written at one instant: that is what pausing the container is for, and nothing can be cancelled in
between. How long CRIU takes was not measured, so no virtual time passes. The emulated node has CRIU, as a node
of conformance tests does: without it containerd refuses the call and CRI-O turns its feature off, and there would be
nothing to emulate.

Mirrors containerd: internal/cri/server/container_checkpoint_linux.go; CRI-O: server/container_checkpoint.go and
internal/lib/checkpoint.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.cri.errors import unimplemented
from kubesim.images.tar_reader import ArchiveError
from kubesim.policy.checkpoint import path_fault
from kubesim.runtime import checkpoint_refusals as say
from kubesim.runtime.checkpoint_archive import ContainerCheckpoint, Dumps, checkpoint_to_tar
from kubesim.runtime.container_state import ReportedState
from kubesim.runtime.container_status import container_status_message
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container
from kubesim.runtime.request_check import check_text
from kubesim.runtime.runtime_spec import container_spec
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError, from_os_error

MODE_OF_ARCHIVE = 0o600


async def checkpoint_container(
    daemon: Daemon, request: api.CheckpointContainerRequest
) -> api.CheckpointContainerResponse:
    """Write the archive of a running container; a file that is there is replaced. When it fails, nothing is left.

    The `timeout` of the request is the caller's: the deadline of its call, which no runtime looks up again.
    """
    if daemon.os == "windows":
        raise unimplemented("method CheckpointContainer not implemented")
    container = daemon.container(request.container_id, say.LOOKUP)
    check_is_live(daemon, container)
    check_text(daemon, "location", request.location)
    fault = path_fault(request.location)
    if fault:
        raise daemon.refuse(say.LOCATION, path=request.location, fault=fault)
    save(daemon, container.id, request.location, capture(daemon, container))
    return api.CheckpointContainerResponse()


def check_is_live(daemon: Daemon, container: Container) -> None:
    """Raises CriError unless the container's first process runs."""
    if not container.is_live:
        # A first process that ended at this very instant has not been recorded yet.
        state = ReportedState.EXITED if container.life.is_running else container.life.reported_state
        raise daemon.refuse(say.STATE, id=container.id, state=state.upper())


def capture(daemon: Daemon, container: Container) -> bytes:
    """The archive of a running container as it is now. Raises CriError."""
    assert container.filesystem is not None, "a running container has a file system"
    status = container_status_message(daemon, container)
    checkpoint = ContainerCheckpoint(
        id=container.id,
        config=container.config,
        image_id=container.image.id,
        image_name=status.image.image,
        image_ref=status.image_ref,
        plan=container.plan,
        identity=container.identity,
        created_at_ns=container.life.created_at_ns,
        started_at_ns=container.life.started_at_ns,
        checkpointed_at_ns=daemon.kernel.now_ns,
        log=_log(daemon, container),
        layer=container.filesystem.changes(),
    )
    dumps = Dumps(
        name=container.name,
        runtime=container.sandbox.runtime_handler or daemon.profile.default_handler,
        is_restored=container.restored_from is not None,
        spec=container_spec(daemon, container),
        status=status,
    )
    try:
        return checkpoint_to_tar(checkpoint, dumps)
    except ArchiveError as error:
        raise daemon.refuse(say.TOO_LARGE, id=container.id, reason=error) from None


def _log(daemon: Daemon, container: Container) -> bytes | None:
    if not container.log_path:
        return None
    try:
        return daemon.host_files.read(container.log_path)
    except FsError as error:
        reason = error.strerror.lower()
        raise daemon.refuse(say.LOG, id=container.id, path=container.log_path, reason=reason) from None


def save(daemon: Daemon, container_id: str, path: str, content: bytes) -> None:
    """Write a whole file, or nothing: beside the place first, then under its name. Raises CriError.

    Only a file gives way, or a link (which a runtime would follow); never a directory or a device.
    """
    files = daemon.host_files
    try:
        kind = files.kind(path)
        if kind not in (None, FileKind.FILE, FileKind.SYMLINK):
            reason = "is a directory" if kind == FileKind.DIRECTORY else "not a regular file"
            raise daemon.refuse(say.OPEN, id=container_id, path=path, reason=reason)
    except FsError as error:
        raise daemon.refuse(say.OPEN, id=container_id, path=path, reason=error.strerror.lower()) from None
    # Nobody can have put a link in the way of a name that is not known before.
    partial = f"{path.rpartition('/')[0]}/.{daemon.kernel.ids.hex(16)}"
    row = say.OPEN
    try:
        files.write(partial, b"", MODE_OF_ARCHIVE)
        row = say.WRITE
        files.write(partial, content, MODE_OF_ARCHIVE)
        files.rename(partial, path)
    except OSError as error:
        reason = from_os_error(error).strerror.lower()
        if row is say.WRITE:
            files.remove(partial)
        raise daemon.refuse(row, id=container_id, path=path, reason=reason) from None
