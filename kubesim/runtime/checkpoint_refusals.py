"""What the runtimes say when a checkpoint cannot be taken or restored.

Mirrors containerd: internal/cri/server/container_checkpoint_linux.go; CRI-O: server/container_checkpoint.go,
internal/lib/checkpoint.go and server/container_restore.go. No shipped runtime serves CheckpointPod and RestorePod; the
words for these, and for what only kubesim refuses, are kubesim's own.
"""

from __future__ import annotations

from kubesim.cri.errors import Code
from kubesim.runtime.refusal import refusal

_EXPORT = "failed to write file system changes of container {id}: "

# -- CheckpointContainer ----------------------------------------------------------------------------------
LOOKUP = refusal(
    "an error occurred when trying to find container the container status {id!q}: an error occurred when try to find "
    "container {id!q}: {cause}",
    "could not find container {id!q}: {cause}",
    code=Code.NOT_FOUND,
    crio_code=Code.NOT_FOUND,
)
STATE = refusal(
    "container {id!q} is in CONTAINER_{state} state. only CONTAINER_RUNNING containers can be checkpointed",
    "container {id} is not running",
)
LOCATION = refusal("checkpoint location {path!q}: {fault}", code=Code.INVALID_ARGUMENT)
LOG = refusal("open {path}: {reason}", _EXPORT + "error opening log file {path!q}: open {path}: {reason}")
TOO_LARGE = refusal("checkpointing container {id!q} failed: {reason}", "failed to checkpoint container {id}: {reason}")
OPEN = refusal(
    "open {path}: {reason}", _EXPORT + "error creating checkpoint export file {path!q}: open {path}: {reason}"
)
WRITE = refusal("write {path}: {reason}", _EXPORT + "write {path}: {reason}")

# -- CreateContainer from a checkpoint --------------------------------------------------------------------
IMPORT_OPEN = refusal("failed to open checkpoint archive {path} for import: open {path}: {reason}")
IMPORT_UNPACK = refusal("unpacking of checkpoint archive {path} failed: {reason}")
BASE_IMAGE_PULL = refusal("failed to pull checkpoint base image {image}: {reason}")
BASE_IMAGE_OTHER = refusal(
    "failed to get checkpoint base image {image}: it is {found}, and the checkpoint was taken of {wanted}"
)
BASE_IMAGE_MISSING = refusal("locating image with ID {image!q}: image not known")
MOUNTS_MISSING = refusal("restoring {path!q} expects following bind mounts defined ({paths})")
RESTORE_LOG = refusal("restoring container log file {path} failed: {reason}")

# -- CheckpointPod and RestorePod -------------------------------------------------------------------------
DEADLINE_MISSING = refusal("{rpc} needs a deadline", code=Code.INVALID_ARGUMENT)
OPTION_UNKNOWN = refusal("unknown option {option!q}: {rpc} has no options here", code=Code.INVALID_ARGUMENT)
POD_LOOKUP = refusal("failed to find sandbox {id!q}: {cause}", code=Code.NOT_FOUND)
POD_NOT_READY = refusal("sandbox {id!q} is not ready", code=Code.FAILED_PRECONDITION)
POD_SELECTION = refusal("container_ids of sandbox {id!q}: {fault}", code=Code.INVALID_ARGUMENT)
POD_NAMES = refusal(
    "sandbox {id!q} has two running containers named {name!q}: a restore could not tell them apart",
    code=Code.FAILED_PRECONDITION,
)
POD_OUTPUT = refusal("output_path {path!q}: {fault}", code=Code.INVALID_ARGUMENT)
POD_OUTPUT_NOT_EMPTY = refusal("output_path {path!q} is not empty: it holds {name!q}", code=Code.FAILED_PRECONDITION)
POD_INPUT = refusal("checkpoint_path {path!q}: {fault}", code=Code.INVALID_ARGUMENT)
POD_CONFIGS = refusal("container_configs: {fault}", code=Code.INVALID_ARGUMENT)
