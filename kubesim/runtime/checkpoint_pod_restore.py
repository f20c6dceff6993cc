"""RestorePod: a sandbox with the containers of a pod checkpoint, all of them CREATED; nothing runs until it is started.

The configurations are the request's: the kubelet gives the new pod's uid, log directory and mounts. From the checkpoint
come the images, files, logs, identities and processes of the containers; see checkpoint_restore.

The rules are those of cri-api: pkg/apis/runtime/v1/api.proto, RestorePod (KEP-5823); no shipped runtime serves it yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from kubesim.cri import api
from kubesim.model.frozen_records import replace
from kubesim.policy.checkpoint import configs_fault, path_fault
from kubesim.runtime import checkpoint_refusals as say
from kubesim.runtime import sandbox_refusals
from kubesim.runtime.checkpoint_archive import ContainerCheckpoint
from kubesim.runtime.checkpoint_pod import POD_FORMAT_VERSION, POD_OPTIONS, check_call
from kubesim.runtime.checkpoint_restore import read_archive, restore_log
from kubesim.runtime.container_create import create_container
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.names import sandbox_name
from kubesim.runtime.request_check import check_text
from kubesim.runtime.sandbox_run import run_pod_sandbox
from kubesim.runtime.sandbox_stop import remove_pod_sandbox
from kubesim.userland.files.fs_error import FsError

_ARCHIVE_NAME = re.compile(r"[0-9a-f]{64}\.tar")
_OPTIONS_BYTES_MAX = 1024 * 1024


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    archive: str


class _PodOptions(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    containers: list[_Row]


async def restore_pod(daemon: Daemon, request: api.RestorePodRequest) -> api.RestorePodResponse:
    """Make the pod. When it fails, or the call is cancelled, nothing of it is left."""
    await check_call(daemon, "RestorePod", request.options)
    checkpoints = _checkpoints(daemon, request)
    _check_name_is_free(daemon, request.config.metadata)
    made = await run_pod_sandbox(
        daemon, api.RunPodSandboxRequest(config=request.config, runtime_handler=request.runtime_handler)
    )
    response = api.RestorePodResponse(pod_sandbox_id=made.pod_sandbox_id)
    try:
        for config in request.container_configs:
            name = config.metadata.name
            asked = api.CreateContainerRequest(
                pod_sandbox_id=made.pod_sandbox_id, config=config, sandbox_config=request.config
            )
            # Logs stay behind when a container is removed: they come last, when nothing else can fail.
            created = await create_container(daemon, asked, checkpoint=replace(checkpoints[name], log=None))
            response.restored_containers.add(name=name, container_id=created.container_id)
        _restore_logs(daemon, response, checkpoints)
    except BaseException:
        # A task of its own: a call that is cancelled once more must not stop halfway in taking away.
        undo = daemon.kernel.spawn(
            remove_pod_sandbox(daemon, api.RemovePodSandboxRequest(pod_sandbox_id=made.pod_sandbox_id)),
            name=f"undo RestorePod {made.pod_sandbox_id[:13]}",
        )
        await undo.join()
        raise
    return response


def _restore_logs(
    daemon: Daemon, response: api.RestorePodResponse, checkpoints: Mapping[str, ContainerCheckpoint]
) -> None:
    with ExitStack() as undo:
        for row in response.restored_containers:
            container = daemon.containers.get(row.container_id)
            if container is not None:  # else somebody removed it the moment it was there
                restore_log(daemon, container, checkpoints[row.name].log, undo)
        undo.pop_all()


def _check_name_is_free(daemon: Daemon, metadata: api.PodSandboxMetadata) -> None:
    """A sandbox that is there already is none to restore into, also where RunPodSandbox would answer with its id."""
    name = sandbox_name(
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        attempt=metadata.attempt,
        prefix=daemon.profile.name_prefix,
    )
    held = daemon.sandbox_names.holder(name)
    if held is not None:
        raise daemon.refuse(sandbox_refusals.NAME_RESERVED, name=name, holder=held.id)


# -- what is restored -------------------------------------------------------------------------------------


def _checkpoints(daemon: Daemon, request: api.RestorePodRequest) -> dict[str, ContainerCheckpoint]:
    """The checkpoint of each container by its name. Raises CriError; everything has been read once this returns."""
    path = request.checkpoint_path
    check_text(daemon, "checkpoint_path", path)
    fault = path_fault(path)
    if fault:
        raise daemon.refuse(say.POD_INPUT, path=path, fault=fault)
    archives = _archives(daemon, path)
    fault = configs_fault(asked=[config.metadata.name for config in request.container_configs], checkpointed=archives)
    if fault:
        raise daemon.refuse(say.POD_CONFIGS, fault=fault)
    found: dict[str, ContainerCheckpoint] = {}
    for name, archive in archives.items():
        checkpoint = read_archive(daemon, f"{path.rstrip('/')}/{archive}")
        if checkpoint.config.metadata.name != name:
            fault = f"{archive} is of container {checkpoint.config.metadata.name!r}, not of {name!r}"
            raise daemon.refuse(say.POD_INPUT, path=path, fault=fault)
        found[name] = checkpoint
    return found


def _archives(daemon: Daemon, path: str) -> dict[str, str]:
    """The archive of each container, by the container's name."""
    try:
        text = daemon.host_files.confined(path).read_at(POD_OPTIONS, 0, _OPTIONS_BYTES_MAX)
        options = msgspec.convert(json.loads(text), _PodOptions)
    except FsError as error:
        raise daemon.refuse(say.POD_INPUT, path=path, fault=f"{POD_OPTIONS}: {error.strerror.lower()}") from None
    except (ValueError, RecursionError):
        # What stands there may be anything, and is not shown.
        raise daemon.refuse(say.POD_INPUT, path=path, fault=f"{POD_OPTIONS} is not that of a pod checkpoint") from None
    if options.version != POD_FORMAT_VERSION:
        fault = f"{POD_OPTIONS}: version {options.version} is not {POD_FORMAT_VERSION}"
        raise daemon.refuse(say.POD_INPUT, path=path, fault=fault)
    archives = {row.name: row.archive for row in options.containers}
    if len(archives) != len(options.containers) or not all(map(_ARCHIVE_NAME.fullmatch, archives.values())):
        raise daemon.refuse(say.POD_INPUT, path=path, fault=f"{POD_OPTIONS} names its archives wrongly")
    return archives
