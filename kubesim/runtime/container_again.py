"""A container that takes the place of one before it: what was worked out for that one is taken over.

Rule: it is taken over when both requests are the same but for attempt, log path, annotations and mounts, the image is
the same one, and nothing in the request asks for what only the node knows at that moment (a profile in a file, a
device, the pids of another container). What depends on the node is looked at every time: the mounts, whether the
sandbox is ready, whether the image is there.
"""

from __future__ import annotations

from itertools import islice
from typing import Literal

from kubesim.cri import api
from kubesim.policy.oci_user_failure import user_failure
from kubesim.policy.security_profile import LOCALHOST
from kubesim.runtime.beginning import Beginning, Made, Rehearsal
from kubesim.runtime.container_privileges import credentials_of, masked_paths_of, read_only_paths_of
from kubesim.runtime.container_resources import initial_resources
from kubesim.runtime.container_security import applied_profile
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.sandbox_files import sandbox_mounts
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.filesystem import FileSystem, FsError, MountSpec
from kubesim.userland.files.unbuilt import LookedIntoBindError, closed, looked_at, mount_kinds
from kubesim.userland.processes.executable import ExecError
from kubesim.userland.processes.first_look import first_look

_OWN_FIELDS: tuple[Literal["log_path", "annotations", "mounts"], ...] = ("log_path", "annotations", "mounts")
"""What a request has of its own, besides its attempt."""

LOOKED_AT_MAX = 32
"""Containers of the sandbox, the newest first, among which the one before is looked for."""


def container_before(sandbox: Sandbox, name: str, config: api.ContainerConfig) -> Container | None:
    """The container whose place a request takes over; None when there is none, or it was another request.

    `name` is the one that the new container is reserved under.
    """
    place = name.rpartition("_")[0]
    for container in islice(reversed(sandbox.containers.values()), LOOKED_AT_MAX):
        if container.name.rpartition("_")[0] == place:
            return container if container.is_made_here and _is_same(container.config, config) else None
    return None


def _is_same(before: api.ContainerConfig, config: api.ContainerConfig) -> bool:
    """Whether a request is that of before but for what is different each time. `before` is changed."""
    asked = api.ContainerConfig()
    asked.CopyFrom(config)
    for one in (before, asked):
        one.metadata.attempt = 0
        for name in _OWN_FIELDS:
            one.ClearField(name)
    return before == asked


def beginning_after(daemon: Daemon, before: Container, config: api.ContainerConfig) -> Beginning | None:
    """What is known of the beginning of a container after the one before it; None when the node has a say in it."""
    if before.beginning is not None:
        return before.beginning
    security = config.linux.security_context
    asks_node = (
        before.restored_from is not None
        or bool(config.devices or before.account_files or before.volume_images)
        or security.privileged
        or security.namespace_options.pid == api.TARGET
        or any(applied_profile(kind, security, daemon=daemon).type == LOCALHOST for kind in ("apparmor", "seccomp"))
    )
    if asks_node:
        return None
    return Beginning(
        encoded_resources=initial_resources(config).SerializeToString(),
        encoded_windows_resources=config.windows.resources.SerializeToString(),
    )


def made_again(before: Container, beginning: Beginning) -> Made:
    """What a container is made of that takes the place of the one before it. No profile of the node is asked for."""
    return Made(
        identity=before.identity,
        account_files=before.account_files,
        seccomp_document=None,
        stop_signal=before.stop_signal,
        reported_stop_signal=before.reported_stop_signal,
        encoded_resources=beginning.encoded_resources,
        encoded_windows_resources=beginning.encoded_windows_resources,
    )


def rehearsal_of(daemon: Daemon, container: Container) -> Rehearsal | None:
    """How the start of a container goes, tried once for it and those that take its place; None when it must be seen."""
    beginning = container.beginning
    if beginning is None:
        return None
    if not beginning.is_rehearsed:
        beginning.is_rehearsed = True
        beginning.rehearsal = _rehearsed(daemon, container)
    return beginning.rehearsal


def _rehearsed(daemon: Daemon, container: Container) -> Rehearsal | None:
    security = container.config.linux.security_context
    credentials = credentials_of(daemon, container)
    own = own_mounts(daemon, container, is_read_only=security.readonly_rootfs)
    plan = container.plan
    try:
        mounts = looked_at(container.mount_specs)
        if mounts is None or user_failure_of(daemon, container) is not None:
            return None
        masked_paths, read_only_paths = masked_paths_of(security), read_only_paths_of(security)
        files = FileSystem(
            container.image.tree,
            is_root_read_only=security.readonly_rootfs,
            mounts=closed((*own, *mounts)),
            masked_paths=masked_paths,
            read_only_paths=read_only_paths,
        )
        usage = files.layer_usage()
        files.make_directories(plan.cwd)
        look = first_look(FileView(files, credentials), plan.argv, dict(plan.env), cwd=plan.cwd)
    except (LookedIntoBindError, FsError, ExecError):
        return None
    if files.layer_usage() != usage:
        return None  # the working directory is made at the start, which may be later than the mount points
    return Rehearsal(
        own_mounts=own,
        kinds=mount_kinds(mounts),
        is_root_read_only=security.readonly_rootfs,
        masked_paths=masked_paths,
        read_only_paths=read_only_paths,
        credentials=credentials,
        usage=usage,
        look=look,
    )


def own_mounts(daemon: Daemon, container: Container, *, is_read_only: bool) -> tuple[MountSpec, ...]:
    """The mounts of the files that the sandbox gives."""
    destinations = [mount.destination for mount in container.mount_specs]
    return tuple(sandbox_mounts(daemon, container.sandbox, destinations, is_read_only=is_read_only))


def user_failure_of(daemon: Daemon, container: Container) -> str | None:
    """Why no process can have the ids that are asked for; None when one can."""
    who = container.identity
    if who is None:
        return None
    return user_failure(
        uid=who.uid,
        gid=who.gid,
        groups=who.supplemental_groups,
        oci_runtime=daemon.profile.containers.oci_runtime,
    )
