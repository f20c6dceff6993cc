"""What goes into the resolution of a process identity, what comes out, and what differs between runtimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kubesim.errors import KubesimError
from kubesim.policy.identity_dialect import IdentityDialect
from kubesim.policy.passwd_files import AccountFileError, GroupEntry, PasswdEntry, parse_group, parse_passwd

Outcome = Literal["uid", "gid", "added", "left-out", "sent", "note", "refused"]
USERS_PATH = "/etc/passwd"
GROUPS_PATH = "/etc/group"


class IdentityError(KubesimError):
    """A runtime refuses to resolve a user or group. `str(error)` is the runtime's own message.

    `trace` are the steps up to the refusal; the last one is the refusal itself.
    """

    def __init__(self, message: str, *, trace: tuple[TraceStep, ...] = ()) -> None:
        self.trace = trace
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRequest:
    """What a runtime is asked: CRI's LinuxContainerSecurityContext, the image's USER, and the image's files."""

    passwd: bytes | None
    """/etc/passwd of the image; None when there is none."""
    group: bytes | None
    """/etc/group of the image; None when there is none."""
    image_user: str = ""
    run_as_user: int | None = None
    run_as_username: str = ""
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    policy: str | int = "Merge"
    """`Merge`, `Strict`, or the number of the CRI enum (0, 1); anything else is an unknown policy."""
    home: str = ""
    """HOME of the process' environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One decision on the way to an identity."""

    rule: str
    """What decides. The kubelet's: see `policy.pod_identity`. A runtime's, in the order in which they are asked:

    `user-string`, `policy`, `policy-ignored`, `home`, `overflow`, `user`, `group`, `primary-gid`, `user-name`,
    `group-part`, `group-member`, `own-name-group`, `requested`, `strict`.
    """
    outcome: Outcome
    """`uid`, `gid`: this is the one. `added`: in the list. `left-out`: not in the list because of this rule.

    `sent`: what the kubelet asks of the runtime. `refused`: the end; there is no identity. `note`: none of these.
    """
    text: str
    """What was decided, and why, in a sentence."""
    file: str = ""
    """What says so: a file of the image, the manifest, or `image config`; empty when it is the request."""
    line: int | None = None
    """The line in `file`, from 1."""
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the first process of a container is."""

    uid: int
    gid: int
    supplemental_groups: tuple[int, ...]
    """In the runtime's order, the primary gid included where the runtime does so."""
    username: str | None
    """The name of the passwd line that was used, None when there is none."""
    trace: tuple[TraceStep, ...]

    def why(self, gid: int) -> tuple[TraceStep, ...]:
        """The steps that speak of a gid: those that gave it, and those that withheld it."""
        return tuple(step for step in self.trace if step.gid == gid)


class Trace:
    """Takes down the steps as they are made, so that a refusal can tell how it came about."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: list[TraceStep] = []

    @property
    def steps(self) -> tuple[TraceStep, ...]:
        """The steps so far."""
        return tuple(self._steps)

    def add(self, *steps: TraceStep) -> None:
        """The next steps."""
        self._steps += steps

    def note(self, rule: str, text: str, *, file: str = "", line: int | None = None) -> None:
        """A step that gives no id."""
        self.add(TraceStep(rule=rule, outcome="note", text=text, file=file, line=line))

    def refused(self, message: str, *, rule: str, text: str, file: str = "") -> IdentityError:
        """The error to raise: `message` is the runtime's own, `text` says why in a sentence."""
        self.add(TraceStep(rule=rule, outcome="refused", text=text, file=file))
        return IdentityError(message, trace=self.steps)


def policy_name(policy: str | int) -> str | None:
    """`Merge` or `Strict`; None for a policy that CRI does not define."""
    return {0: "Merge", 1: "Strict", "Merge": "Merge", "Strict": "Strict"}.get(policy)


def ignored_policy(trace: Trace) -> None:
    """The step of a runtime that does not have the field."""
    text = "this runtime does not know supplementalGroupsPolicy: the field is ignored, groups are merged"
    trace.note("policy-ignored", text)


def read_passwd(
    request: IdentityRequest, dialect: IdentityDialect, trace: Trace, *, context: str
) -> tuple[PasswdEntry, ...] | None:
    """The passwd entries, None when the image has no such file.

    Raises:
        IdentityError: `context` and the reason why the file cannot be read.
    """
    if request.passwd is None:
        return None
    try:
        return parse_passwd(
            request.passwd,
            bytes_max=dialect.account_file_bytes_max,
            name=_path(dialect, "passwd"),
        )
    except AccountFileError as error:
        text = f"the file cannot be read: {error}"
        raise trace.refused(f"{context}{error}", rule="user", text=text, file=USERS_PATH) from error


def read_group(
    request: IdentityRequest, dialect: IdentityDialect, trace: Trace, *, context: str
) -> tuple[GroupEntry, ...] | None:
    """The group entries, None when the image has no such file.

    Raises:
        IdentityError: `context` and the reason why the file cannot be read.
    """
    if request.group is None:
        return None
    try:
        return parse_group(
            request.group,
            line_bytes_max=dialect.group_line_bytes_max,
            bytes_max=dialect.account_file_bytes_max,
            name=_path(dialect, "group"),
        )
    except AccountFileError as error:
        text = f"the file cannot be read: {error}"
        raise trace.refused(f"{context}{error}", rule="group", text=text, file=GROUPS_PATH) from error


def first_with_uid(entries: tuple[PasswdEntry, ...] | None, uid: int) -> PasswdEntry | None:
    """The first passwd line with a uid; None when there is none, or no file."""
    return next((entry for entry in entries or () if entry.uid == uid), None)


def missing_file_error(dialect: IdentityDialect, file: Literal["passwd", "group"]) -> str:
    """The error for a file that is needed and not there."""
    return dialect.missing_file_error.replace("{path}", _path(dialect, file))


def account_file_refusal(
    file: Literal["passwd", "group"],
    dialect: IdentityDialect,
    *,
    is_regular: bool,
    link: Literal["none", "relative", "escaping", "absolute-file", "absolute-directory"] = "none",
) -> str | None:
    """Why a runtime does not open an account file of an image; None when it does.

    `link` is the worst link on the way to the file: none, a relative one that stays inside the root file system, a
    relative one that leaves it, an absolute one that is the file itself, or an absolute one above the file.
    A missing file is no refusal: it is None in the request.
    """
    path = _path(dialect, file)
    if dialect.account_file_links != "rooted":
        is_followed = link in ("none", "relative") or (
            link == "absolute-file" and dialect.account_file_links == "last-absolute"
        )
        if not is_followed:
            return f"openat {path}: path escapes from parent"
    if dialect.account_file_must_be_regular and not is_regular:
        return f"{path} is not a regular file"
    return None


def member_text(entry: GroupEntry, name: str) -> str:
    """Why a group line concerns a user, for a trace."""
    text = f"group {entry.name!r} lists {name!r} as a member"
    if not entry.gid_text.lstrip("+-").isdecimal():
        text += f"; its gid {entry.gid_text!r} is no number and counts as 0"
    return text


def requested_steps(request: IdentityRequest, gids: tuple[int, ...]) -> list[TraceStep]:
    """A step for each requested group; `gids` are the requested numbers as the runtime stores them."""
    return [
        TraceStep(
            rule="requested", outcome="added", gid=gid, text=f"supplemental_groups[{index}] of the request is {asked}"
        )
        for index, (asked, gid) in enumerate(zip(request.supplemental_groups, gids, strict=True))
    ]


def _path(dialect: IdentityDialect, file: str) -> str:
    return dialect.account_file_path.replace("{file}", file)
