"""The `info` of a verbose ContainerStatus: a JSON object whose keys are the profile's.

Mirrors containerd: internal/cri/server/container_status.go, ContainerInfo; CRI-O: server/container_status.go,
containerInfo.
"""

from __future__ import annotations

from typing import Any

from kubesim.model.timestamps import format_rfc3339_nano
from kubesim.runtime.container_state import Phase
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.go_json import go_json
from kubesim.runtime.objects import Container
from kubesim.runtime.runtime_spec import container_spec

_GO_ZERO_TIME = "0001-01-01T00:00:00Z"


def container_info(daemon: Daemon, container: Container) -> str:
    """The JSON text."""
    process, checkpoint = container.process, container.restored_from
    is_live = process is not None and process.status is None
    values: dict[str, Any] = {
        "sandboxID": container.sandbox.id,
        "pid": process.host_pid if process is not None and is_live else 0,
        "removing": container.life.phase in (Phase.REMOVING, Phase.DISCARDING),
        "snapshotKey": container.id,
        "snapshotter": "overlayfs",
        "runtimeType": daemon.profile.runtime_type,
        "runtimeOptions": runtime_options(daemon),
        "config": container.config,
        "runtimeSpec": container_spec(daemon, container),
        "privileged": container.config.linux.security_context.privileged,
        "checkpointedAt": _GO_ZERO_TIME if checkpoint is None else format_rfc3339_nano(checkpoint.checkpointed_at_ns),
        "restored": checkpoint is not None,
    }
    return go_json({key: values[key] for key in daemon.profile.containers.info_keys})


def runtime_options(daemon: Daemon) -> dict[str, Any]:
    """The options of the default handler, as far as a client can set them here."""
    return {"systemd_cgroup": True} if daemon.cgroup_driver == "systemd" else {}
