"""Checkpoints: where they may be written, what a pod checkpoint must name, and how a restored container is configured.

Mirrors containerd: internal/cri/server/container_checkpoint_linux.go, CRImportCheckpoint; CRI-O:
server/container_restore.go, CRImportCheckpoint. The rules for whole pods are those of cri-api:
pkg/apis/runtime/v1/api.proto, CheckpointPod and RestorePod (KEP-5823).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

POD_UID = "io.kubernetes.pod.uid"
CONTAINER_HASH = "io.kubernetes.container.hash"
RESTART_COUNT = "io.kubernetes.container.restartCount"

CHECKPOINT_IMAGE_ANNOTATIONS = (
    "org.criu.checkpoint.container.name",
    "checkpointctl.annotation.checkpoint.name",
    "io.kubernetes.cri-o.annotations.checkpoint.name",
)
"""The annotations by which an OCI image says that it is a checkpoint, newest first.

Mirrors checkpointctl: lib/annotations.go; CRI-O: internal/annotations.
"""

RUNTIME_MOUNTS = frozenset(
    {
        "/dev",
        "/dev/mqueue",
        "/dev/pts",
        "/dev/shm",  # noqa: S108 - a path in the container
        "/etc/group",
        "/etc/hostname",
        "/etc/passwd",
        "/etc/resolv.conf",
        "/proc",
        "/run/.containerenv",
        "/run/secrets",
        "/sys",
        "/sys/fs/cgroup",
    }
)
"""What the runtime mounts anew for a restored container. Mirrors CRI-O: server/container_restore.go, ignoreMounts."""

ConfigDialect = Literal["annotated", "rebuilt"]


def path_fault(path: str) -> str:
    """What keeps a path from naming a place on the node; "" when nothing does."""
    if not path:
        return "it is empty"
    if not path.startswith("/"):
        return "it is not an absolute path"
    if ".." in path.split("/"):
        return 'it holds ".."'
    return ""


def selection_fault(*, asked: Sequence[str], running: Collection[str]) -> str:
    """What is wrong with the containers that a pod checkpoint names; "" when they are the running ones, each once."""
    if not asked:
        return "no container is named"
    if (twice := _first_double(asked)) is not None:
        return f"container {twice} is named twice"
    for container_id in asked:
        if container_id not in running:
            return f"container {container_id} does not run in the pod"
    left_out = sorted(set(running) - set(asked))
    return f"running container {left_out[0]} is not named" if left_out else ""


def configs_fault(*, asked: Sequence[str], checkpointed: Collection[str]) -> str:
    """What is wrong with the container configs of a restore, by their names; "" when each container has its one."""
    if (twice := _first_double(asked)) is not None:
        return f"two configs have the name {twice!r}"
    for name in asked:
        if name not in checkpointed:
            return f"the checkpoint has no container {name!r}"
    left_out = sorted(set(checkpointed) - set(asked))
    return f"container {left_out[0]!r} of the checkpoint has no config" if left_out else ""


def missing_mounts(*, checkpointed: Iterable[str], requested: Collection[str]) -> tuple[str, ...]:
    """Paths that were mounted when the checkpoint was taken, and for which the request brings no mount.

    Without this rule an archive could mount anything of the node into a container.
    """
    return tuple(path for path in checkpointed if path not in RUNTIME_MOUNTS and path not in requested)


def restored_annotations(
    dialect: ConfigDialect,
    *,
    checkpointed: Mapping[str, str],
    requested: Mapping[str, str],
    pod_uid: str,
    checkpointed_at: str,
    checkpoint_image: str,
) -> dict[str, str]:
    """Annotations of a restored container: the checkpointed ones, with what ties them to the new pod renewed.

    The kubelet restarts a container whose hash is not the one it sent. `checkpointed_at` is an RFC 3339 time;
    `checkpoint_image` is the user's name of what was restored from.
    """
    annotations = dict(checkpointed)
    if pod_uid and POD_UID in annotations:
        annotations[POD_UID] = pod_uid
    renewed = (CONTAINER_HASH, RESTART_COUNT) if dialect == "annotated" else (CONTAINER_HASH,)
    annotations.update({key: requested[key] for key in renewed if key in annotations and key in requested})
    if dialect == "annotated":
        annotations |= {"restored": "true", "checkpointedAt": checkpointed_at, "checkpointImage": checkpoint_image}
    return annotations


def _first_double(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
