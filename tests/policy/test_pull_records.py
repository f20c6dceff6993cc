"""Who may use an image that is on the node already (KubeletEnsureSecretPulledImages)."""

import hashlib

import pytest

from kubesim.policy.image_keyring import PullLogin, SecretSource
from kubesim.policy.pull_records import (
    OPEN,
    Access,
    ProvenLogins,
    PulledRecord,
    access,
    needs_verification,
    proven_by,
    proven_secret,
    with_logins,
)

REPOSITORY = "registry.example/app"


def login(password: str = "p", *, secret: str = "s", uid: str = "u") -> PullLogin:
    source = SecretSource(uid=uid, namespace="default", name=secret)
    return PullLogin(username="bot", password=password, email="", source=source)


def record(*logins: PullLogin) -> PulledRecord:
    secrets = tuple(proven_secret(one) for one in logins)
    return PulledRecord(image_ref="sha256:1", logins={REPOSITORY: ProvenLogins(secrets=secrets)})


def test_the_hash_is_that_of_the_login_as_go_writes_it():
    text = b'{"username":"bot","password":"\\u003cp"}'
    assert proven_secret(login("<p")).login_hash == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("policy", "is_pulled", "expected"),
    [
        ("NeverVerify", True, False),
        ("NeverVerifyPreloadedImages", True, True),
        ("NeverVerifyPreloadedImages", False, False),
        ("AlwaysVerify", False, True),
        ("NeverVerifyAllowlistedImages", False, True),
    ],
)
def test_policies(policy, is_pulled, expected):
    assert needs_verification(policy, [], repository=REPOSITORY, is_pulled_by_kubelet=is_pulled) is expected


@pytest.mark.parametrize(
    ("pattern", "is_allowed"),
    [
        (REPOSITORY, True),
        ("registry.example/*", True),
        ("registry.example/a", False),
        ("registry.example/other/*", False),
    ],
)
def test_allowlist(pattern, is_allowed):
    verified = needs_verification(
        "NeverVerifyAllowlistedImages", [pattern], repository=REPOSITORY, is_pulled_by_kubelet=True
    )
    assert verified is not is_allowed


def test_an_image_without_a_record_of_that_name_is_pulled():
    assert access(None, REPOSITORY, [login()]).must_pull
    assert access(record(login()), "registry.example/other", [login()]).must_pull


def test_an_image_that_was_pulled_without_a_login_is_open():
    assert access(PulledRecord(image_ref="r", logins={REPOSITORY: proven_by(None)}), REPOSITORY, []) == Access(
        must_pull=False
    )


def test_the_same_secret_and_login():
    assert access(record(login()), REPOSITORY, [login()]) == Access(must_pull=False)


def test_the_same_login_in_another_secret_is_learned():
    other = login(secret="t")
    assert access(record(login()), REPOSITORY, [other]) == Access(must_pull=False, learned=proven_secret(other))


def test_the_same_secret_with_a_new_login_is_learned():
    rotated = login("new")
    assert access(record(login()), REPOSITORY, [rotated]) == Access(must_pull=False, learned=proven_secret(rotated))


def test_another_secret_with_another_login_has_to_pull():
    assert access(record(login()), REPOSITORY, [login("x", secret="t"), login("y", secret="z")]).must_pull
    assert access(record(login()), REPOSITORY, []).must_pull


def test_a_full_record_learns_nothing_more():
    full = record(*(login(str(index), secret=f"s{index}") for index in range(100)))
    assert access(full, REPOSITORY, [login("5", secret="t")]) == Access(must_pull=False)
    assert access(full, REPOSITORY, [login("new", secret="s5")]).must_pull


def test_records_grow():
    empty = PulledRecord(image_ref="sha256:1")
    first = with_logins(empty, REPOSITORY, proven_by(login(secret="b")))
    assert with_logins(first, REPOSITORY, proven_by(login(secret="b"))) is first
    both = with_logins(first, REPOSITORY, proven_by(login(secret="a")))
    assert [one.source.name for one in both.logins[REPOSITORY].secrets] == ["a", "b"]
    rotated = with_logins(first, REPOSITORY, proven_by(login("new", secret="b")))
    assert rotated.logins[REPOSITORY].secrets == (proven_secret(login("new", secret="b")),)


def test_an_open_image_stays_open():
    opened = with_logins(record(login()), REPOSITORY, OPEN)
    assert opened.logins[REPOSITORY] == OPEN
    assert with_logins(opened, REPOSITORY, proven_by(login())) is opened
