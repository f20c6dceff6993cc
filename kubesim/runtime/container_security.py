"""The seccomp and AppArmor profile of a container, looked up on the node.

The rule is `policy.security_profile`; here are the words, and the node's files.
"""

from __future__ import annotations

import json
from typing import Any

from kubesim.cri import api
from kubesim.policy.seccomp import SeccompProfileError, parse_filter
from kubesim.policy.security_profile import (
    LOCALHOST,
    Kind,
    SecurityProfile,
    SecurityProfileError,
    effective_profile,
    loaded_profiles,
    profile_of_text,
)
from kubesim.runtime import container_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container
from kubesim.runtime.refusal import Refusal
from kubesim.userland.files.filesystem import FsError

LOADED_PROFILES = "/sys/kernel/security/apparmor/profiles"


def check_security_profiles(
    daemon: Daemon, container_id: str, security: api.LinuxContainerSecurityContext
) -> dict[str, Any] | None:
    """The seccomp profile of a file of the node, None without one.

    Raises CriError when a profile is not on the node, or the request for it makes no sense.
    """
    apparmor = applied_profile("apparmor", security, daemon=daemon)
    if apparmor.type == LOCALHOST and apparmor.name not in _loaded(daemon):
        if not apparmor.name:
            raise daemon.refuse(say.APPARMOR_EMPTY, id=container_id)
        raise daemon.refuse(say.APPARMOR_NOT_LOADED, id=container_id, profile=apparmor.name)
    seccomp = applied_profile("seccomp", security, daemon=daemon)
    return _seccomp_file(daemon, seccomp.name) if seccomp.type == LOCALHOST else None


def load_seccomp_filter(daemon: Daemon, container: Container, row: Refusal) -> None:
    """What the OCI runtime makes of the profile, before the first process. Raises CriError of the given row."""
    document = seccomp_document(daemon, container)
    try:
        container.seccomp_filter = parse_filter(document) if document else None
    except SeccompProfileError as error:
        raise daemon.refuse(row, id=container.id, reason=error) from None


def applied_profile(kind: Kind, security: api.LinuxContainerSecurityContext, *, daemon: Daemon) -> SecurityProfile:
    """What is applied; the message wins over the deprecated string. Raises CriError."""
    text = security.seccomp_profile_path if kind == "seccomp" else security.apparmor_profile
    try:
        if security.HasField(kind):
            message = getattr(security, kind)
            asked: SecurityProfile | None = SecurityProfile(message.profile_type, message.localhost_ref)
        else:
            asked = profile_of_text(text)
        return effective_profile(kind, asked, privileged=security.privileged)
    except SecurityProfileError as error:
        raise daemon.refuse(say.SECURITY_PROFILE, kind=kind, reason=error) from None


def _loaded(daemon: Daemon) -> frozenset[str]:
    try:
        content = daemon.host_files.read(LOADED_PROFILES)
    except FsError:
        return frozenset()  # a node that does not show them: nothing can be looked up there
    return loaded_profiles((content or b"").decode("utf-8", "replace"))


def seccomp_document(daemon: Daemon, container: Container) -> dict[str, Any]:
    """The profile of a file of the node as a container has it; {} for any other profile.

    A container from before a restart of the daemon gets what the file holds now, {} when it is gone.
    """
    if container.seccomp_document is None:
        profile = applied_profile("seccomp", container.config.linux.security_context, daemon=daemon)
        if profile.type != LOCALHOST:
            return {}
        try:
            document: Any = json.loads(daemon.host_files.read(profile.name) or b"null")
        except (FsError, ValueError):
            document = None
        container.seccomp_document = document if isinstance(document, dict) else {}
    return container.seccomp_document


def _seccomp_file(daemon: Daemon, path: str) -> dict[str, Any]:
    try:
        content = daemon.host_files.read(path)
        reason = "no such file or directory"
    except FsError as error:
        content, reason = None, error.strerror.lower()
    if content is None:
        raise daemon.refuse(say.SECCOMP_MISSING, path=path, reason=reason)
    try:
        document: Any = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise daemon.refuse(say.SECCOMP_UNREADABLE, path=path)
    return document
