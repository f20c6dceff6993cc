"""Volumes with files of the kubelet's own making: configMap, secret, downwardAPI and projected.

Mirrors Kubernetes: pkg/volume/configmap, pkg/volume/secret, pkg/volume/downwardapi and pkg/volume/projected (SetUpAt).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubesim.kernel import Kernel
from kubesim.kubelet.atomic_writer import AtomicWriter
from kubesim.kubelet.config_objects import ConfigObjects, ObjectNotFound
from kubesim.kubelet.downward_api import DownwardApi
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.token_manager import TokenManager
from kubesim.kubelet.volume_directory import fs_group_of, make_volume_directory, single_user
from kubesim.model import k8s_v1 as v1
from kubesim.policy.downward_fields import DownwardFieldError
from kubesim.policy.go_path import go_clean
from kubesim.policy.pull_policy import aggregate_text
from kubesim.policy.volume_payload import File, Item, PayloadError, Projection, nested_mount_points, projected_files

FILE_MODE = 0o644
TOKEN_MODE = 0o600


class ConfigVolumes:
    """Makes the files of these volumes, and makes them anew when what they show has changed."""

    def __init__(
        self, kernel: Kernel, files: HostFiles, objects: ConfigObjects, downward: DownwardApi, tokens: TokenManager
    ) -> None:
        self._tokens = tokens
        self._files = files
        self._objects = objects
        self._downward = downward
        self._writer = AtomicWriter(kernel, files)

    def fill(self, pod: v1.Pod, volume: v1.Volume, path: str, *, size_bytes: int | None) -> str:
        """Make the files of a volume in its directory `path`; what is wrong, empty when nothing is.

        `size_bytes` is how much may lie in memory; None leaves it to the node.
        """
        fs_group = fs_group_of(pod)
        try:
            files = self._payload(pod, volume)
        except (ObjectNotFound, PayloadError, DownwardFieldError) as error:
            return str(error)
        try:
            # A ConfigMap has nothing to hide from the disk.
            is_memory = volume.config_map is None
            make_volume_directory(
                self._files, path, fs_group=fs_group, is_memory=is_memory, size_bytes=size_bytes if is_memory else None
            )
            for folder in nested_mount_points(volume.name, _mounts(pod)):
                self._files.make_dirs(f"{path}/{folder}")
            self._writer.write(path, files, fs_group=fs_group)
        except (PayloadError, OSError) as error:
            # Such as an item below another one. A volume that could not be filled is taken down again.
            self._files.remove(path)
            if isinstance(error, PayloadError):
                return str(error)
            return f"open {error.filename}: {(error.strerror or str(error)).lower()}"
        return ""

    def _payload(self, pod: v1.Pod, volume: v1.Volume) -> dict[str, File]:
        if volume.config_map is not None:
            return self._of_config_map(pod, volume.config_map, _mode(volume.config_map.default_mode))
        if volume.secret is not None:
            secret = volume.secret
            return self._of_secret(
                pod, secret.secret_name, secret.items, _mode(secret.default_mode), is_optional=bool(secret.optional)
            )
        if volume.downward_api is not None:
            return self._of_pod(pod, volume.downward_api.items, _mode(volume.downward_api.default_mode))
        if volume.projected is not None:
            return self._of_all(pod, volume.projected)
        raise PayloadError(f"the volume {volume.name} has no files of the kubelet's making")

    def _of_all(self, pod: v1.Pod, source: v1.ProjectedVolumeSource) -> dict[str, File]:
        """All sources; a later one wins. All that is wrong with them is said at once."""
        files: dict[str, File] = {}
        errors: list[str] = []
        mode = _mode(source.default_mode)
        for one in source.sources:
            try:
                if one.secret is not None:
                    secret = one.secret
                    files |= self._of_secret(pod, secret.name, secret.items, mode, is_optional=bool(secret.optional))
                elif one.config_map is not None:
                    files |= self._of_config_map(pod, one.config_map, mode)
                elif one.downward_api is not None:
                    files |= self._of_pod(pod, one.downward_api.items, mode)
                elif one.service_account_token is not None:
                    files[one.service_account_token.path] = self._token(pod, one.service_account_token, mode)
            except (ObjectNotFound, PayloadError, DownwardFieldError) as error:
                errors.append(str(error))
        if errors:
            raise PayloadError(aggregate_text(errors))
        return files

    def _token(self, pod: v1.Pod, source: v1.ServiceAccountTokenProjection, mode: int) -> File:
        """A token that only the one user of the pod, or the pod's group, may read where there is one."""
        user = single_user(pod)
        if user is not None or fs_group_of(pod) is not None:
            mode = TOKEN_MODE
        audiences = (source.audience,) if source.audience else ()
        token = self._tokens.token(pod, audiences, source.expiration_seconds or 0)
        return File(data=token.encode(), mode=mode, uid=user)

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._tokens.forget(uid)

    def _of_config_map(
        self, pod: v1.Pod, source: v1.ConfigMapVolumeSource | v1.ConfigMapProjection, mode: int
    ) -> dict[str, File]:
        is_optional = bool(source.optional)
        try:
            data = self._objects.config_map_data(pod.metadata.namespace, source.name)
        except ObjectNotFound:
            if not is_optional:
                raise
            data = {}
        found = Projection(data=data, items=_items(source.items), default_mode=mode, is_optional=is_optional)
        return projected_files(found, is_secret=False)

    def _of_secret(
        self, pod: v1.Pod, name: str, items: Iterable[v1.KeyToPath], mode: int, *, is_optional: bool
    ) -> dict[str, File]:
        try:
            data = self._objects.secret_data(pod.metadata.namespace, name)
        except ObjectNotFound:
            if not is_optional:
                raise
            data = {}
        found = Projection(data=data, items=_items(items), default_mode=mode, is_optional=is_optional)
        return projected_files(found, is_secret=True)

    def _of_pod(self, pod: v1.Pod, items: Iterable[v1.DownwardAPIVolumeFile], mode: int) -> dict[str, File]:
        files: dict[str, File] = {}
        errors: list[str] = []
        for item in items:
            text = ""
            try:
                if item.field_ref is not None:
                    text = self._downward.stored_field(pod, item.field_ref.field_path)
                elif item.resource_field_ref is not None:
                    text = self._downward.stored_resource(pod, item.resource_field_ref)
            except DownwardFieldError as error:
                errors.append(str(error))
            files[go_clean(item.path)] = File(data=text.encode(), mode=mode if item.mode is None else item.mode)
        if errors:
            raise PayloadError(aggregate_text(errors))
        return files


def _mode(mode: int | None) -> int:
    return FILE_MODE if mode is None else mode


def _items(items: Iterable[v1.KeyToPath]) -> tuple[Item, ...]:
    return tuple(Item(key=one.key, path=one.path, mode=one.mode) for one in items)


def _mounts(pod: v1.Pod) -> list[Sequence[tuple[str, str]]]:
    containers: list[v1.Container | v1.EphemeralContainer] = [*pod.spec.init_containers, *pod.spec.containers]
    containers += pod.spec.ephemeral_containers
    return [[(mount.name, mount.mount_path) for mount in one.volume_mounts] for one in containers]
