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

KEPT_IMAGES_MAX = 128
"""A generation has the files of so many images at most; two generations are kept."""

KEPT_BYTES_MAX = 32 << 20
"""The files of a generation have so many bytes at most; larger ones are looked through each time."""

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

    def __init__(
        self, passwd: FileContent, group: FileContent, dialect: IdentityDialect, key: tuple[int, int, int]
    ) -> None:
        self.passwd = passwd
        self.group = group
        self.key = key
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
            data = self.passwd
            if not isinstance(data, bytes):
                _check_missing(data)
            else:
                dialect = self.dialect
                readable = readable_passwd(
                    data, bytes_max=dialect.account_file_bytes_max, name=dialect.account_file_path
                )
                self._users = PasswdFile(readable)
        return self._users

    def groups(self) -> GroupFile | None:
        """The group file; None when it is missing. Raises AccountFileError when it cannot be read."""
        if self._groups is None:
            data = self.group
            if not isinstance(data, bytes):
                _check_missing(data)
            else:
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


class _Generation:
    """Files that were asked for since the last turn, or between the two before.

    When it is full, it becomes the old one and the old one goes, in one piece. What is asked for again moves on.
    """

    __slots__ = ("by_key", "by_probe", "size_bytes")

    def __init__(self) -> None:
        self.by_key: dict[tuple[int, int, int], Accounts] = {}
        self.by_probe: dict[Hashable, Accounts] = {}
        self.size_bytes = 0

    def has_room(self, accounts: Accounts) -> bool:
        return len(self.by_probe) < KEPT_IMAGES_MAX and self.size_bytes + accounts.size_bytes <= KEPT_BYTES_MAX

    def add(self, accounts: Accounts, probe: Hashable) -> None:
        replaced = self.by_probe.get(probe)
        if replaced is not None:
            self.by_key.pop(replaced.key, None)
            self.size_bytes -= replaced.size_bytes
        self.by_key[accounts.key] = self.by_probe[probe] = accounts
        self.size_bytes += accounts.size_bytes


_kept = [_Generation(), _Generation()]
"""The young generation, and the old one."""


def accounts_of(passwd: FileContent, group: FileContent, dialect: IdentityDialect) -> Accounts:
    """The account files of an image, with what is known of them if they, or files of the same content, were here."""
    key = (id(passwd), id(group), id(dialect))
    young, old = _kept
    known = young.by_key.get(key)
    if known is not None:
        return known
    probe = (_probe(passwd), _probe(group), id(dialect))
    for generation in (young, old):
        known = generation.by_probe.get(probe)
        if known is not None and known.passwd == passwd and known.group == group:
            if generation is old:
                _keep(known, probe)
            return known
    accounts = Accounts(passwd, group, dialect, key)
    if accounts.size_bytes <= KEPT_BYTES_MAX:
        _keep(accounts, probe)
    return accounts


def _keep(accounts: Accounts, probe: Hashable) -> None:
    if not _kept[0].has_room(accounts):
        _kept[:] = [_Generation(), _kept[0]]
    _kept[0].add(accounts, probe)


def _check_missing(file: Unopened | None) -> None:
    """Raises AccountFileError for a file that is there and cannot be opened."""
    if file is not None and not file.is_missing:
        raise AccountFileError(file.reason, is_endless=file.is_endless)


def _size(file: FileContent) -> int:
    return len(file) if isinstance(file, bytes) else 0


def _probe(file: FileContent) -> Hashable:
    """Tells most files apart without reading them: equal files have equal probes, not the other way round."""
    return (len(file), file[:_PROBE_BYTES], file[-_PROBE_BYTES:]) if isinstance(file, bytes) else file
