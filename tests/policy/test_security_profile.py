"""Seccomp and AppArmor profiles by request."""

from __future__ import annotations

import pytest

from kubesim.policy.security_profile import (
    LOCALHOST,
    RUNTIME_DEFAULT,
    UNCONFINED,
    Kind,
    SecurityProfile,
    SecurityProfileError,
    effective_profile,
    loaded_profiles,
    profile_of_text,
)

NONE, DEFAULT, NAMED = SecurityProfile(UNCONFINED), SecurityProfile(RUNTIME_DEFAULT), SecurityProfile(LOCALHOST, "p")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("runtime/default", DEFAULT),
        ("docker/default", DEFAULT),
        ("unconfined", NONE),
        ("localhost/p", NAMED),
        ("localhost//var/p.json", SecurityProfile(LOCALHOST, "/var/p.json")),
    ],
)
def test_the_deprecated_strings(text: str, expected: SecurityProfile | None) -> None:
    assert profile_of_text(text) == expected


def test_a_string_that_is_none_of_them() -> None:
    with pytest.raises(SecurityProfileError, match='invalid profile "p"'):
        profile_of_text("p")


@pytest.mark.parametrize(
    ("kind", "asked", "privileged", "expected"),
    [
        ("seccomp", None, False, NONE),
        ("seccomp", DEFAULT, False, DEFAULT),
        ("seccomp", NONE, False, NONE),
        ("seccomp", NAMED, False, NAMED),
        ("seccomp", SecurityProfile(LOCALHOST, "localhost/p"), False, NAMED),
        ("seccomp", NAMED, True, NONE),
        ("seccomp", SecurityProfile(7), True, NONE),
        ("apparmor", None, False, DEFAULT),
        ("apparmor", None, True, NONE),
        ("apparmor", DEFAULT, False, DEFAULT),
        ("apparmor", DEFAULT, True, NONE),
        ("apparmor", NONE, False, NONE),
        ("apparmor", NAMED, True, NAMED),
    ],
)
def test_what_is_applied(
    kind: Kind, asked: SecurityProfile | None, privileged: bool, expected: SecurityProfile
) -> None:
    assert effective_profile(kind, asked, privileged=privileged) == expected


@pytest.mark.parametrize("kind", ["seccomp", "apparmor"])
def test_what_makes_no_sense(kind: Kind) -> None:
    with pytest.raises(SecurityProfileError, match=f"{kind} config invalid LocalhostRef must only be set if"):
        effective_profile(kind, SecurityProfile(RUNTIME_DEFAULT, "p"), privileged=False)
    with pytest.raises(SecurityProfileError, match=f"{kind} unknown ProfileType"):
        effective_profile(kind, SecurityProfile(7), privileged=False)


def test_what_is_loaded() -> None:
    text = "cri-containerd.apparmor.d (enforce)\n/usr/bin/man (complain)\n\nnonsense\n"
    assert loaded_profiles(text) == {"cri-containerd.apparmor.d", "/usr/bin/man"}
