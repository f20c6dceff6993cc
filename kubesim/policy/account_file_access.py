"""What a runtime gets to read at the end of the way to an account file, when that is not a plain file.

Mirrors containerd: pkg/oci/spec_opts.go, wrapUserFile and openBoundedUserFile; CRI-O: utils/utils.go,
openContainerFile. What a directory, a pipe or a device does is what Linux does with it.
"""

from __future__ import annotations

from kubesim.policy.account_file_paths import AccountFileName, Reached
from kubesim.policy.accounts import Unopened
from kubesim.policy.identity_dialect import IdentityDialect

NULL_DEVICE = (1, 3)
"""Major and minor number of /dev/null: it opens, and has nothing in it."""


def not_reached(way: Reached, dialect: IdentityDialect) -> Unopened | None:
    """What a way that leads nowhere comes to: None is a missing file, whatever the reason."""
    if dialect.account_file_links == "joined":
        return None
    return Unopened(reason=way.failure, is_missing=way.is_missing)


def special_file(
    way: Reached, file: AccountFileName, dialect: IdentityDialect, *, kind: str, device: tuple[int, int]
) -> Unopened | bytes | None:
    """What a directory, pipe or device in the place of an account file comes to; None is a missing file.

    `kind` is the node's, which is no plain file's. `device` is a device's major and minor number.
    """
    # Only os.Stat looks before it opens. The others open first, and opening a pipe is what takes for ever.
    is_looked_at_first = dialect.account_file_must_be_regular and dialect.account_file_links == "rooted"
    if kind == "fifo" and not is_looked_at_first:
        return Unopened(reason=f"open {_on_host(way, dialect)}: nobody writes to the pipe", is_endless=True)
    if dialect.account_file_must_be_regular:
        name = _on_host(way, dialect) if is_looked_at_first else f"etc/{file}"
        return Unopened(reason=f"{name} is not a regular file")
    if kind == "directory":
        return Unopened(reason=f"read {_on_host(way, dialect)}: is a directory")
    if device == NULL_DEVICE and dialect.account_file_links != "joined":
        return b""
    return _unknown_device(way, dialect)


def _unknown_device(way: Reached, dialect: IdentityDialect) -> Unopened | None:
    """A device that the host does not have, or, where the image is mounted without devices, any."""
    match dialect.account_file_links:
        case "joined":
            return None
        case "rooted":
            return Unopened(reason=f"open {_on_host(way, dialect)}: no such device or address")
        case "viewed":
            return Unopened(reason=f"open {way.path}: file does not exist", is_missing=True)
        case _:
            return Unopened(reason=f"openat {way.asked}: no such device or address")


def _on_host(way: Reached, dialect: IdentityDialect) -> str:
    """The name of an open file in messages."""
    name = way.asked if dialect.account_file_links in ("relative", "last-absolute") else way.path
    return f"{dialect.account_files_root}/{name}" if dialect.account_files_root else name or "."
