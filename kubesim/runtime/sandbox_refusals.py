"""What the runtimes say when they refuse a call about a sandbox, or about the runtime itself.

Mirrors containerd: internal/cri/server/sandbox_*.go, internal/registrar/registrar.go; CRI-O: server/sandbox_*.go,
internal/lib/sandbox/builder.go, internal/hostport/hostport_manager.go.
"""

from __future__ import annotations

from kubesim.cri.errors import Code
from kubesim.runtime.refusal import refusal, worded

STATUS_LOOKUP = refusal(
    "an error occurred when try to find sandbox: {cause}",
    "could not find pod {id!q}: {cause}",
    code=Code.NOT_FOUND,
    crio_code=Code.NOT_FOUND,
)
STOP_LOOKUP = refusal("an error occurred when try to find sandbox {id!q}: {cause}", "{cause}")
STATS_LOOKUP = refusal("an error occurred when trying to find sandbox {id}: {cause}", "{cause}", code=Code.NOT_FOUND)
UPDATE_LOOKUP = refusal(
    "failed to find sandbox: {cause}",
    "could not find pod {id!q}: {cause}",
    code=Code.NOT_FOUND,
    crio_code=Code.NOT_FOUND,
)

CONFIG_MISSING = refusal("sandbox config must include metadata", "setting sandbox config: config is nil")
METADATA_MISSING = refusal("sandbox config must include metadata", "setting sandbox config: metadata is nil")
# Only CRI-O looks into the metadata.
NAME_MISSING = worded("sandbox_name_missing")
NAMESPACE_MISSING = refusal("setting pod sandbox name and id: cannot generate pod name without namespace")
UID_MISSING = refusal("setting pod sandbox name and id: cannot generate pod name without uid in metadata")
LOG_DIRECTORY_RELATIVE = worded("relative_log_directory")

NAME_RESERVED = refusal("failed to reserve sandbox name {name!q}: name {name!q} is reserved for {holder!q}")
# Only CRI-O lets a retry wait for the first request, and only CRI-O goes on when a deadline has passed.
_RETRYING = (
    "kubelet may be retrying requests that are timing out in CRI-O due to system load. Currently at stage {stage}: "
)
_RESERVING = ": error reserving {kind} name {name} for id {id}: name is reserved"
WAITED_TO_DEADLINE = refusal(_RETRYING + "context deadline exceeded" + _RESERVING, code=Code.DEADLINE_EXCEEDED)
WAITED_TOO_LONG = refusal(
    _RETRYING + "waited too long for request to timeout or {noun} {name} to be created" + _RESERVING
)
READY_FOR_RETRY = refusal(
    _RETRYING
    + "the requested {noun} {name} is now ready and will be provided to the kubelet on next retry"
    + _RESERVING
)
DEADLINE = refusal("context deadline exceeded", code=Code.DEADLINE_EXCEEDED)

HANDLER_UNKNOWN = refusal(
    "unable to get OCI runtime for sandbox {id!q}: no runtime for {handler!q} is configured",
    # Go prints the addresses of the map's values; one of them stands here.
    "failed to find runtime handler {handler} from runtime list map[{default_handler}:0xc000480000]",
)
# CRI-O opens the ports up to 1.30; later ones and the portmap plugin redirect what others listen at, and so never fail.
HOST_PORT = refusal(
    'failed to setup network for sandbox {id!q}: plugin type="portmap" failed (add): cannot open hostport {port}: '
    "listen {protocol} {address}: bind: {reason}",
    "failed to add hostport mapping for sandbox {name}({id}): cannot open hostport {port} for pod {name}_: "
    "listen {network} {address}: bind: {reason}",
)
# These words are kubesim's own: a real pod has a network of its own, in which every port is free.
CONTAINER_PORT = refusal(
    'failed to setup network for sandbox {id!q}: plugin type="bridge" failed (add): no socket for port {port}: '
    "listen {protocol} {address}: bind: {reason}",
    'failed to create pod network sandbox {name}({id}): plugin type="bridge" failed (add): no socket for port '
    "{port}: listen {protocol} {address}: bind: {reason}",
)
NETWORK_NOT_READY = refusal("failed to setup network for sandbox {id!q}: cni config not initialized")
NETWORK_FAILED = refusal(
    'failed to setup network for sandbox {id!q}: plugin type="bridge" failed (add): failed to allocate for range 0: '
    "{reason}",
    'failed to create pod network sandbox {name}({id}): plugin type="bridge" failed (add): failed to allocate for '
    "range 0: {reason}",
)
PAUSE_IMAGE = worded("pause_image_missing")
CGROUP_PARENT = refusal("failed to start sandbox {id!q}: {reason}", "{reason}")
USER_NAMESPACE = refusal(
    "failed to start sandbox {id!q}: failed to create containerd container: user namespace configuration: {reason}",
    "{reason}",
)
USER_NAMESPACE_ROOT = refusal(
    "failed to start sandbox {id!q}: failed to create containerd container: container ID 0 cannot be mapped to a host "
    "ID",
    "container ID 0 cannot be mapped to a host ID",
)
# CRI-O prints pointers to the four namespaces; where they point differs from run to run.
USER_NAMESPACE_MAP = refusal(
    "failed to pin namespaces [0xc000a1c2d0 0xc000a1c300 0xc000a1c330 0xc000a1c360]: [pinns:e]: Cannot write {kind} "
    "mappings: {lines}: Invalid argument\n exit status 1"
)
USER_NAMESPACE_MODE = refusal(
    "failed to start sandbox {id!q}: unsupported user namespace mode: {mode!q}", "unsupported pod mode: {mode!q}"
)

SYSCTL = refusal(
    "failed to start sandbox {id!q}: failed to create containerd task: failed to create shim task: OCI runtime create "
    "failed: runc create failed: {reason}{task_error_end}",
    "container create failed: {reason}",
)

REMOVE_CONTAINER = refusal("failed to remove container {container_id!q}: {reason}", "{reason}")

STATS_NOT_READY = refusal(
    "failed to decode pod sandbox metrics {prefix}: failed to get pod sandbox stats since sandbox container {id!q} is "
    "not in ready state: unavailable",
    code=Code.UNAVAILABLE,
)

POD_CIDR_INVALID = refusal("get routes: invalid CIDR address: {cidr}")
NOT_INITIALIZED = refusal("server is not initialized yet: unavailable", code=Code.UNAVAILABLE)
NOT_LISTENING = refusal(
    'connection error: desc = "transport: Error while dialing: dial unix /var/run/crio/crio.sock: connect: connection '
    'refused"',
    code=Code.UNAVAILABLE,
)
"""What a client says itself."""
CONNECTION_LOST = refusal("error reading from server: EOF", code=Code.UNAVAILABLE)
LABEL_TOO_LONG = refusal("label key and value greater than maximum size ({limit} bytes), key: {key}")
NUL_BYTE = refusal("{field} holds a NUL byte: {value!q}", code=Code.INVALID_ARGUMENT)
LOG_PATH_ESCAPES = refusal("log path {path!q} leaves the log directory {directory!q}", code=Code.INVALID_ARGUMENT)
