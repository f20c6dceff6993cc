"""Who a container runs as under CRI-O.

The rules, in the order CRI-O applies them
    1. The user string: run_as_username, else run_as_user, else the image's USER with its group part.
    2. passwd gives uid and gid of the user; a number without a line is taken as it is.
    3. A group part of the user string gives the gid, and then no group line adds anything. Without one, every group
       line that lists the user by name adds its gid.
    4. run_as_group replaces the gid. It does not keep the groups of rule 3 away.
    5. The list: the gid, the groups of rule 3 unless Strict, the requested groups; each once, in this order.

Mirrors CRI-O: server/container_create.go, setupContainerUser and generateUserString; utils/utils.go, GetUserInfo,
GeneratePasswd and GenerateGroup; moby/sys: user/user.go, GetExecUser.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kubesim.policy.identity_dialect import IdentityDialect
from kubesim.policy.identity_values import (
    GROUPS_PATH,
    USERS_PATH,
    Identity,
    IdentityError,
    IdentityRequest,
    TraceStep,
    first_with_uid,
    member_text,
    policy_name,
    read_group,
    read_passwd,
    requested_steps,
)
from kubesim.policy.passwd_files import Atoi, PasswdEntry, atoi, to_uint32

_ID_MAX = (1 << 31) - 1
_RANGE_ERROR = f"uids and gids must be in range 0-{_ID_MAX}"
_LOOKUP = "get exec user: "


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExecUser:
    """What GetExecUser answers, with reasons; numbers are 32-bit already."""

    uid: int
    gid: int
    username: str | None
    steps: tuple[TraceStep, ...]
    group_steps: tuple[TraceStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFile:
    """Who may write an account file of an image: asked before a copy is mounted over it."""

    mode: int
    """Permission bits."""
    owner: int
    """The uid of a passwd file, the gid of a group file."""


def resolve_crio(request: IdentityRequest, dialect: IdentityDialect) -> Identity:
    """The identity CRI-O gives the first process.

    Raises:
        IdentityError: with the message of CreateContainer.
    """
    if request.run_as_group is not None and request.run_as_user is None and not request.run_as_username:
        raise IdentityError("user group is specified without user or username")
    if _has_newline(request.home, dialect):
        raise IdentityError("invalid HOME environment; newline not allowed")
    user = _exec_user(request, dialect)
    gid, trace = user.gid, list(user.steps)
    if request.run_as_group is not None:
        gid = to_uint32(request.run_as_group)
        trace.append(TraceStep(rule="group", outcome="gid", gid=gid, text="runAsGroup replaces the gid"))
    policy = policy_name(request.policy) if dialect.knows_policy else "Merge"
    if policy is None:
        raise IdentityError(f"not implemented in this CRI-O release: SupplementalGroupsPolicy={request.policy}")
    if not dialect.knows_policy and policy_name(request.policy) != "Merge":
        text = "this runtime does not know supplementalGroupsPolicy: the field is ignored, groups are merged"
        trace.append(TraceStep(rule="policy-ignored", outcome="note", text=text))
    gids = {gid: None}
    trace.append(TraceStep(rule="primary-gid", outcome="added", gid=gid, text="the primary gid is always in the list"))
    if policy == "Merge":
        gids.update({step.gid: None for step in user.group_steps if step.gid is not None})
        trace += user.group_steps
    requested = tuple(to_uint32(group) for group in request.supplemental_groups)
    gids.update(dict.fromkeys(requested))
    trace += requested_steps(request, requested)
    if policy == "Strict":
        trace += _left_out(user, gids)
    return Identity(uid=user.uid, gid=gid, supplemental_groups=tuple(gids), username=user.username, trace=tuple(trace))


def generated_passwd_line(
    request: IdentityRequest, dialect: IdentityDialect, *, file: AccountFile, working_dir: str
) -> bytes | None:
    """The line CRI-O appends to a copy of /etc/passwd that it mounts over the image's; None when it does not.

    It does so for a uid without a line, unless the process may write the file itself. An image without the file, or
    with an empty one, keeps it so. `working_dir` stands in for an empty HOME.

    Raises:
        IdentityError: as `resolve_crio` does for the same request.
    """
    if not dialect.generates_passwd_line or not request.passwd:
        return None
    user = _exec_user(request, dialect)
    entries = read_passwd(request, dialect, context=_LOOKUP)
    if first_with_uid(entries, user.uid) is not None or _is_writable(file, user.uid):
        return None
    name = _user_string(request) or "default"
    home = request.home or working_dir or "/tmp"  # noqa: S108  the text of a passwd line, nothing is opened
    line = f"{name}:x:{user.uid}:{user.gid}:{name} user:{home}:/sbin/nologin\n"
    return line.encode("utf-8", "surrogateescape")


def generated_group_line(request: IdentityRequest, dialect: IdentityDialect, *, file: AccountFile) -> bytes | None:
    """The line CRI-O appends to a copy of /etc/group that it mounts over the image's; None when it does not.

    Raises:
        IdentityError: as `resolve_crio` does for the same request.
    """
    if not dialect.generates_group_line or request.group is None:
        return None
    gid = resolve_crio(request, dialect).gid
    entries = read_group(request, dialect, context=_LOOKUP) or ()
    if any(entry.gid == gid for entry in entries) or _is_writable(file, gid):
        return None
    return f"{gid}:x:{gid}:\n".encode()


def _is_writable(file: AccountFile, owner: int) -> bool:
    return bool(file.mode & 0o022) or (file.owner == owner and bool(file.mode & 0o200))


def _has_newline(home: str, dialect: IdentityDialect) -> bool:
    if dialect.home_newline_check == "escaped":
        return "\\n" in home
    return dialect.home_newline_check == "newline" and ("\n" in home or "\r" in home)


def _user_string(request: IdentityRequest) -> str:
    if request.run_as_username:
        return request.run_as_username
    return request.image_user if request.run_as_user is None else str(request.run_as_user)


def _exec_user(request: IdentityRequest, dialect: IdentityDialect) -> _ExecUser:
    user, _, rest = _user_string(request).partition(":")
    group = rest.partition(":")[0]
    found = _user(user, request, dialect)
    if group:
        return _with_group(found, group, request, dialect)
    if not found.username:
        return found
    entries = read_group(request, dialect, context=f"{_LOOKUP}unable to find groups for spec {found.username}: ")
    steps = [
        TraceStep(
            rule="group-member",
            outcome="added",
            gid=to_uint32(entry.gid),
            text=member_text(entry, found.username),
            file=GROUPS_PATH,
            line=entry.line,
        )
        for entry in entries or ()
        if found.username in entry.members
    ]
    return replace(found, group_steps=tuple(steps))


def _user(user: str, request: IdentityRequest, dialect: IdentityDialect) -> _ExecUser:
    number = atoi(user)
    entries = read_passwd(request, dialect, context=f"{_LOOKUP}unable to find user {user or 0}: ") or ()
    for entry in entries:
        if _is_match(entry, user, number):
            return _from_entry(entry, user)
    if not user:
        text = "neither the request nor the image names a user, and no passwd line has the uid 0: root"
        return _plain_user(0, text)
    if number.error:
        raise IdentityError(f"{_LOOKUP}unable to find user {user}: no matching entries in passwd file")
    if not 0 <= number.value <= _ID_MAX:
        raise IdentityError(f"{_LOOKUP}{_RANGE_ERROR}")
    return _plain_user(number.value, f"the user is the number {user}, and no passwd line has it: gid 0")


def _is_match(entry: PasswdEntry, user: str, number: Atoi) -> bool:
    if not user:
        return entry.uid == 0
    return entry.name == user if number.error else entry.uid == number.value


def _from_entry(entry: PasswdEntry, user: str) -> _ExecUser:
    uid, gid = to_uint32(entry.uid), to_uint32(entry.gid)
    asked = f"the user is {user!r}" if user else "no user is named, so it is the one with uid 0"
    text = f"{asked}; the first passwd line that matches is that of {entry.name!r}"
    steps = (
        TraceStep(rule="user", outcome="uid", uid=uid, text=text, file=USERS_PATH, line=entry.line),
        TraceStep(rule="user", outcome="gid", gid=gid, text=text, file=USERS_PATH, line=entry.line),
    )
    return _ExecUser(uid=uid, gid=gid, username=entry.name, steps=steps)


def _plain_user(uid: int, text: str) -> _ExecUser:
    steps = (
        TraceStep(rule="user", outcome="uid", uid=uid, text=text),
        TraceStep(rule="user", outcome="gid", gid=0, text=text),
    )
    return _ExecUser(uid=uid, gid=0, username=None, steps=steps)


def _with_group(found: _ExecUser, group: str, request: IdentityRequest, dialect: IdentityDialect) -> _ExecUser:
    number = atoi(group)
    context = f"{_LOOKUP}unable to find groups for spec {found.username or ''}: "
    step = TraceStep(rule="group", outcome="gid", text=f"the group part is {group!r}")
    for entry in read_group(request, dialect, context=context) or ():
        if (entry.name == group) if number.error else (entry.gid == number.value):
            gid = to_uint32(entry.gid)
            step = replace(step, gid=gid, file=GROUPS_PATH, line=entry.line)
            return replace(found, gid=gid, steps=(*found.steps, step))
    if number.error:
        raise IdentityError(f"{_LOOKUP}unable to find group {group}: no matching entries in group file")
    if not 0 <= number.value <= _ID_MAX:
        raise IdentityError(f"{_LOOKUP}{_RANGE_ERROR}")
    return replace(found, gid=number.value, steps=(*found.steps, replace(step, gid=number.value)))


def _left_out(user: _ExecUser, present: dict[int, None]) -> list[TraceStep]:
    return [
        replace(step, rule="strict", outcome="left-out", text=f"{step.text}, but Strict takes nothing from the image")
        for step in user.group_steps
        if step.gid not in present
    ]
