"""Variables from files in the pod's emptyDir volumes, which its init containers have written.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables (fileKeyRef), and filepath-securejoin: join.go,
SecureJoinVFS.
"""

from __future__ import annotations

import errno
from collections import deque
from posixpath import join, normpath

from kubesim.kubelet.klog import Klog
from kubesim.kubelet.outside import HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.volumes import EMPTY_DIR, ContainerConfigError, mounted_volumes
from kubesim.model import k8s_v1 as v1
from kubesim.policy.env_file import EnvFileError, env_file_value
from kubesim.policy.go_quote import go_quote

LINKS_MAX = 255


class EnvFiles:
    """Reads values out of the files of a pod, on the host and as root."""

    def __init__(self, files: HostFiles, directories: PodDirectories, klog: Klog) -> None:
        self._files = files
        self._directories = directories
        self._klog = klog

    def value(self, pod: v1.Pod, selector: v1.FileKeySelector) -> str | None:
        """The value of a key, None for one that is optional and not there. Raises ContainerConfigError.

        An empty value counts as one that is not there.
        """
        if selector.volume_name not in mounted_volumes(pod):
            # Nobody mounts it, so the kubelet has no directory of it.
            quoted = go_quote(selector.volume_name)
            raise ContainerConfigError(f"cannot find the volume {quoted} referenced by FileKeyRef")
        root = self._directories.volume(pod.metadata.uid, EMPTY_DIR, selector.volume_name)
        try:
            path = joined_securely(self._files, root, selector.path)
        except OSError as error:
            raise ContainerConfigError(f"SecureJoin {error.filename}: {(error.strerror or '').lower()}") from error
        try:
            value = self._parsed(path, selector.key)
        except (EnvFileError, OSError) as error:
            self._klog.error("Failed to parse env file", err=str(error), pod=_name(pod))
            raise ContainerConfigError("couldn't parse env file") from error
        if value:
            return value
        if selector.optional:
            return None
        raise ContainerConfigError(
            f"environment variable key {go_quote(selector.key)} not found in file {go_quote(path)}"
        )

    def _parsed(self, path: str, key: str) -> str:
        data = self._files.read(path)
        if data is None:
            problem = "no such file or directory"
            raise EnvFileError(f"failed to open environment variable file {go_quote(path)}: open {path}: {problem}")
        return env_file_value(data, key)


def joined_securely(files: HostFiles, root: str, path: str) -> str:
    """A path below `root`, whose links are followed as if `root` were the root of all files. Raises OSError."""
    names = deque(path.split("/"))
    current, links = "/", 0
    while names:
        following = normpath(join(current, names.popleft()))
        if following == "/" or files.kind(f"{root}{following}") != "symlink":
            current = following
            continue
        links += 1
        if links > LINKS_MAX:
            raise OSError(errno.ELOOP, "too many levels of symbolic links", f"{root}/{path}")
        target = files.read_link(f"{root}{following}")
        if target.startswith("/"):
            current = "/"
        names.extendleft(reversed(target.split("/")))
    return normpath(f"{root}{current}")


def _name(pod: v1.Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"
