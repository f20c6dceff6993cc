"""The account files of one image, and what they answered.

Thousands of containers run the same few images. What was found in the files of an image is kept for the next one, and
so is the whole answer to a request that was made before. Both are bounded, and files are kept by their bytes: the total
counts, not how many lines there are.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kubesim.policy.account_lookup import GroupFile, PasswdFile
from kubesim.policy.identity_dialect import IdentityDialect
from kubesim.policy.passwd_files import AccountFileError, readable_group, readable_passwd

if TYPE_CHECKING:
    from kubesim.policy.identity_values import Identity

KEPT_IMAGES_MAX = 64
"""Files are kept of so many images at most."""

KEPT_BYTES_MAX = 64 << 20
"""All large files that are kept together have so many bytes at most; a larger one is looked through each time."""

SMALL_BYTES_MAX = 1 << 16
"""The files of an image with so many bytes together are small: their number bounds them."""

ANSWERS_KEPT_MAX = 64
"""Answers kept of one image; with more kinds of containers of one image than that, all are found anew."""

_PROBE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Unopened:
    """Why a runtime does not get to read an account file that is not simply missing."""

    reason: str
    """The runtime's own message."""
    is_missing: bool = False
    """Whether it counts as a missing file all the same, as the end of a broken link does."""
    is_endless: bool = False
    """Whether nothing is ever heard of it: the runtime waits in open(2), and whoever asked gets no answer."""


FileContent = bytes | Unopened | None
"""An account file of an image, why it cannot be opened, or None when there is none."""


class Accounts:
    """The passwd and the group file of an image, as one dialect reads them; each is looked at when it is asked for."""

    __slots__ = ("_groups", "_users", "answers", "dialect", "group", "key", "passwd", "size_bytes")

    def __init__(self, passwd: FileContent, group: FileContent, dialect: IdentityDialect) -> None:
        self.passwd = passwd
        self.group = group
        self.key = (id(passwd), id(group), id(dialect))
        """Which objects these are; no others have this key while these live."""
        self.answers: dict[Hashable, Identity] = {}
        """Identities that were resolved from these files, by what was asked."""
        self.size_bytes = _size(passwd) + _size(group)
        """The length of both files."""
        self.dialect = dialect
        self._users: PasswdFile | None = None
        self._groups: GroupFile | None = None

    def users(self) -> PasswdFile | None:
        """The passwd file; None when it is missing. Raises AccountFileError when it cannot be read."""
        if self._users is None:
            data = _content(self.passwd)
            if data is not None:
                dialect = self.dialect
                readable = readable_passwd(
                    data, bytes_max=dialect.account_file_bytes_max, name=dialect.account_file_path
                )
                self._users = PasswdFile(readable)
        return self._users

    def groups(self) -> GroupFile | None:
        """The group file; None when it is missing. Raises AccountFileError when it cannot be read."""
        if self._groups is None:
            data = _content(self.group)
            if data is not None:
                dialect = self.dialect
                readable = readable_group(
                    data,
                    line_bytes_max=dialect.group_line_bytes_max,
                    bytes_max=dialect.account_file_bytes_max,
                    name=dialect.account_file_path,
                )
                self._groups = GroupFile(readable)
        return self._groups

    def missing_reason(self, file: Literal["passwd", "group"]) -> str:
        """The error for a file that is needed and missing."""
        content = self.passwd if file == "passwd" else self.group
        if isinstance(content, Unopened):
            return content.reason
        path = self.dialect.account_file_path.replace("{file}", file)
        return self.dialect.missing_file_error.replace("{path}", path)

    def keep_answer(self, asked: Hashable, answer: Identity) -> None:
        """Remember an answer for the next container of this kind."""
        if len(self.answers) >= ANSWERS_KEPT_MAX:
            self.answers.clear()
        self.answers[asked] = answer


def accounts_of(passwd: FileContent, group: FileContent, dialect: IdentityDialect) -> Accounts:
    """The account files of an image, with what is known of them if they, or files of the same content, were here."""
    known = _by_identity.get((id(passwd), id(group), id(dialect)))
    if known is not None:
        return known
    probe = (*_probe(passwd), *_probe(group), id(dialect))
    known = _by_probe.get(probe)
    if known is not None and known.passwd == passwd and known.group == group:
        return known
    accounts = Accounts(passwd, group, dialect)
    if accounts.size_bytes <= KEPT_BYTES_MAX:
        _forget(probe)
        _by_probe[probe] = _by_identity[accounts.key] = accounts
        _make_room(accounts.size_bytes)
    return accounts


_by_identity: dict[tuple[int, int, int], Accounts] = {}
_by_probe: dict[Hashable, Accounts] = {}


def _content(file: FileContent) -> bytes | None:
    if not isinstance(file, Unopened):
        return file
    if file.is_missing:
        return None
    raise AccountFileError(file.reason, is_endless=file.is_endless)


def _size(file: FileContent) -> int:
    return len(file) if isinstance(file, bytes) else 0


def _probe(file: FileContent) -> tuple[Hashable, ...]:
    """Tells most files apart without reading them: equal files have equal probes, not the other way round."""
    return (len(file), file[:_PROBE_BYTES], file[-_PROBE_BYTES:]) if isinstance(file, bytes) else (file,)


def _make_room(size_bytes: int) -> None:
    """Forget the oldest until what was just added fits."""
    while len(_by_probe) > KEPT_IMAGES_MAX or (size_bytes > SMALL_BYTES_MAX and _kept_bytes() > KEPT_BYTES_MAX):
        _forget(next(iter(_by_probe), None))


def _kept_bytes() -> int:
    return sum(accounts.size_bytes for accounts in [*_by_probe.values()])


def _forget(probe: Hashable) -> None:
    forgotten = _by_probe.pop(probe, None)
    if forgotten is not None:
        _by_identity.pop(forgotten.key, None)
