"""What goes into the resolution of a process identity, what comes out, and what differs between runtimes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kubesim.errors import KubesimError
from kubesim.policy.account_lookup import GroupFile, PasswdFile
from kubesim.policy.accounts import Accounts, FileContent
from kubesim.policy.passwd_files import AccountFileError, GroupEntry, atoi

Outcome = Literal["uid", "gid", "added", "left-out", "sent", "note", "refused"]
USERS_PATH = "/etc/passwd"
GROUPS_PATH = "/etc/group"
_POLICIES: dict[str | int, str] = {0: "Merge", 1: "Strict", "Merge": "Merge", "Strict": "Strict"}


class IdentityError(KubesimError):
    """A runtime refuses to resolve a user or group. `str(error)` is the runtime's own message.

    `trace` are the steps up to the refusal; the last one is the refusal itself. `is_endless` is for a runtime that
    never answers, because it waits for a pipe in the place of an account file; the message is then not its own.
    """

    def __init__(self, message: str, *, trace: tuple[TraceStep, ...] = ()) -> None:
        self.trace = trace
        self.is_endless = False
        super().__init__(message)


class IdentityRequest(Struct, frozen=True, kw_only=True, gc=False):
    """What a runtime is asked: CRI's LinuxContainerSecurityContext, the image's USER, and the image's files."""

    passwd: FileContent
    """/etc/passwd of the image; None when there is none."""
    group: FileContent
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


class TraceStep(Struct, frozen=True, kw_only=True, gc=False):
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


class Identity(Struct, frozen=True, kw_only=True):
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
        self._steps.append(TraceStep(rule=rule, outcome="note", text=text, file=file, line=line))

    def refused(self, message: str, *, rule: str, text: str, file: str = "") -> IdentityError:
        """The error to raise: `message` is the runtime's own, `text` says why in a sentence."""
        self.add(TraceStep(rule=rule, outcome="refused", text=text, file=file))
        return IdentityError(message, trace=self.steps)


def policy_name(policy: str | int) -> str | None:
    """`Merge` or `Strict`; None for a policy that CRI does not define."""
    return _POLICIES.get(policy)


def ignored_policy(trace: Trace) -> None:
    """The step of a runtime that does not have the field."""
    text = "this runtime does not know supplementalGroupsPolicy: the field is ignored, groups are merged"
    trace.note("policy-ignored", text)


def read_users(accounts: Accounts, trace: Trace, *, context: str) -> PasswdFile | None:
    """The passwd file, None when the image has none.

    Raises:
        IdentityError: `context` and the reason why the file cannot be read.
    """
    try:
        return accounts.users()
    except AccountFileError as error:
        raise _unreadable(trace, error, context=context, rule="user", file=USERS_PATH) from error


def read_groups(accounts: Accounts, trace: Trace, *, context: str) -> GroupFile | None:
    """The group file, None when the image has none.

    Raises:
        IdentityError: `context` and the reason why the file cannot be read.
    """
    try:
        return accounts.groups()
    except AccountFileError as error:
        raise _unreadable(trace, error, context=context, rule="group", file=GROUPS_PATH) from error


def _unreadable(trace: Trace, error: AccountFileError, *, context: str, rule: str, file: str) -> IdentityError:
    text = f"the file cannot be read: {error}"
    if error.is_endless:
        text += "; the runtime waits for it without end, and nobody gets an answer"
    refusal = trace.refused(f"{context}{error}", rule=rule, text=text, file=file)
    refusal.is_endless = error.is_endless
    return refusal


def member_text(entry: GroupEntry, name: str) -> str:
    """Why a group line concerns a user, for a trace."""
    text = f"group {entry.name!r} lists {name!r} as a member"
    if entry.gid == 0 and atoi(entry.gid_text).error == "syntax":
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
