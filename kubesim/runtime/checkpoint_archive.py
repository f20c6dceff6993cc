"""The archive of a container checkpoint: an uncompressed tar in the layout that runtimes and checkpointctl share.

    config.dump              which container, image and runtime, and when (JSON)
    spec.dump                its OCI spec (JSON)
    status.dump              its ContainerStatus (JSON)
    container.log            its log, if it has one
    rootfs-diff.tar          its writable layer, as an OCI layer
    checkpoint/kubesim.json  what an emulated process is made of; real archives have the images of CRIU in `checkpoint/`

The three dumps are for people and tools. A restore is made of the last two members and the log alone.

Rule 1: a checkpoint that was written is read back equal.
Rule 2: an archive may come from anybody. What is no checkpoint of kubesim is refused with a reason, before anything is
made of it.

Mirrors checkpointctl: lib/metadata.go, for names and fields.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

import msgspec
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from kubesim.cri import api
from kubesim.images.tar_reader import ArchiveError, read_tar
from kubesim.images.tree import FileTree, NodeKind
from kubesim.model.frozen_records import replace
from kubesim.model.timestamps import format_rfc3339_nano
from kubesim.runtime.go_json import go_json
from kubesim.runtime.process_plan import ContainerIdentity, ProcessPlan
from kubesim.userland.files.layer_diff import LayerDiff
from kubesim.userland.files.layer_tar import layer_from_tar, layer_to_tar

ARCHIVE_BYTES_MAX = 512 * 1024 * 1024
"""A limit of ours, for what is written and what is read: an archive is held in memory."""

FORMAT_VERSION = 1

CONFIG = "config.dump"
SPEC = "spec.dump"
STATUS = "status.dump"
LOG = "container.log"
LAYER = "rootfs-diff.tar"
STATE = "checkpoint/kubesim.json"
_REQUIRED = (SPEC, CONFIG, STATUS, STATE, LAYER)
_KNOWN = frozenset({*_REQUIRED, LOG})

_MODE = 0o600
_GO_ZERO_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerCheckpoint:
    """A container as it was at one instant: all that its restore needs."""

    id: str
    config: api.ContainerConfig
    image_id: str
    """`sha256:` and the digest; the layer fits no other image."""
    image_name: str
    image_ref: str
    """By which the image can be pulled: the repo digest, or the id without one."""
    plan: ProcessPlan
    identity: ContainerIdentity | None
    created_at_ns: int
    started_at_ns: int
    checkpointed_at_ns: int
    log: bytes | None
    """None when there was no log file."""
    layer: LayerDiff


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumps:
    """What an archive tells about the container besides, for people and tools."""

    name: str
    runtime: str
    """The OCI runtime, as the status shows it."""
    is_restored: bool
    """Whether the container itself came from a checkpoint."""
    spec: Mapping[str, Any]
    status: api.ContainerStatus


_Time = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class _Image(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str
    ref: str


class _Process(msgspec.Struct, forbid_unknown_fields=True):
    argv: list[str]
    env: list[tuple[str, str]]
    cwd: str
    terminal: bool


class _Identity(msgspec.Struct, forbid_unknown_fields=True):
    uid: _Id
    gid: _Id
    supplemental_groups: list[_Id]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """checkpoint/kubesim.json."""

    version: int
    id: str
    config: dict[str, Any]
    image: _Image
    process: _Process
    identity: _Identity | None
    created_at_ns: _Time
    started_at_ns: _Time
    checkpointed_at_ns: _Time


# -- writing ----------------------------------------------------------------------------------------------


def checkpoint_to_tar(checkpoint: ContainerCheckpoint, dumps: Dumps) -> bytes:
    """The bytes of an archive. Raises ArchiveError when there would be more than ARCHIVE_BYTES_MAX."""
    members = {
        CONFIG: _config_dump(checkpoint, dumps),
        SPEC: go_json(dumps.spec).encode(errors="replace"),
        STATUS: go_json(dumps.status).encode(),
        STATE: checkpoint_to_json(checkpoint),
        LAYER: layer_to_tar(checkpoint.layer),
    }
    if checkpoint.log is not None:
        members[LOG] = checkpoint.log
    size_bytes = sum(len(content) for content in members.values())
    if size_bytes > ARCHIVE_BYTES_MAX:
        raise ArchiveError(f"its state has {size_bytes} bytes, more than an archive here may: {ARCHIVE_BYTES_MAX}")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.mode = _MODE
            header.size = len(content)
            header.mtime = checkpoint.checkpointed_at_ns // 1_000_000_000
            archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def _config_dump(checkpoint: ContainerCheckpoint, dumps: Dumps) -> bytes:
    """Mirrors checkpointctl: lib/metadata.go, ContainerConfig."""
    fields = {
        "id": checkpoint.id,
        "name": dumps.name,
        "rootfsImage": checkpoint.config.image.image,
        "rootfsImageRef": checkpoint.image_ref,
        "rootfsImageName": checkpoint.image_name,
        "runtime": dumps.runtime,
        "createdTime": format_rfc3339_nano(checkpoint.created_at_ns),
        "checkpointedTime": format_rfc3339_nano(checkpoint.checkpointed_at_ns),
        "restoredTime": _GO_ZERO_TIME,
        "restored": dumps.is_restored,
    }
    return go_json(fields).encode()


def checkpoint_to_json(checkpoint: ContainerCheckpoint) -> bytes:
    """All of a checkpoint but its layer and log: the content of STATE."""
    plan, identity = checkpoint.plan, checkpoint.identity
    state = _State(
        version=FORMAT_VERSION,
        id=checkpoint.id,
        config=MessageToDict(checkpoint.config, preserving_proto_field_name=True),
        image=_Image(id=checkpoint.image_id, name=checkpoint.image_name, ref=checkpoint.image_ref),
        process=_Process(argv=list(plan.argv), env=list(plan.env), cwd=plan.cwd, terminal=plan.has_tty),
        identity=None
        if identity is None
        else _Identity(uid=identity.uid, gid=identity.gid, supplemental_groups=list(identity.supplemental_groups)),
        created_at_ns=checkpoint.created_at_ns,
        started_at_ns=checkpoint.started_at_ns,
        checkpointed_at_ns=checkpoint.checkpointed_at_ns,
    )
    # Escaped, because arguments and environment may hold bytes that are no UTF-8.
    return json.dumps(msgspec.to_builtins(state), indent=2, sort_keys=True).encode()


# -- reading ----------------------------------------------------------------------------------------------


def members_of_tar(data: bytes) -> dict[str, bytes]:
    """The members of an archive that a restore knows. Raises ArchiveError."""
    members: dict[str, bytes] = {}
    for member in read_tar(data):
        name = member.path.removeprefix("/")
        if member.kind not in ("file", "directory"):
            raise ArchiveError(f"{name!r} is a {member.kind}, which no checkpoint holds")
        if member.kind == "file" and name in members:
            raise ArchiveError(f"{name!r} is there twice")
        if member.kind == "file" and name in _KNOWN:
            members[name] = member.content
    return members


def members_of_tree(tree: FileTree) -> dict[str, bytes]:
    """The same of an OCI image that holds an unpacked archive."""
    found = {name: tree.get(name) for name in sorted(_KNOWN)}
    return {name: node.content for name, node in found.items() if node is not None and node.kind is NodeKind.FILE}


def checkpoint_from_members(members: Mapping[str, bytes]) -> ContainerCheckpoint:
    """The checkpoint that an archive holds. Raises ArchiveError."""
    for name in _REQUIRED:
        if name not in members:
            what = "no emulated state, so this is no checkpoint of kubesim" if name == STATE else "no such file"
            raise ArchiveError(f'failed to read "{name}": {what}')
    try:
        layer = layer_from_tar(members[LAYER])
    except ArchiveError as error:
        raise ArchiveError(f'failed to read "{LAYER}": {error}') from None
    return replace(checkpoint_from_json(members[STATE]), layer=layer, log=members.get(LOG))


def checkpoint_from_json(text: bytes) -> ContainerCheckpoint:
    """The checkpoint of a STATE, with an empty layer and no log. Raises ArchiveError."""
    state = _state(text)
    try:
        config = ParseDict(state.config, api.ContainerConfig())
    except (ParseError, ValueError, TypeError) as error:
        raise ArchiveError(f'failed to read "{STATE}": config: {_one_line(error)}') from None
    identity = state.identity
    return ContainerCheckpoint(
        id=state.id,
        config=config,
        image_id=state.image.id,
        image_name=state.image.name,
        image_ref=state.image.ref,
        plan=ProcessPlan(
            argv=tuple(state.process.argv),
            env=tuple(state.process.env),
            cwd=state.process.cwd,
            has_tty=state.process.terminal,
        ),
        identity=None
        if identity is None
        else ContainerIdentity(
            uid=identity.uid, gid=identity.gid, supplemental_groups=tuple(identity.supplemental_groups)
        ),
        created_at_ns=state.created_at_ns,
        started_at_ns=state.started_at_ns,
        checkpointed_at_ns=state.checkpointed_at_ns,
        log=None,
        layer=LayerDiff(),
    )


def _state(text: bytes) -> _State:
    try:
        document = json.loads(text)
        version = document.get("version") if isinstance(document, dict) else None
        if version != FORMAT_VERSION:
            raise ValueError(f"version {version!r} is not {FORMAT_VERSION}")
        state = msgspec.convert(document, _State)
        _check_texts(state)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f'failed to read "{STATE}": {_one_line(error)}') from None
    return state


def _check_texts(state: _State) -> None:
    """Raises ValueError for texts that no container can have."""
    process = state.process
    if not process.argv or not process.cwd.startswith("/"):
        raise ValueError("a process has arguments and an absolute working directory")
    for word in chain(process.argv, (process.cwd,), chain.from_iterable(process.env)):
        if b"\0" in word.encode(errors="surrogateescape"):
            raise ValueError("a NUL byte in the process")
    for name in (state.id, state.image.id, state.image.name, state.image.ref):
        name.encode()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
