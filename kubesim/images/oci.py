"""The bytes of OCI documents: layer tar, image config, manifest. Every id and digest of kubesim is a sha256 of these.

A layer is an uncompressed pax tar of its entries in order of their paths, the root as `./`; parents that have no entry
are left for the reader to make. Times are as given, there are no user and group names. What runs when a file is
executed goes with it as the extended attribute `user.kubesim.program`, written as GNU tar, umoci and containerd write
one. JSON is compact, with keys in the order in which Go prints the structs. So the same content gives the same digests
everywhere.

Formats: opencontainers/image-spec: layer.md, config.md, manifest.md.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubesim.images.tree import NodeKind, TreeNode

CONFIG_MEDIA_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
LAYER_MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar"
EMPTY_MEDIA_TYPE = "application/vnd.oci.empty.v1+json"
TITLE_ANNOTATION = "org.opencontainers.image.title"
PROGRAM_ATTRIBUTE = "SCHILY.xattr.user.kubesim.program"
"""The pax record that carries `TreeNode.program`."""

EMPTY_CONFIG = b"{}"
"""The config of an artifact. Mirrors opencontainers/image-spec: manifest.md, Guidance for an Empty Descriptor."""

_TYPES = {
    NodeKind.FILE: tarfile.REGTYPE,
    NodeKind.DIRECTORY: tarfile.DIRTYPE,
    NodeKind.SYMLINK: tarfile.SYMTYPE,
    NodeKind.FIFO: tarfile.FIFOTYPE,
    NodeKind.CHARACTER_DEVICE: tarfile.CHRTYPE,
    NodeKind.BLOCK_DEVICE: tarfile.BLKTYPE,
}
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """How an image wants to be run: the part of the OCI config that a runtime reads."""

    user: str = ""
    """USER as it was written: "", `app`, `1000`, `app:dev`, `1000:1000` ..."""
    exposed_ports: tuple[str, ...] = ()
    """As `80/tcp`."""
    env: tuple[tuple[str, str], ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    working_dir: str = ""
    stop_signal: str = ""
    """STOPSIGNAL as it was written: "" (the runtime's default), `SIGTERM`, `15` ..."""
    labels: tuple[tuple[str, str], ...] = ()


def sha256_digest(content: bytes) -> str:
    """`sha256:<64 hex digits>`."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def layer_tar(entries: Iterable[tuple[str, TreeNode]]) -> bytes:
    """One uncompressed layer of (path, node) entries, as they come. `FileTree.walk` gives those of a whole tree."""
    parts = [_program_entry(path, *_alone(node)) if node.program else _tar_entry(path, node) for path, node in entries]
    size = sum(map(len, parts)) + 2 * tarfile.BLOCKSIZE  # two empty blocks are the end, and records are filled up
    parts.append(bytes(2 * tarfile.BLOCKSIZE + -size % tarfile.RECORDSIZE))
    return b"".join(parts)


def _tar_entry(path: str, node: TreeNode) -> bytes:
    """Header and content in whole blocks."""
    header = tar_header(path, node).tobuf(tarfile.PAX_FORMAT, tarfile.ENCODING, "surrogateescape")
    return b"".join((header, node.content, bytes(-len(node.content) % tarfile.BLOCKSIZE)))


def _alone(node: TreeNode) -> tuple[bytes, str, int, int, int, int]:
    return node.content, node.program, node.mode, node.uid, node.gid, node.mtime_ns


@lru_cache(maxsize=1024)
def _program_entry(path: str, content: bytes, program: str, mode: int, uid: int, gid: int, mtime_ns: int) -> bytes:
    """The same of a program: most images have the programs of one userland, at the same paths."""
    kind = NodeKind.FILE
    node = TreeNode(kind=kind, data=content, program=program, mode=mode, uid=uid, gid=gid, mtime_ns=mtime_ns)
    return _tar_entry(path, node)


def tar_header(path: str, node: TreeNode) -> tarfile.TarInfo:
    """The header of one entry; its content is `node.content`."""
    header = tarfile.TarInfo(path.lstrip("/") or ".")
    header.type = _TYPES[node.kind]
    header.mode = node.mode
    header.uid = node.uid
    header.gid = node.gid
    header.size = node.size_bytes if node.kind is NodeKind.FILE else 0
    header.linkname = node.target
    header.devmajor, header.devminor = node.device
    header.mtime = node.mtime_ns // _NS
    records: dict[str, str] = {}
    if node.mtime_ns % _NS:
        seconds, fraction = divmod(abs(node.mtime_ns), _NS)
        records["mtime"] = f"{'-' if node.mtime_ns < 0 else ''}{seconds}.{fraction:09d}"
    if node.program:
        records[PROGRAM_ATTRIBUTE] = node.program
    header.pax_headers = records
    return header


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The chain id after each layer, from the digests of the uncompressed layers, lowest first.

    Mirrors opencontainers/image-spec: config.md, Layer ChainID.
    """
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(sha256_digest(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)


def storage_layer_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The names that containers/storage gives to layers, lowest first: 64 hex digits each.

    Mirrors containers/image: storage/storage_dest.go, layerID.
    """
    names: list[str] = []
    for diff_id in diff_ids:
        digits = diff_id.partition(":")[2]
        names.append(sha256_digest(f"{names[-1]}+{digits}".encode()).partition(":")[2] if names else digits)
    return tuple(names)


def config_json(
    config: ImageConfig, *, diff_ids: Sequence[str], architecture: str = "amd64", os: str = "linux"
) -> bytes:
    """An image config; fields at their zero value are left out, as Go's omitempty does."""
    run = {
        "User": config.user,
        "ExposedPorts": {port: {} for port in sorted(config.exposed_ports)},
        "Env": [f"{name}={value}" for name, value in config.env],
        "Entrypoint": list(config.entrypoint),
        "Cmd": list(config.cmd),
        "WorkingDir": config.working_dir,
        "Labels": dict(sorted(config.labels)),
        "StopSignal": config.stop_signal,
    }
    return _json_bytes(
        {
            "architecture": architecture,
            "os": os,
            "config": {name: value for name, value in run.items() if value},
            "rootfs": {"type": "layers", "diff_ids": list(diff_ids)},
        }
    )


def descriptor(content: bytes, media_type: str, *, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object by which a manifest names a blob."""
    named: dict[str, Any] = {"mediaType": media_type, "digest": sha256_digest(content), "size": len(content)}
    if annotations:
        named["annotations"] = dict(sorted(annotations.items()))
    return named


def manifest_json(
    *,
    config: dict[str, Any],
    layers: Iterable[dict[str, Any]],
    artifact_type: str = "",
    annotations: Mapping[str, str] | None = None,
    media_type: str = MANIFEST_MEDIA_TYPE,
) -> bytes:
    """A manifest over descriptors."""
    manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type}
    if artifact_type:
        manifest["artifactType"] = artifact_type
    manifest["config"] = config
    manifest["layers"] = list(layers)
    if annotations:
        manifest["annotations"] = dict(sorted(annotations.items()))
    return _json_bytes(manifest)


def _json_bytes(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
