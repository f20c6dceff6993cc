"""KubeletConfiguration (kubelet.config.k8s.io/v1beta1) of Kubernetes 1.36: strict to read, complete to show.

Mirrors Kubernetes: staging/src/k8s.io/kubelet/config/v1beta1/types.go and pkg/kubelet/apis/config/v1beta1/defaults.go.
A field that is unset, and a value field that is zero, has its default after `load_kubelet_configuration`. Rules between
fields are the kubelet's (`kubesim.policy`), not this file's. Durations are Go texts: `kubesim.model.duration`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct, field

from kubesim.errors import InputError
from kubesim.model.convert import convert, convert_all_errors, error_at, join_errors
from kubesim.model.duration import format_duration, parse_duration
from kubesim.model.k8s_meta import Int32, Int64
from kubesim.model.k8s_v1 import Taint
from kubesim.model.kubelet_configuration_parts import (
    Authentication,
    Authorization,
    CrashLoopBackOff,
    Duration,
    Logging,
    MemoryReservation,
    MemorySwap,
    PriorityGracePeriod,
    Tracing,
    UserNamespaces,
    written,
)
from kubesim.model.paths import Path
from kubesim.model.yaml_text import Document

API_VERSION = "kubelet.config.k8s.io/v1beta1"

GATED_DEFAULTS_SINCE_MINOR = 35
"""From here on KubeletCrashLoopBackOffMax and KubeletEnsureSecretPulledImages are beta and on, with their defaults."""

_ALPHA_SINCE_MINOR = {"KubeletCrashLoopBackOffMax": 32, "KubeletEnsureSecretPulledImages": 33}

EVICTION_HARD = {
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
}
"""What a Linux kubelet uses when evictionHard is unset. Mirrors pkg/kubelet/eviction/defaults_linux.go."""

EVICTION_HARD_WINDOWS = {"imagefs.available": "15%", "memory.available": "500Mi", "nodefs.available": "10%"}
"""The same on Windows. Mirrors pkg/kubelet/eviction/defaults_windows.go."""


class KubeletConfiguration(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"
):
    """The configuration file of a kubelet; fields in upstream's order, which is that of /configz."""

    kind: Literal["KubeletConfiguration"] = written("KubeletConfiguration")
    api_version: Literal["kubelet.config.k8s.io/v1beta1"] = written("kubelet.config.k8s.io/v1beta1")
    enable_server: bool = written(True)
    static_pod_path: str = ""
    pod_logs_dir: str = written("/var/log/pods")
    sync_frequency: Duration = written("1m0s")
    file_check_frequency: Duration = written("20s")
    http_check_frequency: Duration = written("20s")
    static_pod_url: str = field(default="", name="staticPodURL")
    static_pod_url_header: dict[str, list[str]] = field(default_factory=dict, name="staticPodURLHeader")
    address: str = written("0.0.0.0")  # noqa: S104 - upstream's default; kubesim does not listen on it
    port: Int32 = written(10250)
    read_only_port: Int32 = 0
    tls_cert_file: str = ""
    tls_private_key_file: str = ""
    tls_cipher_suites: list[str] = field(default_factory=list)
    tls_curve_preferences: list[Int32] = field(default_factory=list)
    tls_min_version: str = ""
    rotate_certificates: bool = False
    server_tls_bootstrap: bool = field(default=False, name="serverTLSBootstrap")
    authentication: Authentication = field(default_factory=Authentication)
    authorization: Authorization = field(default_factory=Authorization)
    registry_pull_qps: Int32 = written(5, "registryPullQPS")
    registry_burst: Int32 = written(10)
    image_pull_credentials_verification_policy: str = ""
    preloaded_images_verification_allowlist: list[str] = field(default_factory=list)
    event_record_qps: Int32 = written(50, "eventRecordQPS")
    event_burst: Int32 = written(100)
    enable_debugging_handlers: bool = written(True)
    enable_contention_profiling: bool = False
    healthz_port: Int32 = written(10248)
    healthz_bind_address: str = written("127.0.0.1")
    oom_score_adj: Int32 = written(-999)
    cluster_domain: str = ""
    cluster_dns: list[str] = field(default_factory=list, name="clusterDNS")
    streaming_connection_idle_timeout: Duration = written("4h0m0s")
    node_status_update_frequency: Duration | None = None
    node_status_report_frequency: Duration | None = None
    node_lease_duration_seconds: Int32 = written(40)
    image_minimum_gc_age: Duration = written("2m0s", "imageMinimumGCAge")
    image_maximum_gc_age: Duration = written("0s", "imageMaximumGCAge")
    image_gc_high_threshold_percent: Int32 = written(85, "imageGCHighThresholdPercent")
    image_gc_low_threshold_percent: Int32 = written(80, "imageGCLowThresholdPercent")
    volume_stats_agg_period: Duration = written("1m0s")
    kubelet_cgroups: str = ""
    system_cgroups: str = ""
    cgroup_root: str = ""
    cgroups_per_qos: bool = written(True, "cgroupsPerQOS")
    cgroup_driver: str = written("cgroupfs")
    cpu_manager_policy: str = written("none")
    single_process_oom_kill: bool | None = field(default=None, name="singleProcessOOMKill")
    cpu_manager_policy_options: dict[str, str] = field(default_factory=dict)
    cpu_manager_reconcile_period: Duration = written("10s")
    memory_manager_policy: str = written("None")
    topology_manager_policy: str = written("none")
    topology_manager_scope: str = written("container")
    topology_manager_policy_options: dict[str, str] = field(default_factory=dict)
    qos_reserved: dict[str, str] = field(default_factory=dict)
    runtime_request_timeout: Duration = written("2m0s")
    hairpin_mode: str = written("promiscuous-bridge")
    max_pods: Int32 = written(110)
    pod_cidr: str = field(default="", name="podCIDR")
    pod_pids_limit: Int64 = written(-1)
    resolv_conf: str = written("/etc/resolv.conf")
    run_once: bool = False
    cpu_cfs_quota: bool = written(True, "cpuCFSQuota")
    cpu_cfs_quota_period: Duration = written("100ms", "cpuCFSQuotaPeriod")
    node_status_max_images: Int32 = written(50)
    max_open_files: Int64 = written(1000000)
    content_type: str = written("application/vnd.kubernetes.protobuf")
    kube_api_qps: Int32 = written(50, "kubeAPIQPS")
    kube_api_burst: Int32 = written(100, "kubeAPIBurst")
    serialize_image_pulls: bool | None = None
    max_parallel_image_pulls: Int32 | None = None
    eviction_hard: dict[str, str] | None = None
    eviction_soft: dict[str, str] = field(default_factory=dict)
    eviction_soft_grace_period: dict[str, str] = field(default_factory=dict)
    eviction_pressure_transition_period: Duration = written("5m0s")
    eviction_max_pod_grace_period: Int32 = 0
    eviction_minimum_reclaim: dict[str, str] = field(default_factory=dict)
    merge_default_eviction_settings: bool = written(False)
    pods_per_core: Int32 = 0
    enable_controller_attach_detach: bool = written(True)
    protect_kernel_defaults: bool = False
    make_iptables_util_chains: bool = written(True, "makeIPTablesUtilChains")
    iptables_masquerade_bit: Int32 = written(14)
    iptables_drop_bit: Int32 = written(15)
    feature_gates: dict[str, bool] = field(default_factory=dict)
    fail_swap_on: bool = written(True)
    memory_swap: MemorySwap = field(default_factory=MemorySwap)
    container_log_max_size: str = written("10Mi")
    container_log_max_files: Int32 = written(5)
    container_log_max_workers: Int32 = written(1)
    container_log_monitor_interval: Duration = written("10s")
    config_map_and_secret_change_detection_strategy: str = written("Watch")
    system_reserved: dict[str, str] = field(default_factory=dict)
    kube_reserved: dict[str, str] = field(default_factory=dict)
    reserved_system_cpus: str = field(default="", name="reservedSystemCPUs")
    show_hidden_metrics_for_version: str = ""
    system_reserved_cgroup: str = ""
    kube_reserved_cgroup: str = ""
    enforce_node_allocatable: list[str] = field(default_factory=lambda: ["pods"])
    allowed_unsafe_sysctls: list[str] = field(default_factory=list)
    volume_plugin_dir: str = written("/usr/libexec/kubernetes/kubelet-plugins/volume/exec/")
    provider_id: str = field(default="", name="providerID")
    kernel_memcg_notification: bool = False
    logging: Logging = field(default_factory=Logging)
    enable_system_log_handler: bool = written(True)
    enable_system_log_query: bool = written(False)
    shutdown_grace_period: Duration = written("0s")
    shutdown_grace_period_critical_pods: Duration = written("0s")
    shutdown_grace_period_by_pod_priority: list[PriorityGracePeriod] = field(default_factory=list)
    crash_loop_back_off: CrashLoopBackOff = field(default_factory=CrashLoopBackOff)
    reserved_memory: list[MemoryReservation] = field(default_factory=list)
    enable_profiling_handler: bool = written(True)
    enable_debug_flags_handler: bool = written(True)
    seccomp_default: bool = written(False)
    memory_throttling_factor: float = written(0.9)
    memory_reservation_policy: str = written("None")
    register_with_taints: list[Taint] = field(default_factory=list)
    register_node: bool = written(True)
    tracing: Tracing | None = None
    local_storage_capacity_isolation: bool = written(True)
    container_runtime_endpoint: str = written("unix:///run/containerd/containerd.sock")
    image_service_endpoint: str = ""
    fail_cgroup_v1: bool = written(True)
    user_namespaces: UserNamespaces | None = None


# Value fields whose zero Go's decoder cannot tell from "not set", so zero takes the default too.
_ZERO_IS_UNSET = frozenset(
    """
    pod_logs_dir sync_frequency file_check_frequency http_check_frequency address port cache_ttl mode
    cache_authorized_ttl cache_unauthorized_ttl registry_burst event_burst healthz_bind_address
    streaming_connection_idle_timeout node_lease_duration_seconds image_minimum_gc_age volume_stats_agg_period
    cgroup_driver cpu_manager_policy cpu_manager_reconcile_period memory_manager_policy topology_manager_policy
    topology_manager_scope runtime_request_timeout hairpin_mode max_pods max_open_files content_type kube_api_burst
    eviction_pressure_transition_period container_log_max_size config_map_and_secret_change_detection_strategy
    volume_plugin_dir memory_reservation_policy container_runtime_endpoint format flush_frequency
    """.split()  # noqa: SIM905 - a list literal takes a line for each name
)


def load_kubelet_configuration(
    document: Document, *, path: Path = (), minor: int = 36, os: str = "linux"
) -> KubeletConfiguration:
    """The configuration with all defaults filled in, durations in Go's own spelling.

    `minor` is the kubelet's minor version: two defaults belong to gates that older kubelets have off. `os` decides the
    default eviction thresholds. Raises InputError with all mistakes of unknown fields, types and durations.
    """
    errors = convert_all_errors(document, KubeletConfiguration, path=path)
    if errors:
        raise join_errors(errors)
    config = convert(document, KubeletConfiguration, path=path)
    config = _normalized(config, document, path, errors)
    if errors:
        raise join_errors(errors)
    return _derived(config, minor=minor, os=os)


def kubelet_configuration(values: dict[str, Any], *, minor: int = 36, os: str = "linux") -> KubeletConfiguration:
    """The same from a plain dict, as a scenario or the Python API gives it; apiVersion and kind may be left out."""
    return load_kubelet_configuration(Document(value=values, name="KubeletConfiguration"), minor=minor, os=os)


def effective(config: KubeletConfiguration) -> dict[str, Any]:
    """The object under `kubeletconfig` of the /configz endpoint, JSON-ready and in upstream's order."""
    shown: dict[str, Any] = msgspec.to_builtins(config)
    for name in ("enforceNodeAllocatable", "evictionHard"):
        if not shown.get(name):
            shown.pop(name, None)
    return shown


_S = TypeVar("_S", bound=Struct)


def _normalized(value: _S, document: Document, path: Path, errors: list[InputError]) -> _S:
    """Durations rewritten as Go prints them, and zeros that mean "not set" replaced, in this Struct and below."""
    changes: dict[str, Any] = {}
    for info in msgspec.structs.fields(type(value)):
        old = new = getattr(value, info.name)
        where = (*path, info.encode_name)
        if isinstance(old, Struct):
            new = _normalized(old, document, where, errors)
        elif isinstance(old, str) and _is_duration(value, info.name):
            new = _canonical_duration(old, document, where, errors)
        if info.name in _ZERO_IS_UNSET and new in (0, "", "0s"):
            new = info.default_factory()
        if new is not old:
            changes[info.name] = new
    return msgspec.structs.replace(value, **changes) if changes else value


def _is_duration(owner: Struct, name: str) -> bool:
    # Annotations of this module are kept as text, so the alias is still visible by its name.
    return str(type(owner).__annotations__[name]).startswith("Duration")


def _canonical_duration(text: str, document: Document, path: Path, errors: list[InputError]) -> str:
    try:
        return format_duration(parse_duration(text))
    except InputError as error:
        errors.append(error_at(document, path, error.what, hint=error.hint))
        return text


def _derived(config: KubeletConfiguration, *, minor: int, os: str) -> KubeletConfiguration:
    """Defaults that depend on another field, on the version or on the operating system."""
    update, report = config.node_status_update_frequency or "0s", config.node_status_report_frequency or "0s"
    if report == "0s":
        report = "5m0s" if update == "0s" else update
    parallel = config.max_parallel_image_pulls
    serialize = config.serialize_image_pulls
    back_off, verification = config.crash_loop_back_off, config.image_pull_credentials_verification_policy
    if _is_on(config, "KubeletCrashLoopBackOffMax", minor) and not back_off.max_container_restart_period:
        back_off = CrashLoopBackOff(max_container_restart_period="5m0s")
    if _is_on(config, "KubeletEnsureSecretPulledImages", minor):
        verification = verification or "NeverVerifyPreloadedImages"
    defaults = EVICTION_HARD_WINDOWS if os == "windows" else EVICTION_HARD
    eviction_hard = config.eviction_hard
    if eviction_hard is None or config.merge_default_eviction_settings:
        eviction_hard = {**defaults, **(eviction_hard or {})}
    return msgspec.structs.replace(
        config,
        node_status_update_frequency="10s" if update == "0s" else update,
        node_status_report_frequency=report,
        serialize_image_pulls=(parallel is None or parallel < 2) if serialize is None else serialize,
        crash_loop_back_off=back_off,
        image_pull_credentials_verification_policy=verification,
        eviction_hard=eviction_hard,
        pod_pids_limit=max(config.pod_pids_limit, -1),
        image_service_endpoint=config.image_service_endpoint or config.container_runtime_endpoint,
    )


def _is_on(config: KubeletConfiguration, gate: str, minor: int) -> bool:
    """Whether one of the two gates is on that defaults hang on; a gate that the version does not have is off."""
    is_beta = minor >= GATED_DEFAULTS_SINCE_MINOR
    if minor < _ALPHA_SINCE_MINOR[gate]:
        return False
    of_its_stage = config.feature_gates.get("AllBeta" if is_beta else "AllAlpha", is_beta)
    return config.feature_gates.get(gate, of_its_stage)
