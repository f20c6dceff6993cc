"""Who a container runs as, a second time: slowly, and word by word from the rules of both runtimes.

Nothing here is fast or shared with `kubesim.policy`, apart from the values that go in and Go's quoting.
`test_identity_twice` asks both about files and requests that nobody would think of.

The rules are those of containerd (pkg/oci/spec_opts.go) and CRI-O (server/container_create.go, utils/utils.go; moby/sys
user.GetExecUser), in the order in which they apply.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubesim.policy.go_quote import go_quote
from kubesim.policy.identity import IdentityDialect, IdentityRequest

from .account_files_by_the_rules import Missing, ReadError, atoi, groups_of, uint32, users_of


class Refused(Exception):
    """The message of CreateContainer."""


@dataclass
class Who:
    uid: int
    gid: int
    groups: list[int]


def who(request: IdentityRequest, dialect: IdentityDialect) -> Who:
    """Raises Refused with the message of CreateContainer."""
    return containerd(request, dialect) if dialect.algorithm == "containerd" else crio(request, dialect)


# Section 3: containerd.

CREATE = "failed to create containerd container: "
OPTIONS = "failed to get container spec opts: "


def containerd(request: IdentityRequest, dialect: IdentityDialect) -> Who:
    user = ""
    if request.run_as_user is not None:
        user = str(request.run_as_user)
    if request.run_as_username != "":
        user = request.run_as_username
    if request.run_as_group is not None:
        if user == "":
            text = f"user group {go_quote(str(request.run_as_group))} is specified without user"
            raise Refused(f"{OPTIONS}failed to generate user string: {text}")
        user += ":" + str(request.run_as_group)
    if user == "":
        user = request.image_user
    is_merge = True
    if dialect.knows_policy:
        if request.policy in (1, "Strict"):
            is_merge = False
        elif request.policy not in (0, "Merge"):
            raise Refused(
                f"{OPTIONS}not implemented in this containerd release: SupplementalGroupsPolicy={request.policy}"
            )
    try:
        uid, gid = (0, 0) if user == "" else containerd_user(user, request, dialect)
        additional = {gid} if user != "" and dialect.includes_primary_gid else set()
        if is_merge:
            additional |= containerd_file_groups(request, dialect)
            if dialect.includes_primary_gid:
                additional.add(gid)
        elif user == "" and dialect.strict_adds_primary_without_user and dialect.includes_primary_gid:
            additional.add(gid)
    except (Missing, ReadError) as error:
        raise Refused(f"{in_snapshot(dialect)}{error}") from error
    for group in request.supplemental_groups:
        additional.add(uint32(group))
    return Who(uid, gid, sorted(additional))


def in_snapshot(dialect: IdentityDialect) -> str:
    """Where the snapshot is mounted for the look-up, WithTempMount says so of what fails in it."""
    if dialect.account_files_root == "":
        return CREATE
    return f"{CREATE}mount callback failed on {dialect.account_files_root}: "


def containerd_user(user: str, request: IdentityRequest, dialect: IdentityDialect) -> tuple[int, int]:
    parts = user.split(":")
    if len(parts) > 2:
        raise Refused(f"{CREATE}invalid USER value {user}")
    if len(parts) == 1:
        number = containerd_number(user, parts[0], "uid", dialect)
        if number is None:
            found = [each for each in users_of(request, dialect) if each.name == parts[0].encode()]
            if not found:
                raise Refused(f"{in_snapshot(dialect)}no users found")
            return uint32(found[0].uid), uint32(found[0].gid)
        try:
            found = [each for each in users_of(request, dialect) if each.uid == number]
        except Missing:
            found = []
        return (uint32(found[0].uid), uint32(found[0].gid)) if found else (number, 0)
    uid = containerd_number(user, parts[0], "uid", dialect)
    gid = containerd_number(user, parts[1], "gid", dialect)
    if uid is None:
        uid = 0
        if parts[0] != "":
            found = [each for each in users_of(request, dialect) if each.name == parts[0].encode()]
            if not found:
                raise Refused(f"{in_snapshot(dialect)}no users found")
            uid = uint32(found[0].uid)
    if gid is None:
        gid = 0
        if parts[1] != "":
            groups = [each for each in groups_of(request, dialect) if each.name == parts[1].encode()]
            if not groups:
                raise Refused(f"{in_snapshot(dialect)}no groups found")
            gid = uint32(groups[0].gid)
    return uid, gid


def containerd_number(user: str, text: str, kind: str, dialect: IdentityDialect) -> int | None:
    """None for a name. The versions differ in what a number outside 0..2147483647 is."""
    number, error = atoi(text.encode())
    if error == "syntax":
        return None
    if error == "" and 0 <= number <= 2147483647:
        return number
    if dialect.numeric_overflow == "error":
        raise Refused(f"{CREATE}invalid USER value {go_quote(user)}: {kind} out of range")
    if dialect.numeric_overflow == "name" or error == "range":
        return None
    return uint32(number)


def containerd_file_groups(request: IdentityRequest, dialect: IdentityDialect) -> set[int]:
    """Rule 10, without the primary gid."""
    key = "0"
    if request.image_user != "" and dialect.looks_up_image_user:
        key = request.image_user.split(":")[0]
    if request.run_as_user is not None:
        key = str(request.run_as_user)
    if request.run_as_username != "":
        key = request.run_as_username
    name = key.encode()
    number, error = atoi(name)
    try:
        if error == "":
            users = [each for each in users_of(request, dialect) if each.uid == number]
            if not users:
                return set()
            name = users[0].name
        groups = groups_of(request, dialect)
    except Missing:
        return set()
    found = set()
    for group in groups:
        if group.name == name and dialect.skips_own_name_group:
            continue
        if name in group.members:
            found.add(uint32(group.gid))
    return found


# Section 4: CRI-O.


def crio(request: IdentityRequest, dialect: IdentityDialect) -> Who:
    if request.run_as_group is not None and request.run_as_user is None and request.run_as_username == "":
        raise Refused("user group is specified without user or username")
    if dialect.home_newline_check == "escaped" and "\\n" in request.home:
        raise Refused("invalid HOME environment; newline not allowed")
    if dialect.home_newline_check == "newline" and ("\n" in request.home or "\r" in request.home):
        raise Refused("invalid HOME environment; newline not allowed")
    uid, gid, file_groups = exec_user(request, dialect)
    if request.run_as_group is not None:
        gid = uint32(request.run_as_group)
    groups = [gid]
    if not dialect.knows_policy or request.policy in (0, "Merge"):
        groups += file_groups
    elif request.policy not in (1, "Strict"):
        raise Refused(f"not implemented in this CRI-O release: SupplementalGroupsPolicy={request.policy}")
    groups += [uint32(group) for group in request.supplemental_groups]
    once: list[int] = []
    for group in groups:
        if group not in once:
            once.append(group)
    return Who(uid, gid, once)


def crio_user_string(request: IdentityRequest) -> str:
    user = ""
    if request.run_as_user is not None:
        user = str(request.run_as_user)
    if request.run_as_username != "":
        user = request.run_as_username
    return user or request.image_user


def exec_user(request: IdentityRequest, dialect: IdentityDialect) -> tuple[int, int, list[int]]:  # noqa: C901  as it is
    """GetExecUser: uid, gid and the groups of the file."""
    spec = crio_user_string(request).split(":")
    user_arg, group_arg = spec[0].encode(), (spec[1] if len(spec) > 1 else "").encode()
    uid_arg, uid_error = atoi(user_arg)
    gid_arg, gid_error = atoi(group_arg)
    try:
        users = users_of(request, dialect)
    except Missing:
        users = []
    except ReadError as error:
        raise Refused(f"get exec user: unable to find user {spec[0] or '0'}: {error}") from error
    uid, gid, name = 0, 0, b""
    for each in users:
        if user_arg == b"":
            is_match = each.uid == 0
        elif uid_error == "":
            is_match = each.uid == uid_arg
        else:
            is_match = each.name == user_arg
        if is_match:
            uid, gid, name = each.uid, each.gid, each.name
            break
    else:
        if user_arg != b"":
            if uid_error != "":
                raise Refused(f"get exec user: unable to find user {spec[0]}: no matching entries in passwd file")
            if uid_arg < 0 or uid_arg > 2147483647:
                raise Refused("get exec user: uids and gids must be in range 0-2147483647")
            uid = uid_arg
    if group_arg == b"" and name == b"":
        return uint32(uid), uint32(gid), []
    try:
        groups = groups_of(request, dialect)
    except Missing:
        groups = []
    except ReadError as error:
        shown = name.decode("utf-8", "surrogateescape")
        raise Refused(f"get exec user: unable to find groups for spec {shown}: {error}") from error
    if group_arg == b"":
        return uint32(uid), uint32(gid), [uint32(each.gid) for each in groups if name in each.members]
    for group in groups:
        if (group.gid == gid_arg) if gid_error == "" else (group.name == group_arg):
            return uint32(uid), uint32(group.gid), []
    if gid_error != "":
        raise Refused(f"get exec user: unable to find group {spec[1]}: no matching entries in group file")
    if gid_arg < 0 or gid_arg > 2147483647:
        raise Refused("get exec user: uids and gids must be in range 0-2147483647")
    return uint32(uid), gid_arg, []


def crio_passwd(
    request: IdentityRequest, dialect: IdentityDialect, *, mode: int, owner: int, working_dir: str
) -> bytes | None:
    """The file that is mounted over /etc/passwd; None for none. `mode` and `owner` are those of the image's file."""
    uid, gid, _ = exec_user(request, dialect)
    if not isinstance(request.passwd, bytes):
        return None
    if any(each.uid == uid for each in users_of(request, dialect)):
        return None
    if request.passwd == b"" and dialect.generates_group_line:
        return None
    if mode & 0o022 or (uid == owner and mode & 0o200):
        return None
    user = crio_user_string(request) or "default"
    home = request.home or working_dir or "/tmp"
    line = f"{user}:x:{uid}:{gid}:{user} user:{home}:/sbin/nologin\n"
    return request.passwd + line.encode()


def crio_group(request: IdentityRequest, dialect: IdentityDialect, *, mode: int, owner: int) -> bytes | None:
    """The file that is mounted over /etc/group; None for none."""
    gid = crio(request, dialect).gid
    if not dialect.generates_group_line or not isinstance(request.group, bytes):
        return None
    if any(each.gid == gid for each in groups_of(request, dialect)):
        return None
    if mode & 0o022 or (gid == owner and mode & 0o200):
        return None
    return request.group + f"{gid}:x:{gid}:\n".encode()
