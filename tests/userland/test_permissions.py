"""Who may do what: permission bits, owners, and the capabilities that stand above them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubesim.images.tree import directory_node, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.policy.capabilities import capability_mask
from kubesim.userland.files.credentials import EXECUTE, READ, WRITE
from kubesim.userland.files.filesystem import FileSystem, FileView, FsError
from kubesim.userland.processes.process import Credentials

TREE = build_tree(
    [
        ("/closed", directory_node(mode=0o700, uid=5, gid=5)),
        ("/closed/inner", file_node(b"x", mode=0o600, uid=5, gid=5)),
        ("/plain", file_node(b"text", mode=0o644, uid=5, gid=6)),
        ("/secret", file_node(b"secret", mode=0o000, uid=5, gid=6)),
        ("/mine", file_node(b"", mode=0o4755, uid=1000, gid=1000)),
        ("/suid", file_node(b"", mode=0o6775, uid=5, gid=6)),
        ("/locking", file_node(b"", mode=0o2646, uid=5, gid=6)),
        ("/open", directory_node(mode=0o777, uid=5, gid=5)),
        ("/sticky", directory_node(mode=0o1777, uid=5, gid=5)),
        ("/sticky/theirs", file_node(uid=6, gid=6)),
        ("/setgid", directory_node(mode=0o2777, uid=5, gid=77)),
    ]
)


def root_with(*capabilities: str) -> Credentials:
    return Credentials(uid=0, gid=0, capabilities=capability_mask(capabilities))


def view(who: Credentials) -> FileView:
    return FileSystem(TREE).view(who)


NOBODY = Credentials(uid=65534, gid=65534)
MEMBER = Credentials(uid=1000, gid=1000, groups=(1000, 6))
POWERLESS = root_with()


@pytest.mark.parametrize(
    ("capability", "operation"),
    [
        ("CAP_DAC_OVERRIDE", lambda files: files.read("/secret")),
        ("CAP_DAC_OVERRIDE", lambda files: files.write("/secret", b"")),
        ("CAP_DAC_OVERRIDE", lambda files: files.stat("/closed/inner")),
        ("CAP_DAC_OVERRIDE", lambda files: files.write("/closed/new", b"")),
        ("CAP_DAC_READ_SEARCH", lambda files: files.read("/secret")),
        ("CAP_DAC_READ_SEARCH", lambda files: files.list_dir("/closed")),
        ("CAP_DAC_READ_SEARCH", lambda files: files.read("/closed/inner")),
        ("CAP_FOWNER", lambda files: files.set_mode("/plain", 0o600)),
        ("CAP_FOWNER", lambda files: files.set_times("/plain", mtime_ns=5)),
        ("CAP_FOWNER", lambda files: files.remove_file("/sticky/theirs")),
        ("CAP_FOWNER", lambda files: files.rename("/sticky/theirs", "/sticky/moved")),
        ("CAP_FOWNER", lambda files: files.link("/suid", "/open/linked")),
        ("CAP_CHOWN", lambda files: files.set_owner("/plain", 0, 0)),
        ("CAP_CHOWN", lambda files: files.set_owner("/plain", -1, 0)),
    ],
)
def test_one_capability_is_what_root_needs(capability: str, operation: Callable[[FileView], object]) -> None:
    operation(view(root_with(capability)))
    with pytest.raises(FsError, match=r"Permission denied|Operation not permitted"):
        operation(view(POWERLESS))
    with pytest.raises(FsError, match=r"Permission denied|Operation not permitted"):
        operation(view(NOBODY))


@pytest.mark.parametrize(
    ("who", "path", "wanted", "may"),
    [
        (root_with("CAP_DAC_OVERRIDE"), "/plain", EXECUTE, False),
        (root_with("CAP_DAC_OVERRIDE"), "/mine", EXECUTE, True),
        (root_with("CAP_DAC_OVERRIDE"), "/plain", READ | WRITE, True),
        (root_with("CAP_DAC_READ_SEARCH"), "/secret", READ, True),
        (root_with("CAP_DAC_READ_SEARCH"), "/secret", READ | WRITE, False),
        (root_with("CAP_DAC_READ_SEARCH"), "/closed", READ | EXECUTE, True),
        (root_with("CAP_DAC_READ_SEARCH"), "/closed", WRITE, False),
        (POWERLESS, "/plain", READ, True),
        (POWERLESS, "/plain", WRITE, False),
        (MEMBER, "/suid", WRITE, True),
        (MEMBER, "/plain", WRITE, False),
        (NOBODY, "/locking", WRITE, True),
    ],
)
def test_what_access_says(who: Credentials, path: str, wanted: int, may: bool) -> None:
    assert view(who).may(path, wanted) is may


def test_the_class_of_the_owner_counts_even_when_others_may_more() -> None:
    tree = build_tree([("/f", file_node(mode=0o077, uid=1000, gid=6))])

    assert not FileSystem(tree).view(MEMBER).may("/f", READ)
    assert FileSystem(tree).view(NOBODY).may("/f", READ)


def test_the_owner_may_give_a_file_to_another_group_of_the_own_ones_and_no_more() -> None:
    files = view(MEMBER)
    files.set_owner("/mine", -1, 6)

    assert (files.stat("/mine").uid, files.stat("/mine").gid) == (1000, 6)
    for uid, gid in ((-1, 7), (5, -1), (0, 6)):
        with pytest.raises(FsError, match="Operation not permitted"):
            files.set_owner("/mine", uid, gid)
    with pytest.raises(FsError, match="Operation not permitted"):
        files.set_owner("/plain", -1, 6)


@pytest.mark.parametrize("who", [MEMBER, root_with("CAP_CHOWN", "CAP_FSETID")])
def test_a_new_owner_takes_setuid_away(who: Credentials) -> None:
    files = view(who)
    files.set_owner("/mine", 1000, 1000)

    assert files.stat("/mine").mode == 0o755


def test_a_new_owner_keeps_the_bit_that_means_locking_where_it_may() -> None:
    kept, lost = view(root_with("CAP_CHOWN", "CAP_FSETID")), view(root_with("CAP_CHOWN"))
    for files in (kept, lost):
        files.set_owner("/locking", 1, 1)

    assert (kept.stat("/locking").mode, lost.stat("/locking").mode) == (0o2646, 0o646)


def test_writing_takes_setuid_away_unless_one_may_set_it() -> None:
    system = FileSystem(TREE)
    member, privileged = system.view(MEMBER), system.view(root_with("CAP_DAC_OVERRIDE", "CAP_FSETID"))
    privileged.open_write("/suid", is_append=True).write_now(b"1")
    assert privileged.stat("/suid").mode == 0o6775

    file = member.open_write("/suid", is_append=True)
    assert member.stat("/suid").mode == 0o6775
    file.write_now(b"2")
    assert member.stat("/suid").mode == 0o775
    owner = system.view(Credentials(uid=1000, gid=1000))
    owner.truncate("/mine", 1)
    assert owner.stat("/mine").mode == 0o755


def test_setgid_needs_a_group_of_ones_own() -> None:
    files = FileSystem(build_tree([("/f", file_node(uid=1000, gid=9)), ("/g", file_node(uid=1000, gid=6))])).view(
        MEMBER
    )
    files.set_mode("/f", 0o2755)
    files.set_mode("/g", 0o2755)

    assert (files.stat("/f").mode, files.stat("/g").mode) == (0o755, 0o2755)


def test_a_setgid_directory_gives_its_group_and_strips_the_bit_of_strangers() -> None:
    files = view(Credentials(uid=1000, gid=1000))
    files.write("/setgid/f", b"", mode=0o2777)
    files.make_directory("/setgid/d")
    files.make_fifo("/setgid/p")

    assert [files.stat(f"/setgid/{name}").gid for name in "fdp"] == [77] * 3
    assert (files.stat("/setgid/f").mode, files.stat("/setgid/d").mode) == (0o755, 0o2755)


def test_times_of_ones_own_choice_are_for_the_owner_and_now_for_all_who_may_write() -> None:
    files = view(MEMBER)
    files.set_times("/suid")
    files.set_times("/mine", atime_ns=1, mtime_ns=2)

    assert (files.stat("/mine").atime_ns, files.stat("/mine").mtime_ns) == (1, 2)
    with pytest.raises(FsError, match="Operation not permitted"):
        files.set_times("/suid", mtime_ns=2)
    with pytest.raises(FsError, match="Permission denied"):
        files.set_times("/plain")


def test_a_link_has_an_owner_of_its_own_and_no_mode() -> None:
    files = FileSystem(TREE).as_root()
    files.make_link("/l", "plain")
    files.set_owner("/l", 1, 2, follow_last=False)
    files.set_times("/l", mtime_ns=7, follow_last=False)

    link, target = files.stat("/l", follow_last=False), files.stat("/plain")
    assert (link.uid, link.gid, link.mtime_ns) == (1, 2, 7)
    assert (target.uid, target.gid, target.mtime_ns) == (5, 6, 0)
    with pytest.raises(FsError, match="Operation not supported"):
        files.set_mode("/l", 0o600, follow_last=False)


def test_a_hard_link_to_what_one_could_not_write_is_refused() -> None:
    files = view(MEMBER)
    files.link("/mine", "/open/mine")

    for path in ("/plain", "/suid", "/secret"):
        with pytest.raises(FsError, match="Operation not permitted"):
            files.link(path, "/open/other")


def test_a_directory_goes_under_another_one_only_when_it_may_be_written() -> None:
    tree = build_tree(
        [("/a", directory_node(mode=0o777)), ("/b", directory_node(mode=0o777)), ("/a/d", directory_node())]
    )
    files = FileSystem(tree).view(NOBODY)
    files.rename("/a/d", "/a/e")

    with pytest.raises(FsError, match="Permission denied"):
        files.rename("/a/e", "/b/e")


def test_devices_are_made_with_cap_mknod() -> None:
    files = view(root_with("CAP_MKNOD", "CAP_DAC_OVERRIDE"))
    files.make_device("/open/null", files.stat("/dev/null").kind, files.stat("/dev/null").device_number)

    assert files.open_read("/open/null").read_now(5) == b""
    files.open_write("/open/null").write_now(b"gone")
    assert files.stat("/open/null").size_bytes == 0
    with pytest.raises(FsError, match="Operation not permitted"):
        view(NOBODY).make_device("/open/null", files.stat("/dev/null").kind, 259)
