"""Which runtime, in which version, is impersonated: every switch that its clients can notice.

A profile is data. Code asks a switch, never the profile's name or family. The switches are grouped by what they are
about; `runtime_profile_layers` builds a profile from documents, and `kubesim/runtime/profiles/` holds the documents.

Fields have no defaults on purpose: a profile that forgets a switch is refused where it is loaded. They are msgspec's
structs, because making dataclasses of so many fields takes longer than all the rest of a server's start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta, Struct

from kubesim.policy.artifact_switches import ArtifactLookup, ArtifactPull
from kubesim.policy.identity_dialect import IdentityDialect
from kubesim.policy.image_volume_dialect import ImageVolumeDialect
from kubesim.policy.streaming_switches import StreamingSwitches

if TYPE_CHECKING:
    # Only their names are needed here; `runtime_profile_schema` looks them up when it checks a document.
    from kubesim.policy.checkpoint import ConfigDialect
    from kubesim.policy.pod_metrics import IncludedMetrics, MetricGroup, MetricSet

CgroupDriver = Literal["systemd", "cgroupfs"]
ListOrder = Literal["unordered", "creation"]
RpcAnswer = Literal[
    "served",  # by a handler
    "unimplemented-method",  # Unimplemented, the words of a generated server
    "unimplemented-plain",  # Unimplemented, CRI-O's own words
    "unknown-method",  # Unimplemented, the words of a server that was built from an older proto
    "not-implemented-yet",  # Unknown
    "not-implemented",  # Unimplemented, the words of containerd's own error
    "ends-at-once",  # a stream that ends with OK before its first message
    "disabled",  # Unknown: the feature is off in the default configuration
]


def _template(*names: str) -> str:
    """The pattern of a text in which braces hold one of these names, with or without `!q`, and nothing else."""
    held = f"|\\{{({'|'.join(names)})(!q)?\\}}" if names else ""
    return f"^([^{{}}]{held})*$"


Count = Annotated[int, Meta(ge=0)]
StatusInfoKey = Literal["config", "golang", "cniconfig", "lastCNILoadStatus.default", "lastCNILoadStatus"]
SandboxInfoKey = Literal[
    "pid", "processStatus", "netNamespaceClosed", "image", "snapshotKey", "snapshotter", "runtimeHandler",
    "runtimeType", "runtimeOptions", "config", "runtimeSpec", "cniResult", "sandboxMetadata",
]  # fmt: skip
ContainerInfoKey = Literal[
    "sandboxID", "pid", "removing", "snapshotKey", "snapshotter", "runtimeType", "runtimeOptions", "config",
    "runtimeSpec", "privileged", "checkpointedAt", "restored",
]  # fmt: skip


class Reason(Struct, frozen=True, kw_only=True):
    """Why a switch stands as it does."""

    why: str
    reference: str
    """An issue, pull request, CVE or KEP; empty when there is none."""
    layer: str
    """The profile whose file says so."""


class Deviation(Struct, frozen=True, kw_only=True):
    """A known difference from what the CRI contract or Kubernetes asks for."""

    id: str
    text: str
    reference: str


class StatusSwitches(Struct, frozen=True, kw_only=True):
    """The Status RPC."""

    conditions: tuple[str, ...]
    """Condition types, in order; all are true on a healthy node."""
    network_not_ready_message: str
    reports_handlers: bool
    """Whether runtime_handlers is filled. The default handler is listed twice: by its name and as ""."""
    handlers_order: Literal["sorted", "unsorted", "default-then-empty"]
    """By name; any; or any with "" right behind the default handler."""
    user_namespaces: bool
    """Feature of each handler, on a node whose kernel and OCI runtime can do it."""
    supplemental_groups_policy: bool | None
    """features.supplemental_groups_policy; None: the message has no features at all."""
    user_namespaces_host_network: bool | None
    """features.user_namespaces_host_network; None: the proto of this version does not have it."""
    info_keys: tuple[StatusInfoKey, ...]
    """Keys of the verbose info."""
    config_form: Literal["containerd", "cri-o"]
    """Whose configuration is in the verbose info."""
    config_has_sandbox_image: bool
    """Whether the configuration in the verbose info names the pause image."""


class SandboxSwitches(Struct, frozen=True, kw_only=True):
    """Pod sandboxes."""

    adds_pod_labels: bool
    """Whether io.kubernetes.pod.{name,namespace,uid} are added to the labels when absent."""
    runtime_handler_in_status: bool
    """Whether PodSandboxStatus.runtime_handler is filled; the list always has it."""
    namespace_options_in_status: Literal["always", "when-given"]
    info_without_verbose: bool
    """Whether PodSandboxStatus.info is filled when verbose is false."""
    info_keys: tuple[SandboxInfoKey, ...]
    stop_grace: Literal["none", "deadline"]
    """StopPodSandbox kills containers at once; or gives them the RPC's deadline less 1 s, 10 s without a deadline."""
    hostname_when_empty: Literal["host", "id-prefix"]
    empty_dns_config: Literal["empty-file", "node"]
    """What /etc/resolv.conf is for a DNS configuration that is given and says nothing: empty, or the node's."""
    hosts_file: Literal["always", "host-network"]
    """Which pods get the node's /etc/hosts from the runtime; others have the image's unless a mount brings one."""
    keeps_pause_process: bool
    """Whether a pause process runs although nothing needs it."""
    waits_for_network: bool
    """RunPodSandbox before the network is ready: waits, or fails."""
    unprivileged_ports: bool
    """Whether pods get net.ipv4.ip_unprivileged_port_start=0 and an open ping_group_range."""
    user_namespaces: bool
    """Whether a pod can have its own user namespace."""
    id_mapping_check: Literal["one-line", "root"]
    """What the id mappings of a user namespace must be: one line each for uids and gids; or any that begin at root."""
    required_metadata: tuple[Literal["name", "namespace", "uid"], ...]
    """What of a pod's metadata may not be empty."""
    relative_log_directory: Literal["taken", "refused"]
    ambiguous_id_to_stop: Literal["error", "nothing"]
    """StopPodSandbox and RemovePodSandbox by the beginning of several ids: an error, or OK as for an unknown one."""
    resources_in_info: bool
    """Whether the info shows what UpdatePodSandboxResources stored."""
    pod_cidr_check: bool
    """Whether UpdateRuntimeConfig looks if the pods' addresses are ranges."""
    cgroup_parent_check: Literal["oci-runtime", "suffix"]
    """Who notices a cgroup parent of the other driver: the OCI runtime by its shape, or the daemon by its suffix."""


class ContainerSwitches(Struct, frozen=True, kw_only=True):
    """Containers and their status."""

    user_in_status: bool
    resources_in_status: bool
    image_id_in_status: bool
    image_id_in_list: bool
    stop_signal_in_status: bool
    """Whether ContainerConfig.stop_signal is honoured and reported."""
    status_image: Literal["first-tag", "name"]
    """ContainerStatus.image: the image's first tag, or the spec of the request; or some known name."""
    list_image: Literal["as-requested", "requested-name"]
    status_image_ref: Literal["image-id", "repo-digest"]
    list_image_ref: Literal["image-id", "repo-digest"]
    filter_by_both_ids: Literal["resolved", "pod-prefix"]
    """Lists by the id of a container and of a pod: each stands for the one that it begins; or the pod's is looked for
    at the beginning of the found container's, where it may be that of other pods as well."""
    status_mounts: Literal["as-requested", "rebuilt"]
    """The request's mounts; or in the order in which they are mounted, with links resolved and without sub path,
    image_ref and id mappings."""
    missing_program_fails: Literal["start", "create"]
    """Which RPC fails when the program of a container is not in the image."""
    oci_runtime: Literal["runc", "crun"]
    """Whose words there are for a mount that cannot be made, and for ids that a process cannot have."""
    empty_mount_path: Literal["refused", "mounted"]
    """A mount without container_path: refused; or mounted at the root, which no OCI runtime does."""
    start_failure: Literal["start-error", "error"]
    """After a failed start: exit 128, StartError, started_at 0; or reason Error, started = finished = created."""
    lost_reason: Literal["Unknown", "Error"]
    """Reason of a container whose end nobody saw; its exit code is 255."""
    created_when_lost: Literal["kept", "ended"]
    """A container that never started, after a restart that no process survived: as it was, or ended like the rest."""
    create_checks: Literal["sandbox-first", "request-first"]
    """What CreateContainer looks at first: the sandbox; or whether the request has config, image and metadata."""
    name_required: bool
    """Whether ContainerMetadata.name may not be empty."""
    create_in_stopped_sandbox: Literal["refused", "not-found", "taken"]
    """CreateContainer in a sandbox that is not ready: an error, NotFound, or a container that cannot be started."""
    log_path_default: bool
    """Whether a log path is made up when the request has none."""
    remove_running: Literal["kill", "stop"]
    stop_created: Literal["no-op", "finish"]
    """StopContainer on a container that never started: nothing, or it is finished."""
    stop_waits: Literal["alone", "together"]
    """Each StopContainer sends SIGKILL at its own time, and fails when its deadline comes first; or all of a container
    wait for the earliest SIGKILL that was asked for, which comes in any case, and a deadline is answered with OK."""
    update_stopped: Literal["ok", "refused"]
    update_takes: Literal["everything", "unified", "cpu-and-memory"]
    """What of an update counts: huge pages, swap and `unified` too, or only the latter, or none of them."""
    update_below_usage: Literal["kernel", "refused"]
    """UpdateContainerResources with a memory limit below the usage: the kernel decides, or the daemon refuses."""
    selinux_level_check: bool
    """Whether the form of an SELinux level is looked at, although the node has no SELinux."""
    label_bytes_max: Annotated[int, Meta(ge=0)]
    """How long a label of a sandbox or a container may be, key and value together; 0 is no limit."""
    recursive_read_only_mounts: bool
    """Whether mounts can be so, and Status says it of each handler, where kernel and OCI runtime can do it."""
    user_namespace_check: bool
    """Whether a container must ask for the user namespace of its pod."""
    cdi: bool
    """Whether CDI devices are injected."""
    restore_from_checkpoint: bool
    """Whether CreateContainer takes a checkpoint archive, or an image made of one, for an image."""
    restored_config: ConfigDialect
    """A restored container has the request's config with annotations of the checkpoint; or it is rebuilt from both."""
    restore_pulls_image: bool
    """Whether a restore pulls the image that the checkpoint was taken of when the node lacks it; else it fails."""
    default_capabilities: tuple[str, ...]
    capability_prefix: Literal["always-added", "added-when-missing"]
    """What makes CAP_X of the name of a capability in a request."""
    info_keys: tuple[ContainerInfoKey, ...]


class ExecSwitches(Struct, frozen=True, kw_only=True):
    """ExecSync."""

    timeout_answer: Literal["deadline-exceeded", "exit-minus-one"]
    """DeadlineExceeded without output; or OK with exit code -1 and stderr `command timed out`."""
    output_bytes_max: Count
    output_limit: Literal["per-stream", "total"]
    waits_for_output: bool
    """Whether the answer waits until nobody holds the streams, as what a command left in the background does."""
    tty_of_container: bool
    """Whether a command gets a terminal (and stderr joins stdout) when its container has one."""


class ImageSwitches(Struct, frozen=True, kw_only=True):
    """The image service."""

    id_form: Literal["sha256-prefixed", "bare"]
    """Image.id: `sha256:` and 64 hex digits, or the digits alone."""
    pull_returns: Literal["id", "repo-digest"]
    short_id_length_min: Count
    """How many hex digits make an id prefix."""
    empty_key: Literal["prefix", "refused"]
    """An empty image name: a prefix of every id, or an error."""
    short_names: Literal["docker-hub", "search-registries"]
    """A name without a domain: it is docker.io's, or tried in each registry of `search_registries`."""
    search_registries: tuple[str, ...]
    hex_names: Literal["refused", "not-found"]
    """A name of hex digits that can be no reference, in ImageStatus and ListImages: an error, or an unknown id."""
    list_filter: Literal["ignored", "lookup"]
    remove_by_name: Literal["all-references", "that-name"]
    remove_in_use: Literal["allowed", "refused"]
    remove_volume: Literal["allowed", "refused-by-name", "refused"]
    """RemoveImage of an image that a container has mounted as a volume: refused by one of its names only, or always."""
    spec_annotations: bool
    """Whether Image.spec carries the manifest's annotations."""
    size: Literal["compressed", "uncompressed"]
    stores_artifacts: bool
    """Whether OCI artifacts can be pulled, listed and removed."""
    artifact_lookup: ArtifactLookup
    artifact_pinning: Literal["always", "by-name"]
    """Whether every stored artifact is marked as pinned, or those whose names are."""
    artifact_pull: ArtifactPull
    """What a pull makes of an artifact that is not stored as one."""
    pinning: Literal["at-pull", "by-name"]
    """An image is pinned for good when it is pulled under a pinned name; or while it has one, by patterns."""
    pinned_images: tuple[str, ...]
    """What is pinned besides the pause image."""
    filesystem_usage: Literal["snapshots", "records"]
    """What ImageFsInfo counts: unpacked layers and the containers' writable ones; or the records of images alone."""
    image_store: str
    """A directory for images apart from containers, which splits ImageFsInfo; empty: both lie together."""
    container_filesystems: bool
    """Whether ImageFsInfo.container_filesystems is filled."""
    filesystem_path: str
    """The directory that ImageFsInfo names unless the user gives one."""
    moved_tag_digests: Literal["kept", "previous-name"]
    """What stays of an image that lost all tags: its digests; or one digest under its previous name."""
    pull_auth: Literal["for-host", "for-any-host"]
    """Which of a request's credentials are presented; see policy.registry_login."""
    concurrent_pulls: Literal["share-content", "merged"]
    """Calls for one image at one time: each ends by itself, no blob comes twice; or all share the first one's end."""
    pull_error: Literal[
        "reference", "image", "image-only", "artifact-or-image", "image-or-artifact", "image-or-artifact-unless-network"
    ]
    """How an error of a registry is introduced: by what could not be resolved, or by what was tried to be pulled."""
    forbidden_details: bool
    """Whether the refusal of a manifest with 403 carries what the registry says of it."""
    verifies_signatures: bool
    """Whether a pull fails when the signature of an image is refused."""
    pull_progress_timeout_seconds: Annotated[int, Meta(ge=0)]
    """A pull without a byte for so long is cancelled; 0 is never."""
    info_keys: tuple[Literal["chainID", "labels", "imageSpec"], ...]


class LogSwitches(Struct, frozen=True, kw_only=True):
    """Container log files."""

    timestamp: Literal["trimmed", "nine-digits"]
    """RFC 3339 with nanoseconds: trailing zeros cut and `Z` for UTC; or always nine digits and a numeric offset."""
    line_bytes_max: Count
    """A longer line is split into pieces of this size, tagged P; 0 is no limit."""
    default_directory: str
    """Where logs go when the sandbox names no directory; empty: nowhere."""


class StatisticsSwitches(Struct, frozen=True, kw_only=True):
    """Stats, metrics, streamed lists and events."""

    psi: bool
    swap: bool
    metrics: MetricSet
    """Whose metric descriptors, with their help texts and labels."""
    metric_groups: tuple[MetricGroup, ...]
    """The groups of metrics this version knows."""
    included_pod_metrics: tuple[IncludedMetrics, ...]
    """The groups that are collected; `all` is every group, and without any there is container_last_seen alone."""
    metric_pods_per_second: Count
    """How many pods are read per second for ListPodSandboxMetrics; the first so many go at once. 0 is no bound."""
    stopped_container: Literal["error", "empty"]
    """ContainerStats of a container that does not run."""
    lists_stopped_containers: bool
    default_interface: Literal["eth0", "first-link"]
    usage_nano_cores: Literal["background", "previous-call"]
    """The rate of a container: from background samples, until there are two since the previous list; or since the
    previous call alone."""
    container_stats_rate: bool
    """Whether ContainerStats has the rate too, which lists always have."""
    process_count: Literal["containers", "pod-cgroup"]
    """PodSandboxStats counts the processes of the containers; or those of the pod's cgroup, with the pause process."""
    stream_chunk_items: Annotated[int, Meta(ge=1)]
    """How many items a message of a streamed list holds at most."""
    event_statuses: bool
    """Whether PodSandboxStatus has containers_statuses and a timestamp."""
    event_backlog: Literal["five-minutes", "first-listener"]
    """Events that nobody heard: kept for five minutes whenever nobody listens; or the first thousand until somebody
    listens for the first time."""
    removed_sandbox_event: Literal["without-status", "dropped"]
    """DELETED of a sandbox: an event without a status of the pod; or none, as there is no pod to look at any more."""

    removed_with_sandbox_event: bool
    """Whether there is a DELETED event of each container that RemovePodSandbox removes with its pod."""


class WordingSwitches(Struct, frozen=True, kw_only=True):
    """Sentences that versions of one runtime word differently, as templates of `kubesim.runtime.refusal`.

    Empty where the runtime never says so. Sentences that all versions share are in `runtime/*_refusals.py`.
    """

    container_name_reserved: Annotated[str, Meta(pattern=_template("name", "holder"))]
    exec_in_stopped: Annotated[str, Meta(pattern=_template("id", "state", "detail"))]
    create_in_stopped_sandbox: Annotated[str, Meta(pattern=_template("id"))]
    pause_image_missing: Annotated[str, Meta(pattern=_template("id", "name", "image", "reason"))]
    relative_log_directory: Annotated[str, Meta(pattern=_template("id", "path"))]
    sandbox_name_missing: Annotated[str, Meta(pattern=_template())]
    task_error_end: Annotated[str, Meta(pattern=_template())]
    """What an error of the OCI runtime ends with: the name of its gRPC code, where it went through a shim's gRPC."""


class RuntimeProfile(Struct, frozen=True, kw_only=True):
    """One runtime in one version."""

    name: str
    texts: Literal["containerd", "cri-o"]
    """Whose error messages are used, with their codes. What is refused, and what comes first, other switches say."""
    operating_systems: tuple[Literal["linux", "windows"], ...]
    """What the runtime is built for."""
    runtime_name: str
    """VersionResponse.runtime_name; the kubelet makes container ids of it: `containerd://...`."""
    runtime_version: str
    cri_api_version: str
    """The version of cri-api the runtime was built with."""
    legacy_services: tuple[Literal["runtime.v1alpha2"], ...]
    """gRPC packages served besides runtime.v1, with the same messages."""
    cgroup_driver: CgroupDriver
    """What RuntimeConfig answers unless the user sets it."""
    default_handler: str
    runtime_type: str
    """`runtimeType` in the verbose info; empty when there is none."""
    pause_image: str
    oci_spec: Literal["containerd", "cri-o"]
    """Whose OCI spec is in the verbose info: its cgroup paths, namespaces, annotations, default mounts and profiles."""
    duplicate_name: Literal["error", "existing-id"]
    """RunPodSandbox and CreateContainer under a name that is taken: an error, or the existing id with OK."""
    list_order: ListOrder
    """How every list is ordered: not at all (here by id, which is random but the same in each run), or oldest first."""
    name_prefix: str
    """Before the names under which sandboxes and containers are reserved."""
    while_starting: Literal["refuses-calls", "refuses-connections"]
    """After a restart, until all is loaded: calls that the runtime implements are refused; or nobody listens yet."""
    rpcs: Mapping[str, RpcAnswer]
    """The answer to each of the 43 RPCs, by its name."""
    identity: IdentityDialect
    image_volumes: ImageVolumeDialect
    wording: WordingSwitches
    status: StatusSwitches
    sandboxes: SandboxSwitches
    containers: ContainerSwitches
    exec_sync: ExecSwitches
    streaming: StreamingSwitches
    images: ImageSwitches
    logs: LogSwitches
    statistics: StatisticsSwitches
    deviations: tuple[Deviation, ...]
    reasons: Mapping[str, Reason]
    """Why a switch stands as it does, by its key in profile documents (`identity.knowsPolicy`)."""
