"""Sandboxes, containers and images as records: what a restart of the daemon must not lose, and no more.

Kept is what a client was told: configs as they were asked for, the life as the CRI shows it, names, mounts, identity,
resources, address, log path. Not kept is what ended with the processes: the processes, their file systems with the
writable layer (no RPC of the CRI reads that of a container that ended), the stop signal that was sent. What follows
from config and image is worked out anew: the command line (unless it is that of a checkpoint), the stop signal.

A record is MessagePack. Messages of the CRI are in it as their bytes: fields that this kubesim does not know survive.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from kubesim.images.image import Image
from kubesim.policy.lost_processes import StoredState
from kubesim.runtime.checkpoint_archive import checkpoint_to_json
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.present_image import PresentImage
from kubesim.runtime.state_changes import StateChanges, StateKey, StateKind


class ImageKey(NamedTuple):
    """What leads to an image's content: id and manifest digest."""

    id: str
    digest: str


class SandboxRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox; the fields are those of `Sandbox` and its life."""

    name: str
    config: bytes
    runtime_handler: str
    hostname: str
    pause_pid: int
    ip: str
    additional_ips: tuple[str, ...] = ()
    """A record from before dual stack has none."""
    overhead: bytes | None
    resources: bytes | None
    is_ready: bool
    created_at_ns: int
    stopped_at_ns: int


class IdentityRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A `ContainerIdentity`."""

    uid: int
    gid: int
    supplemental_groups: tuple[int, ...]


class ContainerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A container; the fields are those of `Container` and its life."""

    name: str
    sandbox_id: str
    config: bytes
    image: ImageKey
    volume_images: tuple[ImageKey, ...]
    some_image_name: str
    image_ref: str
    identity: IdentityRecord | None
    mounts: tuple[bytes, ...]
    resources: bytes
    windows_resources: bytes
    log_path: str
    restored_from: bytes | None = None
    """The checkpoint that it was made from, without files and log."""
    state: StoredState
    """As the CRI shows it: a start or a removal that was not answered has not happened."""
    created_at_ns: int
    started_at_ns: int
    finished_at_ns: int
    exit_code: int
    reason: str
    message: str


class ImageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is on the node, with its names there."""

    digest: str
    names: tuple[str, ...]
    digests: tuple[str, ...]
    last_name: str
    is_pinned: bool


class StateRecord(NamedTuple):
    """One record, with what it is about."""

    kind: StateKind
    id: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StateBatch:
    """What to write in one transaction: remove first, then write."""

    gone: tuple[StateKey, ...]
    records: tuple[StateRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """The records that a runtime begins with, in the order in which they were first written."""

    where: str
    """The file they come from; for messages."""
    records: tuple[StateRecord, ...]


def sandbox_addresses(saved: SavedState) -> list[str]:
    """The addresses that sandboxes had. A record that cannot be read has none: it is refused when it is restored."""
    found = []
    for record in saved.records:
        if record.kind is StateKind.SANDBOX:
            with suppress(msgspec.MsgspecError):
                found.append(_decode_sandbox(record.data).ip)
    return [ip for ip in found if ip]


_decode_sandbox = msgspec.msgpack.Decoder(SandboxRecord).decode
_encode = msgspec.msgpack.Encoder().encode


def sandbox_record(sandbox: Sandbox) -> bytes:
    """A sandbox as a record."""
    life = sandbox.life
    return _encode(
        SandboxRecord(
            name=sandbox.name,
            config=sandbox.encoded_config,
            runtime_handler=sandbox.runtime_handler,
            hostname=sandbox.hostname,
            pause_pid=sandbox.pause_pid,
            ip=sandbox.ip,
            additional_ips=sandbox.additional_ips,
            overhead=None if sandbox.overhead is None else sandbox.overhead.SerializeToString(),
            resources=None if sandbox.resources is None else sandbox.resources.SerializeToString(),
            is_ready=life.is_ready,
            created_at_ns=life.created_at_ns,
            stopped_at_ns=life.stopped_at_ns,
        )
    )


def container_record(container: Container) -> bytes:
    """A container as a record."""
    life, who = container.life, container.identity
    identity = None
    if who is not None:
        identity = IdentityRecord(uid=who.uid, gid=who.gid, supplemental_groups=who.supplemental_groups)
    return _encode(
        ContainerRecord(
            name=container.name,
            sandbox_id=container.sandbox.id,
            config=container.encoded_config,
            image=image_key(container.image),
            volume_images=tuple(map(image_key, container.volume_images)),
            some_image_name=container.some_image_name,
            image_ref=container.image_ref,
            identity=identity,
            mounts=tuple([mount.SerializeToString() for mount in container.mounts]),
            resources=container.encoded_resources,
            windows_resources=container.encoded_windows_resources,
            log_path=container.log_path,
            restored_from=None if container.restored_from is None else checkpoint_to_json(container.restored_from),
            state=life.reported_state.value,
            created_at_ns=life.created_at_ns,
            started_at_ns=life.started_at_ns,
            finished_at_ns=life.finished_at_ns,
            exit_code=life.exit_code,
            reason=life.reason,
            message=life.message,
        )
    )


def image_record(present: PresentImage) -> bytes:
    """An image on the node as a record."""
    return _encode(
        ImageRecord(
            digest=present.image.digest,
            names=tuple(sorted(present.names)),
            digests=tuple(sorted(present.digests)),
            last_name=present.last_name,
            is_pinned=present.is_pinned,
        )
    )


def image_key(image: Image) -> ImageKey:
    """What a record says of an image; the content is the fixture's."""
    return ImageKey(image.id, image.digest)


def _seeded_record(_: object) -> bytes:
    return b""


_RECORD_OF: Mapping[StateKind, Callable[[Any], bytes]] = {
    StateKind.SANDBOX: sandbox_record,
    StateKind.CONTAINER: container_record,
    StateKind.IMAGE: image_record,
    StateKind.SEEDED: _seeded_record,
}


def batch_of(changes: StateChanges) -> StateBatch:
    """Encode what changed. The changes stay noted until they are cleared."""
    return StateBatch(
        gone=tuple(changes.gone),
        records=tuple(StateRecord(kind, key, _RECORD_OF[kind](item)) for (kind, key), item in changes.changed.items()),
    )
