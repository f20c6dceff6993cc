"""Headers of tar archives as busybox writes and reads them: old GNU's form, with long names before their member.

Formats: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's manual, "Basic Tar Format".
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.userland.files.file_stat import FileKind, Stat, device_number, major_minor

BLOCK_BYTES = 512
NAME_BYTES = 100
LONG_NAME_BYTES_MAX = 0xFFFF
_OCTAL_SIZE_MAX = 0o77777777777
_NS = 1_000_000_000

KIND_FLAGS = {
    FileKind.FILE: b"0",
    FileKind.SYMLINK: b"2",
    FileKind.DEVICE: b"3",
    FileKind.BLOCK_DEVICE: b"4",
    FileKind.DIRECTORY: b"5",
    FileKind.FIFO: b"6",
}
_FLAG_KINDS = {flag: kind for kind, flag in KIND_FLAGS.items()} | {b"7": FileKind.FILE, b"\0": FileKind.FILE}
HARD_LINK = b"1"
LONG_NAME, LONG_LINK = b"L", b"K"


class HeaderError(Exception):
    """A block that is no header; the message is tar's complaint."""


@dataclass(slots=True, kw_only=True)
class Member:
    """What a header says of its member."""

    name: str
    kind: FileKind
    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime_seconds: int
    target: str = ""
    """Where a symbolic link points, or the member that a hard link is one more name for."""
    is_hard_link: bool = False
    user: str = ""
    group: str = ""
    device_number: int = 0

    def stat(self) -> Stat:
        """As stat(2) would say it."""
        return Stat(
            kind=self.kind,
            mode=self.mode,
            uid=self.uid,
            gid=self.gid,
            size_bytes=self.size_bytes,
            mtime_ns=self.mtime_seconds * _NS,
        )


def strip_unsafe_prefix(name: str) -> str:
    """A name without leading slashes and without all up to its last `..`.

    Mirrors busybox: archival/libarchive/unsafe_prefix.c.
    """
    rest = name
    while True:
        if rest.startswith("/"):
            rest = rest[1:]
        elif rest.startswith("../"):
            rest = rest[3:]
        elif "/../" in rest:
            rest = rest.partition("/../")[2]
        else:
            return rest


# -- writing ----------------------------------------------------------------------------------------------


def header_blocks(member: Member) -> bytes:
    """The header of a member, behind the blocks of names that are too long for it.

    Mirrors busybox: archival/tar.c, writeTarHeader.
    """
    name, target = _encoded(member.name), _encoded(member.target)
    is_directory = member.kind is FileKind.DIRECTORY
    blocks = b""
    if len(target) >= NAME_BYTES:
        blocks += _long_name(LONG_LINK, target)
    if is_directory:
        name += b"/"
    if len(name) >= NAME_BYTES:
        blocks += _long_name(LONG_NAME, name)
    fields = b"".join(
        (
            name[:NAME_BYTES].ljust(NAME_BYTES, b"\0"),
            _octal(member.mode, 8),
            _octal(member.uid, 8),
            _octal(member.gid, 8),
            _size(member.size_bytes),
            _octal(max(member.mtime_seconds, 0), 12),
            b" " * 8,
            HARD_LINK if member.is_hard_link else KIND_FLAGS[member.kind],
            target[:NAME_BYTES].ljust(NAME_BYTES, b"\0"),
            b"ustar  \0",
            _encoded(member.user)[:31].ljust(32, b"\0"),
            _encoded(member.group)[:31].ljust(32, b"\0"),
        )
    )
    if member.kind in (FileKind.DEVICE, FileKind.BLOCK_DEVICE):
        major, minor = major_minor(member.device_number)
        fields += _octal(major, 8) + _octal(minor, 8)
    return blocks + _with_checksum(fields)


def padding(size_bytes: int) -> bytes:
    """What fills the last block of a content."""
    return bytes(-size_bytes % BLOCK_BYTES)


def _with_checksum(fields: bytes) -> bytes:
    block = fields.ljust(BLOCK_BYTES, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _long_name(flag: bytes, name: bytes) -> bytes:
    content = name + b"\0"
    fields = b"".join(
        (
            b"././@LongLink".ljust(NAME_BYTES, b"\0"),
            *(_octal(0, 8),) * 3,
            _octal(len(content), 12),
            _octal(0, 12),
            b" " * 8,
            flag,
            bytes(NAME_BYTES),
            b"ustar  \0",
        )
    )
    return _with_checksum(fields) + content + padding(len(content))


def _octal(value: int, width: int) -> bytes:
    """What does not fit loses its first digits, as busybox's putOctal does it."""
    return b"%0*o\0" % (width - 1, value % 8 ** (width - 1))


def _size(size_bytes: int) -> bytes:
    if size_bytes <= _OCTAL_SIZE_MAX:
        return _octal(size_bytes, 12)
    return (1 << 95 | size_bytes).to_bytes(12, "big")


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


# -- reading ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Header:
    """A block that was read."""

    flag: bytes
    member: Member


def is_end(block: bytes) -> bool:
    """Whether a block has no name: two of those end an archive."""
    return block[0] == 0 and block[345] == 0


def read_header(block: bytes) -> Header:
    """What a block says. Raises HeaderError.

    Mirrors busybox: archival/libarchive/get_header_tar.c, get_header_tar.
    """
    if block[257:262] not in (b"ustar", bytes(5)):
        raise HeaderError("invalid tar magic")
    if _number(block[148:156]) != sum(block[:148]) + 8 * ord(" ") + sum(block[156:]):
        raise HeaderError("invalid tar header checksum")
    flag = block[156:157]
    name = _text(block[:NAME_BYTES])
    prefix = _text(block[345:500])
    if prefix:
        name = f"{prefix}{'' if prefix.endswith('/') else '/'}{name.lstrip('/')}"
    size_bytes = _number(block[124:136])
    if size_bytes < 0:
        raise HeaderError("corrupted octal value in tar header")
    kind = _FLAG_KINDS.get(flag, FileKind.FILE)
    if kind is FileKind.FILE and flag != HARD_LINK and name.endswith("/") and flag in _FLAG_KINDS:
        kind = FileKind.DIRECTORY
    has_content = flag not in _FLAG_KINDS or kind is FileKind.FILE
    number = 0
    if kind in (FileKind.DEVICE, FileKind.BLOCK_DEVICE):
        number = device_number(_number(block[329:337]), _number(block[337:345]))
    return Header(
        flag,
        Member(
            name=name,
            kind=kind,
            mode=_number(block[100:108]) & 0o7777,
            uid=_number(block[108:116]) & 0xFFFF_FFFF,
            gid=_number(block[116:124]) & 0xFFFF_FFFF,
            size_bytes=size_bytes if has_content and flag != HARD_LINK else 0,
            mtime_seconds=_number(block[136:148]),
            target=_text(block[157:257]),
            is_hard_link=flag == HARD_LINK,
            user=_text(block[265:297]),
            group=_text(block[297:329]),
            device_number=number,
        ),
    )


def is_member(flag: bytes) -> bool:
    """Whether a header stands for a file and not for what is said about the next one."""
    return flag == HARD_LINK or flag in _FLAG_KINDS


def _number(field: bytes) -> int:
    """Octal digits, or GNU's binary form."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(1 << (8 * len(field) - 1))
        is_negative = field[0] & 0x40
        return value - (1 << (8 * len(field) - 1)) if is_negative else value
    digits = field.lstrip(b" ").partition(b"\0")[0].partition(b" ")[0]
    if digits.strip(b"01234567"):
        raise HeaderError("corrupted octal value in tar header")
    return int(digits or b"0", 8)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")
