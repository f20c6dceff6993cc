"""Who a container runs as under containerd.

The rules, in the order containerd applies them
    1. The user string: run_as_username, else run_as_user, with run_as_group behind a colon; else the image's USER.
    2. The user string becomes uid and gid, by the image's passwd and group files where it has names.
    3. Merge: every group line that lists the user adds its gid. Which user that is, is decided again from scratch,
       without regard to a group part. Strict: no line adds anything.
    4. The requested groups are added, and the list is sorted.

Mirrors containerd: pkg/oci/spec_opts.go, WithUser, WithUserID, WithUsername, WithAdditionalGIDs and
ensureAdditionalGids; internal/cri/server/container_create.go, platformSpecOpts; container_create_linux.go,
containerSpecOpts; internal/cri/util/util.go, GenerateUserString.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from kubesim.policy.accounts import Accounts
from kubesim.policy.go_quote import go_quote
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
from kubesim.policy.passwd_files import GroupEntry, PasswdEntry, atoi, to_uint32

_OPTIONS = "failed to get container spec opts: "
_CREATE = "failed to create containerd container: "
_ID_MAX = (1 << 31) - 1
"""runc's bound on ids, which containerd follows."""


class _RunAs(Struct, frozen=True, kw_only=True):
    """uid and gid, before any supplementary group."""

    uid: int
    gid: int
    username: str | None


def resolve_containerd(request: IdentityRequest, accounts: Accounts) -> Identity:
    """The identity containerd gives the first process.

    Raises:
        IdentityError: with the message of CreateContainer.
    """
    dialect, trace = accounts.dialect, Trace()
    user_string = _user_string(request, trace)
    policy = _policy(request, dialect, trace)
    run_as = _run_as(user_string, accounts, trace)
    gids: set[int] = set()
    if _has_primary_gid(user_string, policy, dialect):
        gids.add(run_as.gid)
        text = "the primary gid is always in the list"
        trace.add(TraceStep(rule="primary-gid", outcome="added", gid=run_as.gid, text=text))
    else:
        text = "nothing puts the primary gid into the list"
        trace.add(TraceStep(rule="primary-gid", outcome="left-out", gid=run_as.gid, text=text))
    if policy == "Merge":
        steps = _group_steps(request, accounts, trace)
        trace.add(*steps)
        gids.update([step.gid for step in steps if step.outcome == "added" and step.gid is not None])
    requested = tuple(to_uint32(group) for group in request.supplemental_groups)
    gids.update(requested)
    if requested:
        trace.add(*requested_steps(request, requested))
    if policy == "Strict":
        trace.add(*_left_out(request, accounts, frozenset(gids)))
    return Identity(
        uid=run_as.uid,
        gid=run_as.gid,
        supplemental_groups=tuple(sorted(gids)),
        username=run_as.username,
        trace=trace.steps,
    )


def _look_up_context(dialect: IdentityDialect) -> str:
    """What comes before the reason of a look-up that failed. Where the snapshot is mounted for it, that wraps too.

    Mirrors containerd: core/mount/temp.go, WithTempMount.
    """
    root = dialect.account_files_root
    return f"{_CREATE}mount callback failed on {root}: " if root else _CREATE


def _user_string(request: IdentityRequest, trace: Trace) -> str:
    user, source = request.run_as_username, "run_as_username"
    if not user and request.run_as_user is not None:
        user, source = str(request.run_as_user), "run_as_user"
    if request.run_as_group is None:
        if not user:
            user, source = request.image_user, "the image's USER"
        text = f"the user string is {user!r}, {source}" if user else "the user string is empty"
        trace.note("user-string", text)
        return user
    if not user:
        group = go_quote(str(request.run_as_group))
        raise trace.refused(
            f"{_OPTIONS}failed to generate user string: user group {group} is specified without user",
            rule="user-string",
            text="the request has run_as_group and no user; the image's USER does not count then",
        )
    user_string = f"{user}:{request.run_as_group}"
    trace.note("user-string", f"the user string is {user_string!r}, {source} and run_as_group")
    return user_string


def _policy(request: IdentityRequest, dialect: IdentityDialect, trace: Trace) -> Literal["Merge", "Strict"]:
    name = policy_name(request.policy)
    if name == "Merge":
        return "Merge"
    if not dialect.knows_policy:
        ignored_policy(trace)
        return "Merge"
    if name is None:
        text = f"not implemented in this containerd release: SupplementalGroupsPolicy={request.policy}"
        raise trace.refused(f"{_OPTIONS}{text}", rule="policy", text="no such policy")
    return "Strict"


def _has_primary_gid(user_string: str, policy: str, dialect: IdentityDialect) -> bool:
    if not dialect.includes_primary_gid:
        return False
    # Without a user string WithUser does not run, and Strict leaves WithAdditionalGIDs out, so nobody adds it.
    return bool(user_string) or policy == "Merge" or dialect.strict_adds_primary_without_user


def _run_as(user_string: str, accounts: Accounts, trace: Trace) -> _RunAs:
    if not user_string:
        text = "neither the request nor the image names a user: root"
        trace.add(
            TraceStep(rule="user", outcome="uid", uid=0, text=text),
            TraceStep(rule="user", outcome="gid", gid=0, text=text),
        )
        return _RunAs(uid=0, gid=0, username=None)
    parts = user_string.split(":")
    if len(parts) == 1:
        uid = _number(user_string, part=user_string, kind="uid", dialect=accounts.dialect, trace=trace)
        if uid is None:
            entry = _passwd_entry(user_string, accounts, trace)
            return _from_entry(entry, f"the user is the name {user_string!r}", trace)
        return _by_uid(uid, accounts, trace)
    if len(parts) == 2:
        return _user_and_group(user_string, parts[0], parts[1], accounts, trace)
    raise trace.refused(
        f"{_CREATE}invalid USER value {user_string}",
        rule="user",
        text=f"a user string has one part or two, this one has {len(parts)}",
    )


def _number(
    user_string: str, *, part: str, kind: Literal["uid", "gid"], dialect: IdentityDialect, trace: Trace
) -> int | None:
    """The id that a part of the user string is; None when it counts as a name."""
    number = atoi(part)
    if number.error == "syntax":
        return None
    is_id = number.error == "" and 0 <= number.value <= _ID_MAX
    if is_id:
        return number.value
    if dialect.numeric_overflow == "error":
        raise trace.refused(
            f"{_CREATE}invalid USER value {go_quote(user_string)}: {kind} out of range",
            rule="overflow",
            text=f"{part} is outside 0 to {_ID_MAX}",
        )
    if dialect.numeric_overflow == "wraps" and number.error == "":
        wrapped = to_uint32(number.value)
        trace.note("overflow", f"of {part}, which is outside 0 to {_ID_MAX}, the low 32 bits count: {wrapped}")
        return wrapped
    trace.note("overflow", f"{part} is outside 0 to {_ID_MAX}, so it is taken for a name")
    return None


def _by_uid(uid: int, accounts: Accounts, trace: Trace) -> _RunAs:
    users = read_users(accounts, trace, context=_look_up_context(accounts.dialect))
    entry = None if users is None else users.with_uid(uid)
    if entry is not None:
        return _from_entry(entry, f"the user is the number {uid}", trace)
    missing = "the image has no passwd file" if users is None else f"no passwd line has the uid {uid}"
    trace.add(
        TraceStep(rule="user", outcome="uid", uid=uid, text=f"the user is the number {uid}"),
        TraceStep(rule="user", outcome="gid", gid=0, text=f"{missing}, so the gid is 0"),
    )
    return _RunAs(uid=uid, gid=0, username=None)


def _from_entry(entry: PasswdEntry, why: str, trace: Trace) -> _RunAs:
    uid, gid = to_uint32(entry.uid), to_uint32(entry.gid)
    text = f"{why}; the first passwd line that matches is that of {entry.name!r}"
    trace.add(
        TraceStep(rule="user", outcome="uid", uid=uid, text=text, file=USERS_PATH, line=entry.line),
        TraceStep(rule="user", outcome="gid", gid=gid, text=text, file=USERS_PATH, line=entry.line),
    )
    return _RunAs(uid=uid, gid=gid, username=entry.name)


def _user_and_group(user_string: str, user: str, group: str, accounts: Accounts, trace: Trace) -> _RunAs:
    """`user:group`. A number needs no line in any file, and a name's own gid does not count."""
    uid = _number(user_string, part=user, kind="uid", dialect=accounts.dialect, trace=trace)
    gid = _number(user_string, part=group, kind="gid", dialect=accounts.dialect, trace=trace)
    username = None
    uid_step = TraceStep(rule="user", outcome="uid", uid=uid or 0, text=f"the user part is {user!r}")
    gid_step = TraceStep(rule="group", outcome="gid", gid=gid or 0, text=f"the group part is {group!r}")
    if uid is None and user:
        user_entry = _passwd_entry(user, accounts, trace)
        username, uid = user_entry.name, to_uint32(user_entry.uid)
        uid_step = replace(uid_step, uid=uid, file=USERS_PATH, line=user_entry.line)
    trace.add(uid_step)
    if gid is None and group:
        group_entry = _group_entry(group, accounts, trace)
        gid = to_uint32(group_entry.gid)
        gid_step = replace(gid_step, gid=gid, file=GROUPS_PATH, line=group_entry.line)
    trace.add(gid_step)
    return _RunAs(uid=uid or 0, gid=gid or 0, username=username)


def _passwd_entry(name: str, accounts: Accounts, trace: Trace) -> PasswdEntry:
    users = read_users(accounts, trace, context=_look_up_context(accounts.dialect))
    if users is None:
        text = f"the user {name!r} is a name, and the image has no such file to look it up in"
        message = _look_up_context(accounts.dialect) + accounts.missing_reason("passwd")
        raise trace.refused(message, rule="user", text=text, file=USERS_PATH)
    entry = users.named(name)
    if entry is not None:
        return entry
    message = f"{_look_up_context(accounts.dialect)}no users found"
    raise trace.refused(message, rule="user", text=f"no line has the name {name!r}", file=USERS_PATH)


def _group_entry(name: str, accounts: Accounts, trace: Trace) -> GroupEntry:
    groups = read_groups(accounts, trace, context=_look_up_context(accounts.dialect))
    if groups is None:
        text = f"the group part {name!r} is a name, and the image has no such file to look it up in"
        message = _look_up_context(accounts.dialect) + accounts.missing_reason("group")
        raise trace.refused(message, rule="group", text=text, file=GROUPS_PATH)
    entry = groups.named(name)
    if entry is not None:
        return entry
    message = f"{_look_up_context(accounts.dialect)}no groups found"
    raise trace.refused(message, rule="group", text=f"no line has the name {name!r}", file=GROUPS_PATH)


def _group_steps(request: IdentityRequest, accounts: Accounts, trace: Trace) -> list[TraceStep]:
    """What the image's group file says about the user: a step for each line that lists it."""
    key, context = _user_for_groups(request, accounts.dialect), _look_up_context(accounts.dialect)
    number = atoi(key)
    name, steps = key, []
    if not number.error:
        users = read_users(accounts, trace, context=context)
        user = None if users is None else users.with_uid(number.value)
        if user is None:
            text = f"no passwd line has the uid {key}, so no group line is looked for"
            return [TraceStep(rule="user-name", outcome="note", text=text)]
        name = user.name
        text = f"groups are looked for by name, and the first passwd line with the uid {key} is that of {name!r}"
        steps.append(TraceStep(rule="user-name", outcome="note", text=text, file=USERS_PATH, line=user.line))
    groups = read_groups(accounts, trace, context=context)
    if groups is not None:
        steps += [_member_step(entry, name, accounts.dialect) for entry in groups.listing(name)]
    return steps


def _member_step(entry: GroupEntry, name: str, dialect: IdentityDialect) -> TraceStep:
    text = member_text(entry, name)
    is_own = entry.name == name and dialect.skips_own_name_group
    if is_own:
        text += ", but a group with the user's own name is no supplementary group for containerd"
    return TraceStep(
        rule="own-name-group" if is_own else "group-member",
        outcome="left-out" if is_own else "added",
        gid=to_uint32(entry.gid),
        text=text,
        file=GROUPS_PATH,
        line=entry.line,
    )


def _user_for_groups(request: IdentityRequest, dialect: IdentityDialect) -> str:
    """The uid or name whose groups are looked for."""
    if request.run_as_username:
        return request.run_as_username
    if request.run_as_user is not None:
        return str(request.run_as_user)
    if request.image_user and dialect.looks_up_image_user:
        return request.image_user.partition(":")[0]
    return "0"


def _left_out(request: IdentityRequest, accounts: Accounts, present: frozenset[int]) -> list[TraceStep]:
    """The groups that Merge would have added. containerd does not look for them, so no file can fail here."""
    try:
        steps = _group_steps(request, accounts, Trace())
    except IdentityError as error:
        text = f"what Strict leaves out is not known: {str(error).removeprefix(_look_up_context(accounts.dialect))}"
        return [TraceStep(rule="strict", outcome="note", text=text)]
    return [
        replace(step, rule="strict", outcome="left-out", text=f"{step.text}, but Strict takes nothing from the image")
        for step in steps
        if step.outcome == "added" and step.gid not in present
    ]
