"""Which seccomp and AppArmor profile a container gets, and which requests for one make no sense.

Mirrors containerd: internal/cri/sputil/securityprofile_linux.go, seccomp_linux.go and apparmor_linux.go; CRI-O:
internal/config/seccomp/seccomp.go, Setup, and internal/config/apparmor/apparmor_linux.go, Apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RUNTIME_DEFAULT, UNCONFINED, LOCALHOST = 0, 1, 2
"""ProfileType of the CRI's SecurityProfile."""

Kind = Literal["seccomp", "apparmor"]

_PREFIX = "localhost/"
_DEFAULT_NAMES = ("runtime/default", "docker/default")


@dataclass(frozen=True, slots=True)
class SecurityProfile:
    """A profile by type, and for LOCALHOST by name: the path of a file (seccomp), or what is loaded (AppArmor)."""

    type: int
    name: str = ""


class SecurityProfileError(Exception):
    """The request makes no sense; the text is containerd's."""


def profile_of_text(text: str) -> SecurityProfile | None:
    """The deprecated form: a string. None for the empty one. Raises SecurityProfileError.

    >>> profile_of_text("localhost/p")
    SecurityProfile(type=2, name='p')
    """
    if not text:
        return None
    if text in _DEFAULT_NAMES:
        return SecurityProfile(RUNTIME_DEFAULT)
    if text == "unconfined":
        return SecurityProfile(UNCONFINED)
    if not text.startswith(_PREFIX):
        raise SecurityProfileError(f'invalid profile "{text}"')
    return SecurityProfile(LOCALHOST, text.removeprefix(_PREFIX))


def effective_profile(kind: Kind, asked: SecurityProfile | None, *, privileged: bool) -> SecurityProfile:
    """What is applied. Raises SecurityProfileError.

    Without a request seccomp is off and AppArmor is the default; a privileged container has neither, except for an
    AppArmor profile that is named.
    """
    none = SecurityProfile(UNCONFINED)
    if kind == "seccomp" and privileged:
        return none
    if asked is None:
        return none if kind == "seccomp" or privileged else SecurityProfile(RUNTIME_DEFAULT)
    if asked.type != LOCALHOST and asked.name:
        raise SecurityProfileError(f"{kind} config invalid LocalhostRef must only be set if ProfileType is Localhost")
    if asked.type == LOCALHOST:
        return SecurityProfile(LOCALHOST, asked.name.removeprefix(_PREFIX))
    if asked.type not in (RUNTIME_DEFAULT, UNCONFINED):
        raise SecurityProfileError(f"{kind} unknown ProfileType")
    return none if privileged else asked


def loaded_profiles(text: str) -> frozenset[str]:
    """The names in /sys/kernel/security/apparmor/profiles.

    >>> sorted(loaded_profiles("cri-containerd.apparmor.d (enforce)"))
    ['cri-containerd.apparmor.d']
    """
    return frozenset(line.rpartition(" (")[0] for line in text.splitlines() if " (" in line)
