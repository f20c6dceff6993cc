"""What is kept of the account files of an image, and for how long."""

from collections.abc import Iterator

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy import accounts
from kubesim.policy.accounts import Accounts, Unopened, accounts_of
from kubesim.policy.identity import IdentityError, IdentityRequest, resolve, resolve_identity
from kubesim.policy.passwd_files import AccountFileError
from kubesim.runtime.profiles import load_profile

CONTAINERD = load_profile("containerd-2.3").identity
CRIO = load_profile("cri-o-1.36").identity
PASSWD = b"root:x:0:0\napp:x:1000:1000\n"
GROUP = b"dev:x:50000:app\n"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(accounts, "_kept", [accounts._Generation(), accounts._Generation()])
    yield
    for generation in accounts._kept:
        assert {*generation.by_key.values()} == {*generation.by_probe.values()}
        assert generation.size_bytes == sum(each.size_bytes for each in generation.by_key.values())


def copied(data: bytes) -> bytes:
    return bytes(bytearray(data))


def test_the_same_files_and_equal_files_are_looked_through_once() -> None:
    first = accounts_of(PASSWD, GROUP, CONTAINERD)

    assert accounts_of(PASSWD, GROUP, CONTAINERD) is first
    assert accounts_of(copied(PASSWD), copied(GROUP), CONTAINERD) is first
    assert accounts_of(PASSWD, GROUP, CRIO) is not first
    assert accounts_of(PASSWD, None, CONTAINERD) is not first


def test_files_that_only_look_alike_are_told_apart() -> None:
    """Same length, same start and end: the bytes in between decide."""
    end = b"z:x:9:9:" + b"z" * 100
    start = b"y:x:8:8:" + b"y" * 100 + b"\n"
    first = accounts_of(start + b"a:x:1:1\n" + end, None, CONTAINERD)
    second = accounts_of(start + b"a:x:2:2\n" + end, None, CONTAINERD)
    third = accounts_of(start + b"a:x:1:1\n" + end, None, CONTAINERD)

    assert [named(each) for each in (first, second, third)] == [1, 2, 1]


def named(found: Accounts) -> int | None:
    users = found.users()
    assert users is not None
    entry = users.named("a")
    return entry and entry.uid


def test_an_image_that_nobody_asks_for_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """With two images in a generation, the third makes the first two the old ones, and the fifth lets them go."""
    monkeypatch.setattr(accounts, "KEPT_IMAGES_MAX", 2)
    files = [b"a:x:%d:1\n" % number for number in range(5)]
    first, second, third = [accounts_of(file, None, CONTAINERD) for file in files[:3]]

    assert accounts_of(files[1], None, CONTAINERD) is second
    accounts_of(files[3], None, CONTAINERD)
    assert accounts_of(files[2], None, CONTAINERD) is third
    assert accounts_of(copied(files[1]), None, CONTAINERD) is second
    accounts_of(files[4], None, CONTAINERD)
    assert accounts_of(files[0], None, CONTAINERD) is not first


def test_large_files_are_bounded_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "KEPT_BYTES_MAX", 250_000)
    files = [b"a:x:%d:1\n" % number + b"#" * 100_000 for number in range(5)]
    kept = [accounts_of(file, GROUP, CONTAINERD) for file in files]

    assert all(generation.size_bytes <= 250_000 for generation in accounts._kept)
    assert accounts_of(files[4], GROUP, CONTAINERD) is kept[4]
    assert accounts_of(files[3], GROUP, CONTAINERD) is kept[3]
    assert accounts_of(files[0], GROUP, CONTAINERD) is not kept[0]
    huge = b"a:x:5:5\n" + b"\n" * 250_000
    assert accounts_of(huge, None, CONTAINERD) is not accounts_of(huge, None, CONTAINERD)
    assert named(accounts_of(huge, None, CONTAINERD)) == 5


def test_an_answer_is_kept_for_the_same_request_only() -> None:
    request = IdentityRequest(passwd=PASSWD, group=GROUP, run_as_user=1000, home="/a")
    first = resolve(request, CONTAINERD)

    assert resolve(replace(request), CONTAINERD) is first
    assert resolve(request, CRIO) is not first
    with pytest.raises(IdentityError, match="newline not allowed"):
        resolve(replace(request, home="/a\n"), CRIO)
    assert resolve(replace(request, run_as_user=None, image_user="root"), CONTAINERD).uid == 0
    assert resolve(replace(request, run_as_user=0), CONTAINERD).uid == 0
    assert resolve(replace(request, run_as_username="root"), CONTAINERD).uid == 0
    assert resolve(replace(request, run_as_group=5), CONTAINERD).gid == 5
    assert resolve(replace(request, supplemental_groups=(5,)), CONTAINERD).supplemental_groups == (5, 1000, 50000)
    assert resolve(replace(request, policy="Strict"), CONTAINERD).supplemental_groups == (1000,)
    assert resolve(replace(request, group=None), CONTAINERD).supplemental_groups == (1000,)


def test_answers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "ANSWERS_KEPT_MAX", 3)
    for uid in range(10):
        assert resolve_identity(passwd=PASSWD, group=GROUP, run_as_user=uid, dialect=CONTAINERD).uid == uid

    assert 0 < len(accounts_of(PASSWD, GROUP, CONTAINERD).answers) <= 3


def test_a_refusal_is_refused_again() -> None:
    for _ in range(2):
        with pytest.raises(IdentityError, match="no users found"):
            resolve_identity(passwd=PASSWD, group=GROUP, run_as_username="ghost", dialect=CONTAINERD)


def test_files_that_are_not_opened() -> None:
    blocked = Unopened(reason="etc/passwd is not a regular file")
    dangling = Unopened(reason="openat nix/passwd: no such file or directory", is_missing=True)

    with pytest.raises(AccountFileError, match=r"^etc/passwd is not a regular file$"):
        accounts_of(blocked, None, CONTAINERD).users()
    with pytest.raises(AccountFileError, match=r"^etc/passwd is not a regular file$"):
        accounts_of(None, blocked, CONTAINERD).groups()
    assert accounts_of(dangling, None, CONTAINERD).users() is None
    assert accounts_of(None, None, CONTAINERD).groups() is None
    assert accounts_of(dangling, None, CONTAINERD).missing_reason("passwd") == dangling.reason
    assert accounts_of(dangling, None, CONTAINERD).missing_reason("group") == "lstat etc/group: file does not exist"
    assert accounts_of(dangling, None, CONTAINERD) is accounts_of(
        Unopened(reason=dangling.reason, is_missing=True), None, CONTAINERD
    )
