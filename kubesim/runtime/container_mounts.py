"""The mounts of a container: binds of the node's files, image volumes, and how the status shows both.

Mirrors containerd: internal/cri/opts/spec_linux_opts.go, withMounts; CRI-O: server/container_create_linux.go,
addOCIBindMounts. Image volumes are in `kubesim.runtime.image_mounts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubesim.cri import api
from kubesim.cri.errors import Code, CriError
from kubesim.policy.go_path import go_clean
from kubesim.policy.image_volume import ImageVolumeError, is_image_mounted
from kubesim.policy.mount_propagation import Propagation, propagation_refusal
from kubesim.policy.windows_paths import plain_path
from kubesim.runtime import container_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.image_mounts import image_mount, plan_image
from kubesim.runtime.objects import Sandbox
from kubesim.runtime.planned_mounts import PlannedMounts
from kubesim.runtime.request_check import check_text
from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.filesystem import FsError, HostSource, MountSpec, TreeSource

_PROPAGATION: Mapping[int, Propagation] = {
    api.PROPAGATION_PRIVATE: "private",
    api.PROPAGATION_HOST_TO_CONTAINER: "slave",
    api.PROPAGATION_BIDIRECTIONAL: "shared",
}
LINKS_MAX = 40


def plan_mounts(daemon: Daemon, sandbox: Sandbox, container_id: str, config: api.ContainerConfig) -> PlannedMounts:
    """Look at every mount of a request. Directories that the node lacks are made. Raises CriError."""
    mounts = config.mounts
    if _are_binds(daemon, mounts):
        binds = PlannedMounts()
        for mount in mounts:
            _plan(daemon, sandbox, container_id, mount, binds)
        return binds
    planned = [PlannedMounts() for _ in mounts]
    for index in _order(daemon, mounts):
        _plan(daemon, sandbox, container_id, mounts[index], planned[index])
    specs = [spec for one in planned for spec in one.specs]
    if daemon.profile.image_volumes.mount_order == "images-mounted-first":
        specs = _not_hidden(specs)
    shown = [shown for one in planned for shown in one.shown]
    if daemon.profile.containers.status_mounts == "rebuilt":
        shown.sort(key=lambda mount: go_clean(mount.container_path).count("/"))
    return PlannedMounts(
        specs=specs,
        shown=shown,
        images=[image for one in planned for image in one.images],
    )


def _are_binds(daemon: Daemon, mounts: Sequence[api.Mount]) -> bool:
    """Whether the mounts can be looked at, mounted and shown in the order of the request."""
    if daemon.profile.image_volumes.mount_order == "images-mounted-first":
        return False
    if daemon.profile.containers.status_mounts == "rebuilt":
        return False
    return not any(mount.HasField("image") for mount in mounts)


def _order(daemon: Daemon, mounts: Sequence[api.Mount]) -> Sequence[int]:
    """In which order mounts are looked at, so that the first one that is refused is the one that is told of."""
    if daemon.profile.image_volumes.mount_order == "images-mounted-first":
        return sorted(range(len(mounts)), key=lambda index: go_clean(mounts[index].container_path).count("/"))
    return sorted(range(len(mounts)), key=lambda index: not mounts[index].HasField("image"))


def _not_hidden(specs: list[MountSpec]) -> list[MountSpec]:
    """Without the image mounts that lie at or below a bind, which is mounted after them."""
    binds = [go_clean(spec.destination) for spec in specs if not isinstance(spec.source, TreeSource)]
    return [
        spec
        for spec in specs
        if not isinstance(spec.source, TreeSource)
        or not any(f"{go_clean(spec.destination)}/".startswith(f"{bind.rstrip('/')}/") for bind in binds)
    ]


def _plan(daemon: Daemon, sandbox: Sandbox, container_id: str, mount: api.Mount, planned: PlannedMounts) -> None:
    check_text(daemon, "mounts[].container_path", mount.container_path)
    check_text(daemon, "mounts[].host_path", mount.host_path)
    if not mount.container_path and daemon.profile.containers.empty_mount_path == "refused":
        raise daemon.refuse(say.MOUNT_CONTAINER_PATH_EMPTY, id=container_id)
    try:
        if mount.HasField("image") and is_image_mounted(image_mount(daemon, mount), daemon.profile.image_volumes):
            plan_image(daemon, sandbox, container_id, mount, planned)
            return
    except ImageVolumeError as error:
        code = Code.NOT_FOUND if error.is_not_found else Code.UNKNOWN
        raise CriError(code, str(error)) from None
    _plan_bind(daemon, container_id, mount, planned)


# -- binds ------------------------------------------------------------------------------------------------


def _plan_bind(daemon: Daemon, container_id: str, mount: api.Mount, planned: PlannedMounts) -> None:
    if not mount.host_path:
        raise daemon.refuse(say.MOUNT_HOST_PATH_EMPTY, id=container_id)
    _check_recursive_read_only(daemon, container_id, mount)
    files = daemon.host_files
    try:
        path = mount.host_path
        if not files.leads_straight(path):
            if not _exists(daemon, path):
                files.make_dirs(path)
            path = _resolved(daemon, path)
        source = HostSource(files=files, path=path)
    except FsError as error:
        reason = f"mkdir {mount.host_path}: {error.strerror.lower()}"
        raise daemon.refuse(say.MOUNT_MKDIR, id=container_id, path=mount.host_path, reason=reason) from None
    propagation = _PROPAGATION.get(mount.propagation, "private")
    refusal = propagation_refusal(path, propagation, None if propagation == "private" else _mountinfo(daemon))
    if refusal is not None:
        raise daemon.refuse(say.MOUNT_PROPAGATION, id=container_id, reason=refusal)
    planned.specs.append(
        MountSpec(
            destination=inner_path(mount.container_path, os=daemon.os),
            source=source,
            is_read_only=mount.readonly,
            is_recursive=mount.recursive_read_only,
            propagation=propagation,
        )
    )
    planned.shown.append(_shown_bind(daemon, mount, path))


def inner_path(path: str, *, os: str) -> str:
    """Where a container has what its configuration puts at a path: our containers know no drives."""
    return plain_path(path) if os == "windows" else path


def _exists(daemon: Daemon, path: str) -> bool:
    """Whether a path leads to something, links followed."""
    try:
        return daemon.host_files.confined(path).kind("/") is not None
    except FsError as error:
        if error.errno_name == "ENOENT":
            return False
        raise


def _resolved(daemon: Daemon, path: str) -> str:
    """A path without links. Raises FsError."""
    if daemon.os == "windows":
        # Its files are found as they are spelled, and nothing but a link of ours could stand in the way.
        return path
    files = daemon.host_files
    done, rest, links_left = "/", [part for part in path.split("/") if part not in ("", ".")], LINKS_MAX
    while rest:
        part = rest.pop(0)
        if part == "..":
            done = done.rpartition("/")[0] or "/"
            continue
        step = f"{done.rstrip('/')}/{part}"
        if files.kind(step) != FileKind.SYMLINK:
            done = step
            continue
        links_left -= 1
        if links_left < 0:
            raise FsError("ELOOP", path)
        target = files.read_link(step)
        done = "/" if target.startswith("/") else done
        rest = [name for name in target.split("/") if name not in ("", ".")] + rest
    return done


def _mountinfo(daemon: Daemon) -> str | None:
    """The table of the node's mounts; None on a node that has none to show."""
    content = daemon.host_files.read("/proc/self/mountinfo")
    return None if content is None else content.decode("utf-8", "surrogateescape")


def check_devices(daemon: Daemon, container_id: str, config: api.ContainerConfig) -> None:
    """Refuse a device that the node lacks."""
    for device in config.devices:
        check_text(daemon, "devices[].host_path", device.host_path)
        try:
            is_there = _exists(daemon, device.host_path)
        except FsError:
            is_there = False
        if not is_there:
            raise daemon.refuse(say.DEVICE_MISSING, id=container_id, path=device.host_path)


def _shown_bind(daemon: Daemon, mount: api.Mount, resolved_path: str) -> api.Mount:
    if daemon.profile.containers.status_mounts != "rebuilt":
        return mount
    shown = api.Mount()
    shown.CopyFrom(mount)
    shown.host_path = resolved_path
    shown.ClearField("uidMappings")
    shown.ClearField("gidMappings")
    shown.ClearField("image_sub_path")
    return shown


def _check_recursive_read_only(daemon: Daemon, container_id: str, mount: api.Mount) -> None:
    if not mount.recursive_read_only:
        return
    facts = {"id": container_id, "path": mount.host_path}
    if not mount.readonly:
        raise daemon.refuse(say.RRO_READ_WRITE, **facts)
    if not daemon.features.recursive_read_only_mounts:
        raise daemon.refuse(say.RRO_UNSUPPORTED, **facts)
    if mount.propagation != api.PROPAGATION_PRIVATE:
        known = mount.propagation in api.MountPropagation.values()
        name = api.MountPropagation.Name(mount.propagation) if known else str(mount.propagation)
        raise daemon.refuse(say.RRO_PROPAGATION, propagation=name, **facts)
