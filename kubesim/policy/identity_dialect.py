"""The switches of the identity rules: what differs between runtimes and their versions."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class IdentityDialect(Struct, frozen=True, kw_only=True):
    """What differs between runtimes and their versions. Profiles fill it; the rules read it."""

    algorithm: Literal["containerd", "cri-o"]
    """Whose rules. containerd sorts the list; CRI-O keeps the order in which groups were found."""
    knows_policy: bool
    """Whether the field supplemental_groups_policy exists. A runtime that does not know it merges, whatever it says."""
    numeric_overflow: Literal["wraps", "name", "error"]
    """containerd, a uid or gid outside 0..2147483647: the low 32 bits count, it is looked up as a name, or refused."""
    includes_primary_gid: bool
    """containerd: whether the primary gid is put into the list when nothing else puts it there."""
    strict_adds_primary_without_user: bool
    """containerd, Strict, and neither the request nor the image names a user: whether gid 0 is in the list."""
    skips_own_name_group: bool
    """containerd: whether a group with the user's own name is no supplementary group, although it lists the user."""
    looks_up_image_user: bool = True
    """containerd, no user in the request: whether groups are looked for by the image's user; else by those of root."""
    account_file_path: str
    """What messages call a passwd or group file; `{file}` is `passwd` or `group`."""
    missing_file_error: str
    """containerd: the error for a file that is needed and not there; `{path}` is account_file_path."""
    account_file_bytes_max: int | None
    """How much of a passwd or group file is read; more is an error. None: no bound."""
    group_line_bytes_max: int | None
    """A line of a group file of so many bytes is an error. None: no bound."""
    account_file_must_be_regular: bool
    """Whether a directory, device or pipe in the place of the file is refused before it is opened."""
    account_file_links: Literal["rooted", "relative", "last-absolute", "viewed", "joined"]
    """Symbolic links on the way to the file; `account_file_paths` has each in full.

    `rooted`: all are followed inside the root file system. `relative`: only relative ones that stay inside.
    `last-absolute`: those, and an absolute one if the file itself is the link. `viewed`: all, but one that climbs above
    the root finds nothing. `joined`: as `rooted`, and a file that cannot be opened is no file."""
    account_files_root: str
    """Where the root file system lies on the host while the files are looked up, as messages name it."""
    home_newline_check: Literal["none", "escaped", "newline"]
    """CRI-O: what in HOME is refused: nothing, a backslash followed by n (which is not what was meant), a line end."""
    generates_passwd_line: bool
    """CRI-O: whether a uid without a passwd line gets one, in a copy of the file mounted over it."""
    generates_group_line: bool
    """CRI-O: whether a gid without a group line gets one."""
