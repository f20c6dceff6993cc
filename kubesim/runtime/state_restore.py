"""A runtime as it comes back: the saved records as sandboxes, containers and images, before the first call.

Their processes are gone; what is reported of them is `policy.lost_processes`. Like the real ones this emits no events:
clients list after a reconnect. Names stay reserved, addresses stay with their sandboxes until these are stopped, and
new objects get later creation times than all that came back.

Mirrors containerd: internal/cri/server/restart.go, recover; CRI-O: server/server.go, restore.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
from google.protobuf.message import DecodeError, Message

from kubesim.cri import api
from kubesim.errors import InputError
from kubesim.images.image import Image
from kubesim.images.tar_reader import ArchiveError
from kubesim.policy.lost_processes import container_end_after, is_sandbox_ready_after
from kubesim.runtime.artifact_images import kept_content
from kubesim.runtime.checkpoint_archive import checkpoint_from_json
from kubesim.runtime.container_create import log_of, process_plan, requested_signal
from kubesim.runtime.container_state import ContainerLife, FoundDead, Phase
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.pause import start_pause
from kubesim.runtime.process_plan import ContainerIdentity
from kubesim.runtime.sandbox_files import write_sandbox_files
from kubesim.runtime.sandbox_network import open_network, reopen_ports
from kubesim.runtime.sandbox_state import SandboxLife, SandboxPhase, Stopped
from kubesim.runtime.sandbox_stop import watch_pause
from kubesim.runtime.state_changes import StateKind
from kubesim.runtime.state_records import (
    ContainerRecord,
    IdentityRecord,
    ImageKey,
    ImageRecord,
    SandboxRecord,
    SavedState,
)
from kubesim.runtime.stop_signal import reported_stop_signal, stop_signal

T = TypeVar("T")


def restore(daemon: Daemon, saved: SavedState) -> frozenset[str]:
    """Fill an empty runtime. Returns the ids of the images that the node had from the start, there or removed since.

    Raises InputError for a record that cannot be read, and for one that needs an image no fixture has.
    """
    restoring = _Restoring(daemon, saved)
    restoring.each(StateKind.IMAGE, ImageRecord, restoring.image)
    restoring.each(StateKind.SANDBOX, SandboxRecord, restoring.sandbox)
    restoring.each(StateKind.CONTAINER, ContainerRecord, restoring.container)
    return frozenset(record.id for record in saved.records if record.kind is StateKind.SEEDED)


class _Restoring:
    """One restoration."""

    def __init__(self, daemon: Daemon, saved: SavedState) -> None:
        self._daemon = daemon
        self._saved = saved
        self._opened: dict[ImageKey, Image | None] = {}

    def each(self, kind: StateKind, shape: type[T], put: Callable[[str, T], None]) -> None:
        """Decode the records of a kind, and put each back under its id."""
        decode = msgspec.msgpack.Decoder(shape).decode
        for record in self._saved.records:
            if record.kind is not kind:
                continue
            try:
                put(record.id, decode(record.data))
            except (msgspec.MsgspecError, ArchiveError, DecodeError, ValueError, KeyError) as error:
                raise self._damaged(f"the record of {kind} {record.id} makes no sense: {error}") from error

    def _damaged(self, what: str) -> InputError:
        return InputError(what, where=self._saved.where, hint="remove the file to begin with an empty node")

    def image(self, image_id: str, record: ImageRecord) -> None:
        """Put an image back."""
        content = self.content(ImageKey(image_id, record.digest), needed_by="")
        self._daemon.images.restore(
            content,
            record.names,
            digests=record.digests,
            last_name=record.last_name,
            is_pinned=record.is_pinned,
        )

    def content(self, key: ImageKey, *, needed_by: str) -> Image:
        """The image that a record means; the id decides, the digest only among images with one id."""
        daemon = self._daemon
        found = kept_content(daemon, key.id, key.digest, daemon.catalogue.find_content) or self._kept(key)
        if found is None:
            user = f" of container {needed_by}" if needed_by else " on the node"
            raise InputError(
                f"image {key.id}{user} is in no fixture",
                where=self._saved.where,
                hint="give the same --images and --pull as before, or remove the file to begin with an empty node",
            )
        return found

    def _kept(self, key: ImageKey) -> Image | None:
        """An image from a real registry, opened once for all who have it."""
        remote = self._daemon.remote_images
        if remote is not None and key not in self._opened:
            self._opened[key] = kept_content(self._daemon, key.id, key.digest, remote.kept)
        return self._opened.get(key)

    def sandbox(self, sandbox_id: str, record: SandboxRecord) -> None:
        """Put a sandbox back."""
        daemon = self._daemon
        sandbox = Sandbox(
            id=sandbox_id,
            name=record.name,
            encoded_config=_readable(api.PodSandboxConfig, record.config),
            runtime_handler=record.runtime_handler,
            hostname=record.hostname,
            pause=None,
            pause_pid=record.pause_pid,
            life=SandboxLife(
                phase=SandboxPhase.READY if record.is_ready else SandboxPhase.NOT_READY,
                created_at_ns=record.created_at_ns,
                stopped_at_ns=record.stopped_at_ns,
            ),
            ip=record.ip,
            additional_ips=record.additional_ips,
            overhead=_linux_resources(record.overhead),
            resources=_linux_resources(record.resources),
            changes=daemon.changes,
        )
        if record.ip:
            daemon.network.claim(sandbox.ips)
            open_network(daemon, sandbox)
        daemon.sandboxes.add(sandbox_id, sandbox)
        daemon.sandbox_names.reserve(record.name, sandbox_id).is_created = True
        daemon.last_time_ns = max(daemon.last_time_ns, record.created_at_ns)
        is_ready = is_sandbox_ready_after(
            was_ready=record.is_ready,
            keeps_pause_process=daemon.profile.sandboxes.keeps_pause_process,
            shares_pids=sandbox.namespace_options.pid == api.POD,
        )
        if is_ready:
            self._revive(sandbox)
            reopen_ports(daemon, sandbox)
        elif record.is_ready:
            sandbox.apply(Stopped(at_ns=daemon.time_after_ns(record.created_at_ns)))

    def _revive(self, sandbox: Sandbox) -> None:
        """A sandbox that had no process to lose; the emulation has one in each, and starts it anew."""
        daemon = self._daemon
        write_sandbox_files(daemon, sandbox.files_directory, sandbox.config, hostname=sandbox.hostname)
        sandbox.pause = start_pause(daemon, hostname=sandbox.hostname, uses_node_network=sandbox.uses_node_network)
        sandbox.pause_pid = sandbox.pause.host_pid
        watch_pause(daemon, sandbox)

    def container(self, container_id: str, record: ContainerRecord) -> None:
        """Put a container back."""
        daemon = self._daemon
        sandbox = daemon.sandboxes.get(record.sandbox_id)
        if sandbox is None:
            raise self._damaged(f"container {container_id} is of sandbox {record.sandbox_id}, which is not there")
        container = self._container(container_id, record, sandbox)
        daemon.containers.add(container_id, container)
        sandbox.containers[container_id] = container
        daemon.container_names.reserve(record.name, container_id).is_created = True
        daemon.last_time_ns = max(daemon.last_time_ns, record.created_at_ns)
        end = container_end_after(
            record.state,
            reason=daemon.profile.containers.lost_reason,
            created=daemon.profile.containers.created_when_lost,
            is_sandbox_ready=sandbox.life.is_ready,
        )
        if end is not None:
            at_ns = daemon.time_after_ns(max(record.created_at_ns, record.started_at_ns))
            container.apply(
                FoundDead(at_ns=at_ns, exit_code=end.exit_code, reason=end.reason, started_at_ns=end.started_at_ns)
            )
        elif container.life.phase is Phase.EXITED:
            container.ended.set()

    def _container(self, container_id: str, record: ContainerRecord, sandbox: Sandbox) -> Container:
        daemon = self._daemon
        config = api.ContainerConfig.FromString(record.config)
        image = self.content(record.image, needed_by=f"{container_id} ({config.metadata.name})")
        before = None if record.restored_from is None else checkpoint_from_json(record.restored_from)
        return Container(
            id=container_id,
            name=record.name,
            sandbox=sandbox,
            encoded_config=record.config,
            image=image,
            some_image_name=record.some_image_name,
            image_ref=record.image_ref,
            plan=process_plan(config, image, hostname=sandbox.hostname, os=daemon.os)
            if before is None
            else before.plan,
            identity=_identity(record.identity),
            encoded_mounts=tuple(_readable(api.Mount, mount) for mount in record.mounts),
            mount_specs=(),
            volume_images=tuple(self.content(key, needed_by=container_id) for key in record.volume_images),
            stop_signal=stop_signal(requested=requested_signal(daemon, config), image=image.config.stop_signal),
            reported_stop_signal=reported_stop_signal(requested=config.stop_signal, image=image.config.stop_signal),
            encoded_resources=_readable(api.LinuxContainerResources, record.resources),
            encoded_windows_resources=_readable(api.WindowsContainerResources, record.windows_resources),
            log_path=record.log_path,
            log=log_of(daemon, record.log_path),
            life=ContainerLife(
                phase=Phase(record.state),
                created_at_ns=record.created_at_ns,
                started_at_ns=record.started_at_ns,
                finished_at_ns=record.finished_at_ns,
                exit_code=record.exit_code,
                reason=record.reason,
                message=record.message,
            ),
            restored_from=before,
            changes=daemon.changes,
        )


def _identity(record: IdentityRecord | None) -> ContainerIdentity | None:
    if record is None:
        return None
    return ContainerIdentity(uid=record.uid, gid=record.gid, supplemental_groups=record.supplemental_groups)


def _readable(kind: type[Message], data: bytes) -> bytes:
    """The bytes of a message, which is read from them later. Raises DecodeError."""
    kind.FromString(data)
    return data


def _linux_resources(data: bytes | None) -> api.LinuxContainerResources | None:
    return None if data is None else api.LinuxContainerResources.FromString(data)
