"""How a container begins, for the one that takes its place: what neither the request nor the image changes.

A kubelet restarts a container by making another one, of a request that differs in its attempt, its log, its annotations
and the file for its last words. A pod that crashes all day has three hundred of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from kubesim.cri import api
from kubesim.runtime.account_files import AccountFileCopy
from kubesim.runtime.process_plan import ContainerIdentity
from kubesim.userland.files.credentials import Credentials
from kubesim.userland.files.filesystem import MountSpec
from kubesim.userland.files.layer_usage import LayerUsage
from kubesim.userland.files.unbuilt import MountKinds
from kubesim.userland.processes.first_look import FirstLook


class Made(Struct, frozen=True, kw_only=True):
    """What a container is made of besides its plan and its mounts; each as `Container` says."""

    identity: ContainerIdentity | None
    account_files: tuple[AccountFileCopy, ...]
    seccomp_document: dict[str, Any] | None
    stop_signal: int | None
    reported_stop_signal: api.Signal.ValueType
    encoded_resources: bytes
    encoded_windows_resources: bytes


class Rehearsal(Struct, frozen=True, kw_only=True):
    """What the OCI runtime does and finds at the start. It holds for the same request, image and kinds of mounts."""

    own_mounts: tuple[MountSpec, ...]
    """Those of the files that the sandbox gives: what each of them is, it stays."""
    kinds: MountKinds
    """Of the mounts of the request, whose sources are the node's."""
    is_root_read_only: bool
    masked_paths: tuple[str, ...]
    read_only_paths: tuple[str, ...]
    credentials: Credentials
    usage: LayerUsage
    """What the mount points take in the writable layer."""
    look: FirstLook


@dataclass(slots=True, kw_only=True, eq=False)
class Beginning:
    """One for all containers of the same place and request but the first, which may be the only one."""

    encoded_resources: bytes
    """The LinuxContainerResources as they are at first."""
    encoded_windows_resources: bytes
    is_rehearsed: bool = False
    """Whether the start has been tried."""
    rehearsal: Rehearsal | None = None
    """None also where the files of the node have a say in it."""
