"""Archives that kubesim wrote itself and somebody may have changed: every member with its bytes, or one clear refusal.

They end with their mark, and are small enough to lie in memory. Layers of images are another matter: see
`kubesim.images.layers`, whose reader of headers this is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kubesim.errors import KubesimError
from kubesim.images.layers.limits import LayerError, LayerLimits
from kubesim.images.layers.tar_members import Member, MemberKind, read_members

LIMITS = LayerLimits(entries_max=200_000)
"""What a container writes has fewer files."""


class ArchiveError(KubesimError):
    """An archive that cannot be used. `str(error)` says what is wrong with which member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TarMember:
    """One member with its bytes."""

    path: str
    """Absolute and clean, below the root of the archive."""
    kind: MemberKind
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    content: bytes
    """Bytes of a file; empty for other kinds."""
    target: str
    """Where a symbolic link points, as it was written; the path of the file that a hard link names."""
    device: tuple[int, int]
    """Major and minor number of a device."""
    attributes: Mapping[str, str]
    """All pax records, such as `SCHILY.xattr.user.name`."""


def read_tar(data: bytes) -> Iterator[TarMember]:
    """The members of an archive in their order. Raises ArchiveError, maybe after some of them."""
    if not data:
        raise ArchiveError("the archive is empty")
    try:
        for member in read_members(iter((data,)), LIMITS, requires_end_mark=True):
            yield _whole(member, data)
    except LayerError as error:
        raise ArchiveError(error.what) from None


def _whole(member: Member, data: bytes) -> TarMember:
    if member.sparse is not None:
        raise ArchiveError(f"{member.path!r} is a sparse file, which is not supported")
    return TarMember(
        path=member.path,
        kind=member.kind,
        mode=member.mode,
        uid=member.uid,
        gid=member.gid,
        mtime_ns=member.mtime_ns,
        content=data[member.offset : member.offset + member.size_bytes],
        target=member.target,
        device=member.device,
        attributes=dict(member.records),
    )
