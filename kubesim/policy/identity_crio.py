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

from msgspec import Struct
from msgspec.structs import replace

from kubesim.policy.accounts import Accounts, accounts_of
from kubesim.policy.identity_dialect import IdentityDialect
from kubesim.policy.identity_values import (
    GROUPS_PATH,
    USERS_PATH,
    Identity,
    IdentityError,
    IdentityRequest,
    Trace,
    TraceStep,
    ignored_policy,
    member_text,
    policy_name,
    read_groups,
    read_users,
    requested_steps,
)
from kubesim.policy.passwd_files import AccountFileError, PasswdEntry, atoi, to_uint32

_ID_MAX = (1 << 31) - 1
_RANGE_ERROR = f"uids and gids must be in range 0-{_ID_MAX}"
_LOOKUP = "get exec user: "


class _ExecUser(Struct, frozen=True, kw_only=True):
    """What GetExecUser answers, with reasons; numbers are 32-bit already."""

    uid: int
    gid: int
    username: str | None
    group_steps: tuple[TraceStep, ...] = ()
    """The group lines that list the user, which Merge takes."""


class AccountFile(Struct, frozen=True, kw_only=True):
    """Who may write an account file of an image: asked before a copy is mounted over it."""

    mode: int
    """Permission bits."""
    owner: int
    """The uid of a passwd file, the gid of a group file."""


def resolve_crio(request: IdentityRequest, accounts: Accounts) -> Identity:
    """The identity CRI-O gives the first process.

    Raises:
        IdentityError: with the message of CreateContainer.
    """
    dialect, trace = accounts.dialect, Trace()
    if request.run_as_group is not None and request.run_as_user is None and not request.run_as_username:
        text = "the request has run_as_group and no user; the image's USER does not count then"
        raise trace.refused("user group is specified without user or username", rule="user-string", text=text)
    if _has_newline(request.home, dialect):
        text = "a line end in HOME would add a line to the generated /etc/passwd"
        raise trace.refused("invalid HOME environment; newline not allowed", rule="home", text=text)
    user = _exec_user(request, accounts, trace)
    gid = user.gid
    if request.run_as_group is not None:
        gid = to_uint32(request.run_as_group)
        trace.add(TraceStep(rule="group", outcome="gid", gid=gid, text="run_as_group replaces the gid"))
    policy = _policy(request, dialect, trace)
    gids = {gid: None}
    text = "the primary gid is always in the list"
    trace.add(TraceStep(rule="primary-gid", outcome="added", gid=gid, text=text))
    if policy == "Merge":
        gids.update({step.gid: None for step in user.group_steps if step.gid is not None})
        trace.add(*user.group_steps)
    requested = tuple(to_uint32(group) for group in request.supplemental_groups)
    gids.update(dict.fromkeys(requested))
    if requested:
        trace.add(*requested_steps(request, requested))
    if policy == "Strict":
        trace.add(*_left_out(user, gids))
    return Identity(uid=user.uid, gid=gid, supplemental_groups=tuple(gids), username=user.username, trace=trace.steps)


def _policy(request: IdentityRequest, dialect: IdentityDialect, trace: Trace) -> str:
    name = policy_name(request.policy)
    if name == "Merge":
        return name
    if not dialect.knows_policy:
        ignored_policy(trace)
        return "Merge"
    if name is None:
        message = f"not implemented in this CRI-O release: SupplementalGroupsPolicy={request.policy}"
        raise trace.refused(message, rule="policy", text="no such policy")
    return name


def generated_passwd_line(
    request: IdentityRequest, dialect: IdentityDialect, *, file: AccountFile, working_dir: str
) -> bytes | None:
    """The line CRI-O appends to a copy of /etc/passwd that it mounts over the image's; None when it does not.

    It does so for a uid without a line, unless the process may write the file itself. An image without the file keeps
    it so, and since there are group lines, one with an empty file does. `working_dir` stands in for an empty HOME.

    Raises:
        IdentityError: as `resolve_crio` does for the same request.
    """
    is_kept_empty = dialect.generates_group_line
    if not dialect.generates_passwd_line or request.passwd is None or (is_kept_empty and not request.passwd):
        return None
    accounts, trace = accounts_of(request.passwd, request.group, dialect), Trace()
    user = _exec_user(request, accounts, trace)
    users = read_users(accounts, trace, context=_LOOKUP)
    if users is None or users.with_uid(user.uid) is not None or _is_writable(file, user.uid):
        return None
    name = _user_string(request) or "default"
    home = request.home or working_dir or "/tmp"  # noqa: S108  the text of a passwd line, nothing is opened
    line = f"{name}:x:{user.uid}:{user.gid}:{name} user:{home}:/sbin/nologin\n"
    return line.encode("utf-8", "surrogateescape")


def generated_group_line(request: IdentityRequest, dialect: IdentityDialect, *, file: AccountFile) -> bytes | None:
    """The line CRI-O appends to a copy of /etc/group that it mounts over the image's; None when it does not.

    Raises:
        IdentityError: as `resolve_crio` does for the same request, and for a file that cannot be copied.
    """
    if not dialect.generates_group_line or request.group is None:
        return None
    accounts = accounts_of(request.passwd, request.group, dialect)
    gid = resolve_crio(request, accounts).gid
    try:
        groups = accounts.groups()
    except AccountFileError as error:
        # The look for a line ignores that there is no reading it, and the copy then does not.
        if _is_writable(file, gid):
            return None
        raise IdentityError(f"read file: {error}") from error
    if groups is None or groups.with_gid(gid) is not None or _is_writable(file, gid):
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


def _exec_user(request: IdentityRequest, accounts: Accounts, trace: Trace) -> _ExecUser:
    user_string = _user_string(request)
    trace.note("user-string", _user_string_text(request, user_string))
    user, _, rest = user_string.partition(":")
    group = rest.partition(":")[0]
    found = _user(user, accounts, trace)
    if group:
        gid = _group_part(found, group, accounts, trace)
        trace.note("group-part", "a user string with a group part takes nothing else from the group file")
        return replace(found, gid=gid)
    if not found.username:
        trace.note("user-name", "the user has no name, so no group line is looked for")
        return found
    context = f"{_LOOKUP}unable to find groups for spec {found.username}: "
    groups = read_groups(accounts, trace, context=context)
    steps = [
        TraceStep(
            rule="group-member",
            outcome="added",
            gid=to_uint32(entry.gid),
            text=member_text(entry, found.username),
            file=GROUPS_PATH,
            line=entry.line,
        )
        for entry in (() if groups is None else groups.listing(found.username))
    ]
    return replace(found, group_steps=tuple(steps))


def _user_string_text(request: IdentityRequest, user_string: str) -> str:
    if not user_string:
        return "the user string is empty"
    if request.run_as_username:
        return f"the user string is {user_string!r}, run_as_username"
    source = "the image's USER" if request.run_as_user is None else "run_as_user"
    return f"the user string is {user_string!r}, {source}"


def _user(user: str, accounts: Accounts, trace: Trace) -> _ExecUser:
    number = atoi(user)
    users = read_users(accounts, trace, context=f"{_LOOKUP}unable to find user {user or 0}: ")
    if users is not None:
        # No user is the user with uid 0, which is also the value of an empty text.
        entry = users.named(user) if user and number.error else users.with_uid(number.value)
        if entry is not None:
            return _from_entry(entry, user, trace)
    if not user:
        text = "neither the request nor the image names a user, and no passwd line has the uid 0: root"
        return _plain_user(0, text, trace)
    if number.error:
        raise trace.refused(
            f"{_LOOKUP}unable to find user {user}: no matching entries in passwd file",
            rule="user",
            text=f"no line has the name {user!r}" if users is not None else "the image has no such file",
            file=USERS_PATH,
        )
    if not 0 <= number.value <= _ID_MAX:
        text = f"{user} is outside 0 to {_ID_MAX}, and no passwd line has it"
        raise trace.refused(f"{_LOOKUP}{_RANGE_ERROR}", rule="overflow", text=text)
    return _plain_user(number.value, f"the user is the number {user}, and no passwd line has it: gid 0", trace)


def _from_entry(entry: PasswdEntry, user: str, trace: Trace) -> _ExecUser:
    uid, gid = to_uint32(entry.uid), to_uint32(entry.gid)
    asked = f"the user is {user!r}" if user else "no user is named, so it is the one with uid 0"
    text = f"{asked}; the first passwd line that matches is that of {entry.name!r}"
    trace.add(
        TraceStep(rule="user", outcome="uid", uid=uid, text=text, file=USERS_PATH, line=entry.line),
        TraceStep(rule="user", outcome="gid", gid=gid, text=text, file=USERS_PATH, line=entry.line),
    )
    return _ExecUser(uid=uid, gid=gid, username=entry.name)


def _plain_user(uid: int, text: str, trace: Trace) -> _ExecUser:
    trace.add(
        TraceStep(rule="user", outcome="uid", uid=uid, text=text),
        TraceStep(rule="user", outcome="gid", gid=0, text=text),
    )
    return _ExecUser(uid=uid, gid=0, username=None)


def _group_part(found: _ExecUser, group: str, accounts: Accounts, trace: Trace) -> int:
    number = atoi(group)
    context = f"{_LOOKUP}unable to find groups for spec {found.username or ''}: "
    groups = read_groups(accounts, trace, context=context)
    entry = None
    if groups is not None:
        entry = groups.named(group) if number.error else groups.with_gid(number.value)
    text = f"the group part is {group!r}"
    if entry is not None:
        gid = to_uint32(entry.gid)
        trace.add(TraceStep(rule="group", outcome="gid", gid=gid, text=text, file=GROUPS_PATH, line=entry.line))
        return gid
    if number.error:
        raise trace.refused(
            f"{_LOOKUP}unable to find group {group}: no matching entries in group file",
            rule="group",
            text=f"no line has the name {group!r}" if groups is not None else "the image has no such file",
            file=GROUPS_PATH,
        )
    if not 0 <= number.value <= _ID_MAX:
        why = f"{group} is outside 0 to {_ID_MAX}, and no group line has it"
        raise trace.refused(f"{_LOOKUP}{_RANGE_ERROR}", rule="overflow", text=why)
    trace.add(TraceStep(rule="group", outcome="gid", gid=number.value, text=text))
    return number.value


def _left_out(user: _ExecUser, present: dict[int, None]) -> list[TraceStep]:
    return [
        replace(step, rule="strict", outcome="left-out", text=f"{step.text}, but Strict takes nothing from the image")
        for step in user.group_steps
        if step.gid not in present
    ]
