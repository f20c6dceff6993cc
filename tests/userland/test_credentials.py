"""Who a process is: effective capabilities, what they open, set-user-ID programs, who may send signals to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.capabilities import ALL_CAPABILITIES, capability_mask
from kubesim.userland.files.credentials import CAP_KILL, EXECUTE, READ, ROOT, WRITE, Credentials
from kubesim.userland.files.file_stat import FileKind, Stat

if TYPE_CHECKING:
    from conftest import World

USER = Credentials(uid=1000, gid=3000, groups=(3000, 4000))
DIRECTORY, FILE = FileKind.DIRECTORY, FileKind.FILE


def stat(mode: int, *, uid: int = 0, gid: int = 0, kind: FileKind = FILE) -> Stat:
    return Stat(kind=kind, mode=mode, uid=uid, gid=gid, size_bytes=0, mtime_ns=0)


def with_only(*names: str, uid: int = 0) -> Credentials:
    mask = capability_mask(names)
    return Credentials(uid=uid, gid=uid, capabilities=mask, ambient_capabilities=mask if uid else 0)


@pytest.mark.parametrize(
    ("who", "has_it"),
    [
        (ROOT, True),
        (replace(ROOT, capabilities=0), False),
        (USER, False),
        (replace(USER, ambient_capabilities=CAP_KILL), True),
    ],
)
def test_root_has_its_bounding_set_and_others_what_is_ambient(who: Credentials, has_it: bool) -> None:
    assert who.has(CAP_KILL) is has_it


@pytest.mark.parametrize(
    ("who", "what", "wanted", "allowed"),
    [
        (USER, stat(0o700, uid=1000), READ | WRITE | EXECUTE, True),
        (USER, stat(0o077, uid=1000), READ, False),
        (USER, stat(0o040, gid=4000), READ, True),
        (USER, stat(0o704, gid=4000), READ, False),
        (USER, stat(0o004), READ, True),
        (USER, stat(0o004), WRITE, False),
        (with_only(uid=0), stat(0o000), READ, False),
        (with_only(uid=0), stat(0o600), READ | WRITE, True),
        (with_only(uid=0), stat(0o600, uid=5), READ, False),
        (ROOT, stat(0o000, uid=5), READ | WRITE, True),
        (ROOT, stat(0o666, uid=5), EXECUTE, False),
        (ROOT, stat(0o001, uid=5), EXECUTE, True),
        (ROOT, stat(0o000, uid=5, kind=DIRECTORY), EXECUTE, True),
        (with_only("CAP_DAC_READ_SEARCH", uid=7), stat(0o000), READ, True),
        (with_only("CAP_DAC_READ_SEARCH", uid=7), stat(0o000), WRITE, False),
        (with_only("CAP_DAC_READ_SEARCH", uid=7), stat(0o000, kind=DIRECTORY), READ | EXECUTE, True),
        (with_only("CAP_DAC_READ_SEARCH", uid=7), stat(0o000, kind=DIRECTORY), WRITE | EXECUTE, False),
    ],
)
def test_permission_bits_and_the_capabilities_that_pass_over_them(
    who: Credentials, what: Stat, wanted: int, allowed: bool
) -> None:
    assert who.may(what, wanted) is allowed


@pytest.mark.parametrize(
    ("who", "program", "ids"),
    [
        (USER, stat(0o755), (1000, 1000, 3000, 3000)),
        (USER, stat(0o4755), (1000, 0, 3000, 3000)),
        (USER, stat(0o4755, uid=5), (1000, 5, 3000, 3000)),
        (USER, stat(0o2755, gid=6), (1000, 1000, 3000, 6)),
        (USER, stat(0o2745, gid=6), (1000, 1000, 3000, 3000)),
        (USER, stat(0o6755, uid=5, gid=6), (1000, 5, 3000, 6)),
        (replace(USER, no_new_privileges=True), stat(0o6755), (1000, 1000, 3000, 3000)),
        (USER, stat(0o6755, kind=DIRECTORY), (1000, 1000, 3000, 3000)),
    ],
)
def test_what_a_set_user_id_program_makes_of_its_caller(
    who: Credentials, program: Stat, ids: tuple[int, int, int, int]
) -> None:
    now = who.executing(program)
    assert (now.real_uid, now.uid, now.real_gid, now.gid) == ids
    assert now.groups == who.groups


def test_a_set_user_id_program_of_root_has_the_bounding_set_and_one_of_others_loses_what_was_ambient() -> None:
    who = with_only("CAP_KILL", "CAP_CHOWN", uid=1000)

    assert who.executing(stat(0o4755)).effective == who.capabilities
    assert who.executing(stat(0o4755, uid=5)).effective == 0


@pytest.mark.parametrize(
    ("who", "target", "allowed"),
    [
        (USER, USER, True),
        (USER, ROOT, False),
        (USER, Credentials(uid=0, gid=0, real_uid=1000), True),
        (ROOT, USER, True),
        (with_only("CAP_CHOWN"), USER, False),
        (with_only("CAP_CHOWN"), ROOT, True),
        (with_only("CAP_KILL", uid=7), USER, True),
    ],
)
def test_who_may_send_a_signal(who: Credentials, target: Credentials, allowed: bool) -> None:
    assert who.may_signal(target) is allowed


def test_a_set_user_id_program_runs_as_its_owner_however_it_is_started(world: World) -> None:
    files = world.files.as_root()
    files.set_mode("/bin/whoami", 0o4755)
    files.set_mode("/bin/cat", 0o4755)
    files.set_mode("/bin/id", 0o4755)

    assert world.run("whoami", who=USER).out == "root\n"
    assert world.sh("whoami; (whoami); exec whoami", who=USER).out == "root\n" * 3
    assert world.sh("cat /etc/secret; id -u; id -ru", who=USER).out == "s3cret\n0\n1000\n"
    assert world.run("id", "-u", who=replace(USER, no_new_privileges=True)).out == "1000\n"
    # The supplementary groups stay those of the caller.
    assert world.run("id", who=USER).out == ("uid=1000(user-defined-in-image) gid=3000 euid=0(root) groups=3000,4000\n")


def test_status_tells_the_real_and_the_effective_ids(world: World) -> None:
    world.files.as_root().set_mode("/bin/grep", 0o6755)
    shown = world.run("grep", "-E", "^(Uid|Gid|Groups|Cap)", "/proc/self/status", who=USER).out

    full = f"{ALL_CAPABILITIES:016x}"
    assert shown == (
        "Uid:\t1000\t0\t0\t0\nGid:\t3000\t0\t0\t0\nGroups:\t3000 4000 \n"
        f"CapInh:\t{0:016x}\nCapPrm:\t{full}\nCapEff:\t{full}\nCapBnd:\t{full}\nCapAmb:\t{0:016x}\n"
    )


def test_root_without_the_capability_is_held_by_the_modes(world: World) -> None:
    who = replace(ROOT, capabilities=0)
    world.files.as_root().set_owner("/etc/secret", 1000, 1000)

    script = "cat /etc/secret; kill -0 $$ && echo own"
    command = world.sh(script, who=who)
    assert (command.out, command.err) == ("own\n", "cat: can't open '/etc/secret': Permission denied\n")


DEFAULT = capability_mask(["CAP_CHOWN", "CAP_SETGID", "CAP_SETUID"])
SET_USER_ID = Credentials(uid=0, gid=0, real_uid=1000, real_gid=1000, capabilities=0)


@pytest.mark.parametrize(
    ("who", "uid", "after"),
    [
        (ROOT, 1000, replace(ROOT, uid=1000, real_uid=1000)),
        (ROOT, 0, ROOT),
        (replace(ROOT, ambient_capabilities=CAP_KILL), 1000, replace(ROOT, uid=1000, real_uid=1000)),
        (replace(ROOT, capabilities=capability_mask(["CAP_SETGID"])), 1000, None),
        (USER, 1000, USER),
        (USER, 0, None),
        (with_only("CAP_SETUID", uid=5), 6, replace(with_only("CAP_SETUID", uid=5), uid=6, real_uid=6)),
        (SET_USER_ID, 1000, replace(SET_USER_ID, uid=1000)),
    ],
)
def test_setuid(who: Credentials, uid: int, after: Credentials | None) -> None:
    assert who.with_uid(uid) == after


def test_who_leaves_root_does_not_come_back_and_has_no_capability_left() -> None:
    gone = replace(ROOT, capabilities=DEFAULT, ambient_capabilities=DEFAULT).with_uid(1000)

    assert gone is not None
    assert gone.effective == 0
    assert (gone.with_uid(0), gone.with_gid(7), gone.with_groups(())) == (None, None, None)


def test_setgid_and_setgroups() -> None:
    assert ROOT.with_gid(7) == replace(ROOT, gid=7, real_gid=7)
    assert USER.with_gid(3000) == USER
    assert USER.with_gid(4000) is None  # a supplementary group is not its own
    assert SET_USER_ID.with_gid(1000) == replace(SET_USER_ID, gid=1000)
    assert replace(ROOT, groups=(1,)).with_groups((9, 3)) == replace(ROOT, groups=(3, 9))
    assert USER.with_groups((3000,)) is None
