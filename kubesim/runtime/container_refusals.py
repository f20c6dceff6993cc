"""What the runtimes say when they refuse a call about a container.

Mirrors containerd: internal/cri/server/container_*.go, internal/cri/opts/spec_linux_opts.go; CRI-O:
server/container_*.go, internal/factory/container/container.go, internal/oci/runtime_oci.go. The words of runc are those
of runc: libcontainer/standard_init_linux.go.
"""

from __future__ import annotations

from kubesim.cri.errors import Code
from kubesim.runtime.refusal import refusal, worded

_SPEC = "failed to generate container {id!q} spec: failed to generate spec: "
_SPEC_OPTS = "failed to generate container {id!q} spec: failed to generate spec opts: "
_CONTAINER_OPTS = "failed to get container spec opts: "
_RUNC_CREATE = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
)

# -- look-ups ---------------------------------------------------------------------------------------------
LOOKUP = refusal(
    "an error occurred when try to find container {id!q}: {cause}",
    "could not find container {id!q}: {cause}",
    code=Code.NOT_FOUND,
    crio_code=Code.NOT_FOUND,
)
CREATE_LOOKUP = refusal(
    "failed to find sandbox id {id!q}: {cause}", "specified sandbox not found: {id}: {cause}", code=Code.NOT_FOUND
)
CREATE_LOOKUP_EMPTY = refusal("failed to find sandbox id {id!q}: {cause}", "{cause}")
REOPEN_LOOKUP = refusal(
    "an error occurred when try to find container {id!q}: {cause}",
    "could not find container {id}: {cause}",
    code=Code.NOT_FOUND,
)
UPDATE_LOOKUP = refusal("failed to find container: {cause}", "{cause}", code=Code.NOT_FOUND)
STATS_LOOKUP = refusal("failed to find container: {cause}", "{cause}", code=Code.NOT_FOUND)
EXEC_SYNC_LOOKUP = refusal(
    "failed to exec in container: failed to find container {id!q} in store: {cause}",
    "could not find container {id!q}: {cause}",
    code=Code.NOT_FOUND,
    crio_code=Code.NOT_FOUND,
)

# -- CreateContainer --------------------------------------------------------------------------------------
CONFIG_MISSING = refusal("container config must include metadata", "config is nil")
IMAGE_MISSING = refusal("failed to resolve image {image!q}: not found", "config image is nil", code=Code.NOT_FOUND)
SANDBOX_CONFIG_MISSING = refusal("pod sandbox config must include metadata", "sandbox config is nil")
SANDBOX_METADATA_MISSING = refusal("pod sandbox config must include metadata", "sandbox config metadata is nil")
METADATA_MISSING = refusal("container config must include metadata", "setting container config: metadata is nil")
NAME_MISSING = refusal("setting container config: name is empty")
SANDBOX_STOPPED = worded("create_in_stopped_sandbox")
SANDBOX_TASK_GONE = worded("create_in_stopped_sandbox", code=Code.NOT_FOUND)
NAME_RESERVED = worded("container_name_reserved")
IMAGE_NOT_PRESENT = refusal(
    "failed to resolve image {image!q}: not found",
    "{absence}",
    code=Code.NOT_FOUND,
)
IMAGE_AMBIGUOUS = refusal(
    "failed to resolve image {image!q}: ambiguous digest string", "locating image with ID {image!q}: image not known"
)
ROOT_NOT_UNPACKED = refusal(
    "failed to create containerd container: error unpacking image: {reason}", "mounting container: {reason}"
)
NO_COMMAND = refusal(_SPEC + "no command specified", "no command specified")
PRIVILEGED = refusal(
    _SPEC_OPTS + "no privileged container allowed in sandbox",
    "setting container config: no privileged container allowed in sandbox",
)
IDENTITY = refusal("{reason}")
STOP_SIGNAL = refusal("unknown CRI stop signal {signal}: invalid argument", code=Code.INVALID_ARGUMENT)
MOUNT_CONTAINER_PATH_EMPTY = refusal("mount.ContainerPath is empty")
MOUNT_HOST_PATH_EMPTY = refusal(
    _SPEC + 'failed to mkdir "": mkdir : no such file or directory', "mount.HostPath is empty"
)
MOUNT_MKDIR = refusal(_SPEC + "failed to mkdir {path!q}: {reason}", "failed to mkdir {path}: {reason}")
SELINUX_LEVEL = refusal(_SPEC_OPTS + "the format of 'level' {level!q} is not correct")
HOST_PROCESS_DIFFERS = refusal(
    _SPEC_OPTS + "pod spec and all containers inside must have the HostProcess field set to be valid"
)
MOUNT_PROPAGATION = refusal(_SPEC + "{reason}", "{reason}")
DEVICE_MISSING = refusal(
    _SPEC + "lstat {path}: no such file or directory",
    "failed to add devices: lstat {path}: no such file or directory",
)
# CRI-O does not look whether an AppArmor profile is loaded; runc notices.
APPARMOR_NOT_LOADED = refusal(
    _CONTAINER_OPTS + "failed to generate apparmor spec opts: apparmor profile not found {profile}",
    "container create failed: runc create failed: unable to start container process: error during container init: "
    "unable to apply apparmor profile: apparmor failed to apply profile: write /proc/self/attr/apparmor/exec: no such "
    "file or directory",
)
APPARMOR_EMPTY = refusal(
    _CONTAINER_OPTS
    + "failed to generate apparmor spec opts: failed to generate apparmor spec opts: nil apparmor profile is not "
    "supported",
    "applying apparmor profile to container {id}: empty localhost AppArmor profile is forbidden",
)
SECURITY_PROFILE = refusal(_CONTAINER_OPTS + "failed to generate {kind} spec opts: {reason}", "{reason}")
SECCOMP_MISSING = refusal(
    "failed to create containerd container: cannot load seccomp profile {path!q}: open {path}: {reason}",
    "setup seccomp: unable to load local profile {path!q}: open {path}: {reason}",
)
SECCOMP_UNREADABLE = refusal(
    "failed to create containerd container: decoding seccomp profile failed {path!q}: it is no JSON object",
    "setup seccomp: apply profile from bytes: {path!q} is no JSON object",
)
RRO_READ_WRITE = refusal(
    _SPEC + "recursive read-only mount conflicts with RW mount (hostPath={path!q})",
    "recursive read-only mount conflicts with read-write mount for hostPath {path!q}",
)
RRO_PROPAGATION = refusal(
    _SPEC + "recursive read-only mount needs private propagation, got {propagation!q} (hostPath={path!q})",
    "recursive read-only mount requires private propagation for hostPath {path!q}, got: {propagation}",
)
RRO_UNSUPPORTED = refusal(
    _SPEC + "RROUnsupported: runtime handler does not support recursive read-only mounts (hostPath={path!q})",
    "recursive read-only mount support is not available for hostPath {path!q}",
)
USER_NAMESPACE_DIFFERS = refusal(
    _SPEC_OPTS
    + "user namespace config for sandbox is different from container. Sandbox userns config: {sandbox} - Container "
    "userns config: {container}"
)
CDI_UNRESOLVABLE = refusal(
    _SPEC + "CDI device injection failed: unresolvable CDI devices {names}",
    "CDI device injection failed: unresolvable CDI devices {names}",
)
TARGET_MISSING = refusal(
    _SPEC_OPTS + "invalid target container: container {target!q} does not exist: not found",
    "could not find target container: container with ID starting with {target} not found: ID does not exist",
    code=Code.NOT_FOUND,
)
TARGET_ELSEWHERE = refusal(
    _SPEC_OPTS
    + "invalid target container: container {target!q} (sandbox {other}) does not belong to sandbox {sandbox}",
    "target container does not belong to the pod sandbox",
)
TARGET_NOT_RUNNING = refusal(
    _SPEC_OPTS + "invalid target container: container {target!q} is not running - in state CONTAINER_{state}",
    "target container is not running",
)
POD_PID_NAMESPACE_MISSING = refusal(
    "pod level PID namespace requested for the container, but pod sandbox was not similarly configured, and does not "
    "have an infra container"
)
EXEC_AT_CREATE = refusal("container create failed: {reason}")
SECCOMP_AT_CREATE = refusal("container create failed: runc create failed: {reason}")

# -- StartContainer ---------------------------------------------------------------------------------------
START_STATE = refusal(
    "failed to set starting state for container {id!q}: container is in CONTAINER_{state} state",
    "container {id} is not in created state: {word}",
)
START_REMOVING = refusal(
    "failed to set starting state for container {id!q}: container is in removing state, can't be started",
    "container {id} is not in created state: stopped",
)
START_STARTING = refusal(
    "failed to set starting state for container {id!q}: container is already in starting state",
    "container {id} is not in created state: running",
)
START_SANDBOX = refusal(
    "sandbox container {sandbox_id!q} is not running", "failed to start container {id}: the pod sandbox is stopped"
)
START_EXEC = refusal(
    _RUNC_CREATE + "unable to start container process: error during container init: {reason}{task_error_end}",
    "failed to start container {id}: {reason}",
)
START_SECCOMP = refusal(
    _RUNC_CREATE + "{reason}{task_error_end}",
    "failed to start container {id}: {reason}",
)
START_LOG = refusal(
    "failed to create containerd task: failed to create container loggers: failed to create and open log file: open "
    "{path}: {reason}",
    "failed to start container {id}: open {path}: {reason}",
)
START_CANCELLED = refusal("failed to create containerd task: context canceled", "context canceled")

# -- StopContainer ----------------------------------------------------------------------------------------
# Only containerd says these: CRI-O takes SIGTERM for a signal it cannot read, and OK for a deadline.
STOP_SIGNAL_UNPARSABLE = refusal("failed to parse stop signal {signal!q}: Invalid signal: {signal}")
STOP_DEADLINE = refusal("context deadline exceeded", code=Code.DEADLINE_EXCEEDED)
KILL_DEADLINE = refusal(
    "an error occurs during waiting for container {id!q} to be killed: wait container {id!q}: context deadline "
    "exceeded",
    code=Code.DEADLINE_EXCEEDED,
)

# -- RemoveContainer, UpdateContainerResources, ReopenContainerLog -----------------------------------------
REMOVE_STARTING = refusal(
    "failed to set removing state for container {id!q}: container is in starting state, can't be removed"
)
REMOVE_REMOVING = refusal("failed to set removing state for container {id!q}: container is already in removing state")
UPDATE_REMOVING = refusal(
    "failed to update resources: container {id!q} is in removing state",
    "container {id} is not running or created state: stopped",
)
UPDATE_STATE = refusal("container {id} is not running or created state: {word}")
UPDATE_MEMORY_BELOW_USAGE = refusal(
    "failed to update resources: failed to update resources: device or resource busy",
    "memory validation failed: cannot decrease memory limit to {limit} bytes: current usage is {usage} bytes",
)
UPDATE_MEMORY_NEGATIVE = refusal("memory validation failed: invalid memory limit: {limit} bytes (cannot be negative)")
UPDATE_MEMORY_INVALID = refusal(
    "failed to update resources: failed to update resources: invalid argument",
    "updating resources for container {id!q} failed: invalid argument",
)
NOT_RUNNING = refusal("container is not running")
REOPEN_FAILED = refusal("failed to create and open log file: open {path}: {reason}", "open {path}: {reason}")

# -- ExecSync ---------------------------------------------------------------------------------------------
EXEC_STATE = refusal(
    "failed to exec in container: container is in CONTAINER_{state} state",
    "container is not created or running: checking if PID of {id} is running failed: {detail}",
    crio_code=Code.NOT_FOUND,
)
EXEC_EMPTY = refusal(
    "failed to exec in container: failed to start exec {exec_id!q}: OCI runtime exec failed: exec failed: process args "
    "cannot be empty{task_error_end}",
    "exec command cannot be empty",
)
EXEC_TIMEOUT = refusal(
    "failed to exec in container: timeout {duration} exceeded: context deadline exceeded", code=Code.DEADLINE_EXCEEDED
)
EXEC_FAILED = refusal(
    "failed to exec in container: failed to start exec {exec_id!q}: OCI runtime exec failed: exec failed: unable to "
    "start container process: {reason}{task_error_end}",
    "command error: {reason}, stdout: , stderr: , exit code -1",
)

# -- stats ------------------------------------------------------------------------------------------------
STATS_NOT_RUNNING = refusal("unexpected metrics response: []")
