"""CheckpointPod: the running containers of a pod, all as they are at one instant, as files in a directory.

    pod.dump      the sandbox: its configuration, handler and times (JSON)
    ID.tar        an archive of each container (see checkpoint_archive)
    pod.options   which containers there are, and their archives (JSON); written last, so without it nothing is complete

The rules are those of cri-api: pkg/apis/runtime/v1/api.proto, CheckpointPod (KEP-5823); no shipped runtime serves it
yet. The two JSON files have the names that podman gives them in a pod checkpoint. Mirrors checkpointctl:
lib/metadata.go, PodDumpFile and PodOptionsFile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from google.protobuf.json_format import MessageToDict

from kubesim.cri import api
from kubesim.cri.errors import unimplemented
from kubesim.kernel import time_left_ns
from kubesim.model.timestamps import format_rfc3339_nano
from kubesim.policy.checkpoint import path_fault, selection_fault
from kubesim.runtime import checkpoint_refusals as say
from kubesim.runtime.checkpoint_container import capture, save
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.objects import Container, Sandbox
from kubesim.runtime.request_check import check_text
from kubesim.userland.files.fs_error import FsError

POD_DUMP = "pod.dump"
POD_OPTIONS = "pod.options"
POD_FORMAT_VERSION = 1


async def checkpoint_pod(daemon: Daemon, request: api.CheckpointPodRequest) -> api.CheckpointPodResponse:
    """Write a checkpoint into an empty directory. When it fails, the directory is empty again.

    Everything is captured before the first file is written, and all of it at one instant: no container can run on while
    another is captured.
    """
    await check_call(daemon, "CheckpointPod", request.options)
    sandbox = daemon.sandbox(request.pod_sandbox_id, say.POD_LOOKUP)
    if not sandbox.life.is_ready:
        raise daemon.refuse(say.POD_NOT_READY, id=sandbox.id)
    containers = _containers(daemon, sandbox, list(request.container_ids))
    _check_output(daemon, request.output_path)
    files = {POD_DUMP: _pod_dump(daemon, sandbox)}
    for container in containers:
        files[archive_name(container.id)] = capture(daemon, container)
    files[POD_OPTIONS] = _pod_options(containers)
    _save_all(daemon, sandbox, request.output_path.rstrip("/"), files)
    return api.CheckpointPodResponse()


async def check_call(daemon: Daemon, rpc: str, options: Mapping[str, str]) -> None:
    """What both RPCs of pods demand of a call: a deadline, and no option that is not known. Raises CriError."""
    if daemon.os == "windows":
        raise unimplemented(f"method {rpc} not implemented")
    if await time_left_ns() is None:
        raise daemon.refuse(say.DEADLINE_MISSING, rpc=rpc)
    if options:
        raise daemon.refuse(say.OPTION_UNKNOWN, option=min(options), rpc=rpc)


def archive_name(container_id: str) -> str:
    """The file of a container. By its id: its name may be any text."""
    return f"{container_id}.tar"


def _containers(daemon: Daemon, sandbox: Sandbox, asked: list[str]) -> list[Container]:
    """The containers of a request, which are the running ones, in its order."""
    running = {container.id: container for container in sandbox.containers.values() if container.is_live}
    found = [daemon.containers.find(prefix)[0] for prefix in asked]
    ids = [prefix if container is None else container.id for prefix, container in zip(asked, found, strict=True)]
    fault = selection_fault(asked=ids, running=running)
    if fault:
        raise daemon.refuse(say.POD_SELECTION, id=sandbox.id, fault=fault)
    names: set[str] = set()
    for container_id in ids:
        name = running[container_id].config.metadata.name
        if name in names:
            raise daemon.refuse(say.POD_NAMES, id=sandbox.id, name=name)
        names.add(name)
    return [running[container_id] for container_id in ids]


def _check_output(daemon: Daemon, path: str) -> None:
    check_text(daemon, "output_path", path)
    fault = path_fault(path)
    if fault:
        raise daemon.refuse(say.POD_OUTPUT, path=path, fault=fault)
    try:
        names = daemon.host_files.list_dir(path)
    except FsError as error:
        raise daemon.refuse(say.POD_OUTPUT, path=path, fault=error.strerror.lower()) from None
    if names:
        raise daemon.refuse(say.POD_OUTPUT_NOT_EMPTY, path=path, name=names[0])


def _pod_dump(daemon: Daemon, sandbox: Sandbox) -> bytes:
    document = {
        "id": sandbox.id,
        "config": MessageToDict(sandbox.config, preserving_proto_field_name=True),
        "runtimeHandler": sandbox.runtime_handler,
        "createdTime": format_rfc3339_nano(sandbox.life.created_at_ns),
        "checkpointedTime": format_rfc3339_nano(daemon.kernel.now_ns),
    }
    return json.dumps(document, indent=2, sort_keys=True).encode()


def _pod_options(containers: list[Container]) -> bytes:
    rows = [{"name": container.config.metadata.name, "archive": archive_name(container.id)} for container in containers]
    return json.dumps({"version": POD_FORMAT_VERSION, "containers": rows}, indent=2).encode()


def _save_all(daemon: Daemon, sandbox: Sandbox, directory: str, files: Mapping[str, bytes]) -> None:
    written: list[str] = []
    try:
        for name, content in files.items():
            save(daemon, sandbox.id, f"{directory}/{name}", content)
            written.append(f"{directory}/{name}")
    except BaseException:
        for path in written:
            daemon.host_files.remove(path)
        raise
