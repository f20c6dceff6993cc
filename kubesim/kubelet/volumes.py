"""The directories of a pod's volumes, and the mounts made from them.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (makeMounts) and pkg/volume (emptydir, hostpath, image).
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kubesim.cri import api
from kubesim.errors import KubesimError
from kubesim.kubelet.config_volumes import ConfigVolumes
from kubesim.kubelet.empty_dir import MEMORY, medium_problem, tmpfs_bytes
from kubesim.kubelet.host_path import host_path_problem
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.sub_paths import SubPathFailed, prepare_sub_path
from kubesim.kubelet.volume_directory import fs_group_of, make_volume_directory
from kubesim.model import k8s_v1 as v1
from kubesim.policy.env_expansion import SubPathError, checked_sub_path, expand_sub_path
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.go_path import go_clean
from kubesim.policy.pod_view import VolumeMountView
from kubesim.policy.recursive_read_only import RecursiveReadOnlyError, resolve_recursive_read_only
from kubesim.policy.windows_paths import absolute_path, is_absolute, is_local_path

_PROPAGATION = {
    None: api.PROPAGATION_PRIVATE,
    "None": api.PROPAGATION_PRIVATE,
    "HostToContainer": api.PROPAGATION_HOST_TO_CONTAINER,
    "Bidirectional": api.PROPAGATION_BIDIRECTIONAL,
}

AnyContainer = v1.Container | v1.EphemeralContainer

EMPTY_DIR = "kubernetes.io~empty-dir"
"""The plugin of emptyDir volumes, as in paths."""


class ContainerConfigError(KubesimError):
    """A container cannot be described to the runtime: Waiting CreateContainerConfigError with this text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVolume:
    """An image volume of the pod after its pull: the runtime's id of the image."""

    image_ref: str
    user_specified_image: str


class PodVolumes:
    """Makes the directories of a pod's volumes and the mounts of its containers."""

    def __init__(
        self,
        host_files: HostFiles,
        directories: PodDirectories,
        *,
        supports_rro: Callable[[], bool],
        config_volumes: ConfigVolumes | None,
        allocatable: Callable[[], Mapping[str, v1.Quantity]] = dict,
        gates: Mapping[str, bool] = DEFAULT_GATES,
    ) -> None:
        """`supports_rro` tells whether the runtime makes recursive read-only mounts, as it said last.

        `allocatable` is what the Node object shows; {} when nobody knows.

        `config_volumes` None: there is no API server whose objects could become files.
        """
        self._is_windows = directories.is_windows
        self._config_volumes = config_volumes
        self._supports_rro = supports_rro
        self._allocatable = allocatable
        self._gates = gates
        self._host_files = host_files
        self._directories = directories

    def set_up(self, pod: v1.Pod) -> dict[str, str]:
        """Make what must exist before a container may start; the event's text for each volume that cannot be made.

        Volumes that no container mounts are left alone: nobody waits for them.
        """
        wanted = mounted_volumes(pod)
        failures = {}
        for volume in pod.spec.volumes:
            if volume.name not in wanted:
                continue
            problem = "" if volume.host_path is None else host_path_problem(self._host_files, volume.host_path)
            if volume.empty_dir is not None:
                problem = self._make_empty_dir(pod, volume.name, volume.empty_dir)
            if config_plugin(volume):
                problem = self._fill(pod, volume)
            if problem:
                failures[volume.name] = _failure(volume, problem)
        return failures

    def set_up_again(self, pod: v1.Pod) -> dict[str, str]:
        """Bring the files of ConfigMaps, Secrets and the downward API up to date; failures as of `set_up`."""
        wanted = mounted_volumes(pod)
        failures = {}
        for volume in pod.spec.volumes:
            problem = self._fill(pod, volume) if volume.name in wanted and config_plugin(volume) else ""
            if problem:
                failures[volume.name] = _failure(volume, problem)
        return failures

    def _make_empty_dir(self, pod: v1.Pod, name: str, source: v1.EmptyDirVolumeSource) -> str:
        """What is wrong, empty when nothing is; huge pages are a plain directory here."""
        problem = medium_problem(pod, source.medium, self._gates)
        is_memory = source.medium == MEMORY
        if not problem:
            make_volume_directory(
                self._host_files,
                self._directories.volume(pod.metadata.uid, EMPTY_DIR, name),
                fs_group=fs_group_of(pod),
                is_memory=is_memory,
                size_bytes=self._tmpfs_bytes(pod, source.size_limit) if is_memory else None,
            )
        return problem

    def _fill(self, pod: v1.Pod, volume: v1.Volume) -> str:
        if self._config_volumes is None:
            return f"cannot setup volume {volume.name} because kube client is not configured"
        path = self._directories.volume(pod.metadata.uid, config_plugin(volume), volume.name)
        is_new = self._host_files.kind(path) is None
        return self._config_volumes.fill(pod, volume, path, size_bytes=self._tmpfs_bytes(pod) if is_new else None)

    def _tmpfs_bytes(self, pod: v1.Pod, size_limit: v1.Quantity | None = None) -> int | None:
        return tmpfs_bytes(pod, self._allocatable(), self._gates, size_limit=size_limit)

    def tear_down(self, pod: v1.Pod) -> None:
        """Remove what belongs to the pod."""
        if self._config_volumes is not None:
            self._config_volumes.forget(pod.metadata.uid)
        self._host_files.remove(self._directories.pod(pod.metadata.uid))

    def mounts(
        self,
        pod: v1.Pod,
        container: v1.Container | v1.EphemeralContainer,
        *,
        environment: Mapping[str, str],
        image_volumes: Mapping[str, ImageVolume],
    ) -> list[api.Mount]:
        """The mounts of the container's volumeMounts, in their order. Raises ContainerConfigError."""
        volumes = {volume.name: volume for volume in pod.spec.volumes}
        mounts = []
        for mount in container.volume_mounts:
            volume = volumes.get(mount.name)
            if volume is None:
                raise ContainerConfigError(
                    f'cannot find volume "{mount.name}" to mount into container "{container.name}"'
                )
            try:
                mounts.append(self._mount(pod, container, mount, volume, environment, image_volumes))
            except SubPathError as error:
                raise ContainerConfigError(str(error)) from error
            except RecursiveReadOnlyError as error:
                raise ContainerConfigError(f"failed to resolve recursive read-only mode: {error}") from error
        return mounts

    def _mount(
        self,
        pod: v1.Pod,
        container: AnyContainer,
        mount: v1.VolumeMount,
        volume: v1.Volume,
        environment: Mapping[str, str],
        image_volumes: Mapping[str, ImageVolume],
    ) -> api.Mount:
        sub_path = mount.sub_path
        if mount.sub_path_expr:
            sub_path = expand_sub_path(mount.sub_path_expr, environment)
        sub_path = checked_sub_path(sub_path)
        view = VolumeMountView(
            name=mount.name,
            mount_path=mount.mount_path,
            read_only=mount.read_only,
            recursive_read_only=mount.recursive_read_only,
            propagation=mount.mount_propagation,
        )
        inside, propagation = mount.mount_path, mount.mount_propagation
        if self._is_windows:
            # Windows containers know no propagation.
            inside, propagation = (inside if is_absolute(inside) else absolute_path(inside)), None
        elif not inside.startswith("/"):
            inside = go_clean(f"/{inside}")
        result = api.Mount(
            container_path=inside,
            propagation=_PROPAGATION[propagation],
            recursive_read_only=resolve_recursive_read_only(view, runtime_supports_it=self._supports_rro()),
        )
        pulled = image_volumes.get(volume.name)
        if pulled is not None:
            result.image.image = pulled.image_ref
            result.image.user_specified_image = pulled.user_specified_image
            result.image.annotations.update(pod.metadata.annotations)
            result.image_sub_path = sub_path
            result.readonly = True
            return result
        path = self._host_path(pod, volume)
        if path is None:
            raise ContainerConfigError(f'volume "{volume.name}" is not available')
        if sub_path:
            path = self._sub_path(pod, container, mount, path, sub_path)
        result.host_path = absolute_path(path) if self._is_windows and is_local_path(path) else path
        result.readonly = mount.read_only or bool(config_plugin(volume))
        result.selinux_relabel = volume.host_path is None
        return result

    def _sub_path(self, pod: v1.Pod, container: AnyContainer, mount: v1.VolumeMount, root: str, sub_path: str) -> str:
        """A path below a volume, which is made where there is nothing. Raises ContainerConfigError."""
        try:
            if self._is_windows:
                return self._sub_folder(root, sub_path)
            place = self._directories.sub_path(
                pod.metadata.uid, mount.name, container.name, container.volume_mounts.index(mount)
            )
            return prepare_sub_path(self._host_files, volume=root, sub_path=sub_path, place=place)
        except SubPathFailed as error:
            text = f'failed to {error} for volumeMount "{mount.name}" of container "{container.name}"'
            raise ContainerConfigError(text) from error

    def _sub_folder(self, root: str, sub_path: str) -> str:
        """The same on Windows, where nothing is bound. Raises SubPathFailed."""
        path = f"{root}\\{sub_path}".replace("/", "\\")
        try:
            if self._host_files.kind(path) is None:
                self._host_files.make_dirs(path)
        except OSError as error:
            step = "prepare subPath" if error.errno == errno.ENOTDIR else "create subPath directory"
            raise SubPathFailed(step) from error
        return path

    def _host_path(self, pod: v1.Pod, volume: v1.Volume) -> str | None:
        if volume.host_path is not None:
            return volume.host_path.path
        plugin = volume_plugin(volume)
        return self._directories.volume(pod.metadata.uid, plugin, volume.name) if plugin else None


def volume_plugin(volume: v1.Volume) -> str:
    """The plugin, as in paths, of a volume in the pod's own directory; empty for other volumes."""
    return EMPTY_DIR if volume.empty_dir is not None else config_plugin(volume)


def config_plugin(volume: v1.Volume) -> str:
    """The plugin, as in paths, that makes the files of a volume from objects of the API; empty for other volumes."""
    for source, plugin in (
        (volume.config_map, "kubernetes.io~configmap"),
        (volume.secret, "kubernetes.io~secret"),
        (volume.downward_api, "kubernetes.io~downward-api"),
        (volume.projected, "kubernetes.io~projected"),
    ):
        if source is not None:
            return plugin
    return ""


def _failure(volume: v1.Volume, problem: str) -> str:
    return f'MountVolume.SetUp failed for volume "{volume.name}" : {problem}'


def mounted_volumes(pod: v1.Pod) -> list[str]:
    """The names of the volumes that containers mount, sorted."""
    containers: list[v1.Container | v1.EphemeralContainer] = [*pod.spec.init_containers, *pod.spec.containers]
    containers += pod.spec.ephemeral_containers
    return sorted({mount.name for one in containers for mount in one.volume_mounts})
