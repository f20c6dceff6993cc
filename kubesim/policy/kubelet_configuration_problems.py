"""What a kubelet says about a configuration with which it does not start: all problems at once, in its words and order.

Only the rules of `logging`, `tracing` and `showHiddenMetricsForVersion` are left out: nothing here depends on them.

Mirrors kubelet: pkg/kubelet/apis/config/validation/validation.go (ValidateKubeletConfiguration), validation_linux.go
and validation_windows.go. A `metav1.Duration` is printed as the struct that it is: `{30s}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from kubesim.model.duration import format_duration, parse_duration
from kubesim.model.k8s_v1 import Taint
from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.policy.feature_gates import gate_enabled
from kubesim.policy.go_path import go_clean
from kubesim.policy.go_quote import go_quote
from kubesim.policy.image_garbage import ImagePolicy, policy_problems
from kubesim.policy.shutdown_groups import ShutdownConfig, shutdown_config_problems

_MILLISECOND_NS = 1_000_000
_SECOND_NS = 1_000_000_000
_IDS_UNIT = 65_536
_IDS_MAX = 2**32 - 1
_QUALIFIED_NAME = re.compile(
    r"(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_TAINT_EFFECTS = {"", "NoSchedule", "PreferNoSchedule", "NoExecute"}
_TOPOLOGY_POLICIES = ("none", "best-effort", "restricted", "single-numa-node")
_HAIRPIN_MODES = ("none", "hairpin-veth", "promiscuous-bridge")
_VERIFICATION_POLICIES = ("NeverVerify", "NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages", "AlwaysVerify")
_RESERVATION_POLICIES = ("None", "TieredReservation")
_ENFORCEMENTS = (
    "pods",
    "system-reserved",
    "system-reserved-compressible",
    "kube-reserved",
    "kube-reserved-compressible",
    "none",
)


def configuration_problems(
    config: KubeletConfiguration,
    *,
    image: ImagePolicy,
    shutdown: ShutdownConfig,
    gates: Mapping[str, bool],
    os: str = "linux",
    cgroup_version: int = 2,
) -> list[str]:
    """The messages for an effective configuration; [] when all is well. `image` and `shutdown` are parts of it."""
    found = [
        *(f"invalid configuration: {one}" for one in _first_numbers(config)),
        *(f"invalid configuration: {one}" for one in _quota_period(config, gates)),
        *policy_problems(image, gates),
        *(f"invalid configuration: {one}" for one in _numbers(config)),
        *_taints(config.register_with_taints),
        *(f"invalid configuration: {one}" for one in _topology(config)),
        *shutdown_config_problems(shutdown, gates=gates),
    ]
    groups = (
        _swap(config, gates),
        _crash_loop(config, gates),
        _enforcements(config),
        _hairpin(config),
        _pulls(config, gates),
        _reserved_cpus(config),
        _operating_system(config, os, cgroup_version),
        _memory(config, gates),
        _logs(config, gates),
    )
    return [*found, *(f"invalid configuration: {one}" for group in groups for one in group)]


def aggregated(problems: Sequence[str]) -> str:
    """Several errors as one text. Mirrors apimachinery: pkg/util/errors/errors.go, aggregate.Error."""
    unique = list(dict.fromkeys(problems))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"


def _first_numbers(config: KubeletConfiguration) -> Iterator[str]:
    if config.node_lease_duration_seconds <= 0:
        yield "nodeLeaseDurationSeconds must be greater than 0"
    if config.system_cgroups and not config.cgroup_root:
        yield "systemCgroups (--system-cgroups) was specified and cgroupRoot (--cgroup-root) was not specified"
    yield from _not_negative("eventBurst", "--event-burst", config.event_burst)
    yield from _not_negative("eventRecordQPS", "--event-qps", config.event_record_qps)
    if config.healthz_port and not _is_port(config.healthz_port):
        yield f"healthzPort (--healthz-port) {config.healthz_port} must be between 1 and 65535, inclusive"


def _quota_period(config: KubeletConfiguration, gates: Mapping[str, bool]) -> Iterator[str]:
    period_ns = parse_duration(config.cpu_cfs_quota_period)
    what = f"cpuCFSQuotaPeriod (--cpu-cfs-quota-period) {{{format_duration(period_ns)}}}"
    if not gate_enabled(gates, "CustomCPUCFSQuotaPeriod"):
        if period_ns != 100 * _MILLISECOND_NS:
            yield f"{what} requires feature gate CustomCPUCFSQuotaPeriod"
    elif not _MILLISECOND_NS <= period_ns <= _SECOND_NS:
        yield f"{what} must be between 1ms and 1sec, inclusive"


def _numbers(config: KubeletConfiguration) -> Iterator[str]:
    for name, flag, bit in (
        ("iptablesDropBit", "--iptables-drop-bit", config.iptables_drop_bit),
        ("iptablesMasqueradeBit", "--iptables-masquerade-bit", config.iptables_masquerade_bit),
    ):
        if not 0 <= bit <= 31:
            yield f"{name} ({flag}) {bit} must be between 0 and 31, inclusive"
    yield from _not_negative("kubeAPIBurst", "--kube-api-burst", config.kube_api_burst)
    yield from _not_negative("kubeAPIQPS", "--kube-api-qps", config.kube_api_qps)
    if config.node_status_max_images < -1:
        yield (f"nodeStatusMaxImages (--node-status-max-images) {config.node_status_max_images} must be -1 or greater")
    yield from _not_negative("maxOpenFiles", "--max-open-files", config.max_open_files)
    yield from _not_negative("maxPods", "--max-pods", config.max_pods)
    if not -1000 <= config.oom_score_adj <= 1000:
        yield f"oomScoreAdj (--oom-score-adj) {config.oom_score_adj} must be between -1000 and 1000, inclusive"
    yield from _not_negative("podsPerCore", "--pods-per-core", config.pods_per_core)
    if not _is_port(config.port):
        yield f"port (--port) {config.port} must be between 1 and 65535, inclusive"
    if config.read_only_port and not _is_port(config.read_only_port):
        yield f"readOnlyPort (--read-only-port) {config.read_only_port} must be between 0 and 65535, inclusive"
    yield from _not_negative("registryBurst", "--registry-burst", config.registry_burst)
    yield from _not_negative("registryPullQPS", "--registry-qps", config.registry_pull_qps)
    parallel = config.max_parallel_image_pulls
    if parallel is not None and parallel < 1:
        yield f"maxParallelImagePulls {parallel} must be a positive number"
    if config.serialize_image_pulls and parallel is not None and parallel > 1:
        yield (
            "maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is "
            "set to false"
        )
    if config.run_once:
        yield "runOnce (--runOnce) true, Runonce mode has been deprecated and should not be set"


def _not_negative(name: str, flag: str, value: int) -> Iterator[str]:
    if value < 0:
        yield f"{name} ({flag}) {value} must not be a negative number"


def _is_port(number: int) -> bool:
    return 1 <= number <= 65535


def _taints(taints: Sequence[Taint]) -> Iterator[str]:
    for taint in taints:
        is_valid = (
            _QUALIFIED_NAME.fullmatch(taint.key)
            and _LABEL_VALUE.fullmatch(taint.value)
            and taint.effect in _TAINT_EFFECTS
        )
        if not is_valid:
            yield f"invalid taint: {{{taint.key} {taint.value} {taint.effect} {taint.time_added or '<nil>'}}}"
        if taint.time_added is not None:
            yield "invalid configuration: taint.TimeAdded is not nil"


def _topology(config: KubeletConfiguration) -> Iterator[str]:
    if config.topology_manager_policy not in _TOPOLOGY_POLICIES:
        listed = " ".join(go_quote(one) for one in _TOPOLOGY_POLICIES)
        policy = go_quote(config.topology_manager_policy)
        yield f"topologyManagerPolicy (--topology-manager-policy) {policy} must be one of: [{listed}]"
    if config.topology_manager_scope not in {"container", "pod"}:
        scope = go_quote(config.topology_manager_scope)
        yield f'topologyManagerScope (--topology-manager-scope) {scope} must be one of: "container", or "pod"'


def _swap(config: KubeletConfiguration, gates: Mapping[str, bool]) -> Iterator[str]:
    behavior = config.memory_swap.swap_behavior
    if not gate_enabled(gates, "NodeSwap"):
        if behavior:
            yield "memorySwap.swapBehavior cannot be set when NodeSwap feature flag is disabled"
    elif behavior not in {"", "NoSwap", "LimitedSwap"}:
        yield f'memorySwap.swapBehavior {go_quote(behavior)} must be one of: "", "LimitedSwap" or "NoSwap"'


def _crash_loop(config: KubeletConfiguration, gates: Mapping[str, bool]) -> Iterator[str]:
    text = config.crash_loop_back_off.max_container_restart_period
    what = "CrashLoopBackOff.MaxContainerRestartPeriod"
    if not gate_enabled(gates, "KubeletCrashLoopBackOffMax"):
        if text is not None:
            yield f"FeatureGate KubeletCrashLoopBackOffMax not enabled, {what} must not be set"
        return
    if text is None:
        yield f"FeatureGate KubeletCrashLoopBackOffMax is enabled, {what} must be set"
        return
    period_ns = parse_duration(text)
    if not _SECOND_NS <= period_ns // _MILLISECOND_NS * _MILLISECOND_NS <= 300 * _SECOND_NS:
        yield f"{what} (got: {period_ns / _SECOND_NS:g} seconds) must be set between 1s and 300s"


def _enforcements(config: KubeletConfiguration) -> Iterator[str]:
    asked = config.enforce_node_allocatable
    flag = "enforceNodeAllocatable (--enforce-node-allocatable)"
    for whole, part in (
        ("system-reserved", "system-reserved-compressible"),
        ("kube-reserved", "kube-reserved-compressible"),
    ):
        if whole in asked and part in asked:
            yield f'both "{whole}" and "{part}" cannot be specified together in {flag}'
    seen = set()
    for one in asked:
        if one in seen:
            yield f"duplicated enforcements {go_quote(one)} in {flag}"
            continue
        seen.add(one)
        if one not in _ENFORCEMENTS:
            *most, last = (go_quote(known) for known in _ENFORCEMENTS)
            yield f"option {go_quote(one)} specified for {flag}. Valid options are {', '.join(most)} or {last}"
            continue
        if one == "none":
            if len(asked) > 1:
                yield f'{flag} may not contain additional enforcements when "none" is specified'
            continue
        for owner, cgroup in (("system", config.system_reserved_cgroup), ("kube", config.kube_reserved_cgroup)):
            if one.startswith(f"{owner}-") and not cgroup:
                names = f'"{owner}-reserved" or "{owner}-reserved-compressible"'
                where = f"{owner}ReservedCgroup (--{owner}-reserved-cgroup)"
                yield f"{where} must be specified when {names} included in {flag}"
        if not config.cgroups_per_qos:
            yield f"cgroupsPerQOS (--cgroups-per-qos) must be set to true when {go_quote(one)} contained in {flag}"


def _hairpin(config: KubeletConfiguration) -> Iterator[str]:
    if config.hairpin_mode not in _HAIRPIN_MODES:
        first, second, third = (go_quote(one) for one in _HAIRPIN_MODES)
        yield (
            f"option {go_quote(config.hairpin_mode)} specified for hairpinMode (--hairpin-mode). "
            f"Valid options are {first}, {second} or {third}"
        )


def _pulls(config: KubeletConfiguration, gates: Mapping[str, bool]) -> Iterator[str]:
    policy, patterns = config.image_pull_credentials_verification_policy, config.preloaded_images_verification_allowlist
    if not gate_enabled(gates, "KubeletEnsureSecretPulledImages"):
        for name, value in (
            ("imagePullCredentialsVerificationPolicy", policy),
            ("preloadedImagesVerificationAllowlist", patterns),
        ):
            if value:
                gate = "KubeletEnsureSecretPulledImages feature gate"
                yield f"`{name}` must not be set if {gate} is not enabled"
        return
    if policy not in _VERIFICATION_POLICIES:
        *most, last = (go_quote(one) for one in _VERIFICATION_POLICIES)
        yield (
            f"option {go_quote(policy)} specified for imagePullCredentialsVerificationPolicy. "
            f"Valid options are {', '.join(most)} or {last}"
        )
    if patterns and policy != "NeverVerifyAllowlistedImages":
        # The misspelt name is upstream's.
        yield (
            "can't set `preloadedImagesVerificationAllowlist` if `imagePullCredentialsVertificationPolicy` is not "
            '"NeverVerifyAllowlistedImages"'
        )
        return
    problem = next(filter(None, map(_pattern_problem, patterns)), "")
    if problem:
        yield f"invalid image pattern in `preloadedImagesVerificationAllowlist`: {problem}"


def _pattern_problem(pattern: str) -> str:
    """Mirrors pullmanager/image_pull_policies.go, getAllowlistImagePattern; the words of a reference parser aside."""
    if pattern != pattern.strip():
        return f"leading/trailing spaces are not allowed: {pattern}"
    is_wildcard = pattern.endswith("/*")
    trimmed = pattern.removesuffix("*") if is_wildcard else pattern
    if not trimmed:
        return f"the supplied pattern is too short: {pattern}"
    if "*" in trimmed:
        return f"not a valid wildcard pattern, only patterns ending with '/*' are allowed: {pattern}"
    if is_wildcard:
        return "at least registry hostname is required" if trimmed == "/" else ""
    if "@" in trimmed or ":" in trimmed.rpartition("/")[2]:
        return f"neither tag nor digest is accepted in an image reference: {pattern}"
    return ""


def _reserved_cpus(config: KubeletConfiguration) -> Iterator[str]:
    cpus = config.reserved_system_cpus
    if not cpus:
        return
    if config.system_reserved_cgroup or config.kube_reserved_cgroup:
        yield (
            "can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup (--system-reserved-cgroup) or "
            "kubeReservedCgroup (--kube-reserved-cgroup)"
        )
    problem = next(filter(None, map(_cpu_range_problem, cpus.split(","))), "")
    if problem:
        yield f"unable to parse reservedSystemCPUs (--reserved-cpus) {cpus}, error: {problem}"


def _cpu_range_problem(text: str) -> str:
    """Mirrors k8s.io/utils: cpuset/cpuset.go, Parse."""
    bounds = text.split("-", 1)
    for bound in bounds:
        if not re.fullmatch(r"[+-]?[0-9]+", bound):
            return f"strconv.Atoi: parsing {go_quote(bound)}: invalid syntax"
    if len(bounds) == 2 and int(bounds[0]) > int(bounds[1]):
        return f"invalid range {go_quote(text)} ({int(bounds[0])} > {int(bounds[1])})"
    return ""


def _operating_system(config: KubeletConfiguration, os: str, cgroup_version: int) -> Iterator[str]:
    """The first problem only, as upstream returns at it."""
    ids = config.user_namespaces.ids_per_pod if config.user_namespaces is not None else None
    what = "userNamespaces.idsPerPod must"
    if os == "windows":
        if config.single_process_oom_kill is not None:
            yield "singleProcessOOMKill is not supported on Windows"
        elif config.user_namespaces is not None:
            yield "userNamespaces is not supported on Windows"
    elif cgroup_version == 1 and config.single_process_oom_kill is False:
        yield "singleProcessOOMKill must not be explicitly set to false when using cgroup v1"
    elif ids is not None:
        if ids < _IDS_UNIT:
            yield f"{what} not be less than {_IDS_UNIT}"
        elif ids % _IDS_UNIT:
            yield f"{what} be a multiple of {_IDS_UNIT}"
        elif ids > _IDS_MAX:
            yield f"{what} not be more than {_IDS_MAX}"


def _memory(config: KubeletConfiguration, gates: Mapping[str, bool]) -> Iterator[str]:
    if not 0 < config.memory_throttling_factor <= 1:
        factor = f"{config.memory_throttling_factor:g}"
        yield f"memoryThrottlingFactor {factor} must be greater than 0 and less than or equal to 1.0"
    policy = config.memory_reservation_policy
    if policy == "TieredReservation" and not gate_enabled(gates, "MemoryQoS"):
        yield f"memoryReservationPolicy {go_quote(policy)} requires MemoryQoS feature gate to be enabled"
    if policy not in _RESERVATION_POLICIES:
        first, second = (go_quote(one) for one in _RESERVATION_POLICIES)
        valid = f"Valid options are {first} or {second}"
        yield f"option {go_quote(policy)} specified for memoryReservationPolicy. {valid}"


def _logs(config: KubeletConfiguration, gates: Mapping[str, bool]) -> Iterator[str]:
    if config.enable_system_log_query and not gate_enabled(gates, "NodeLogQuery"):
        yield "NodeLogQuery feature gate is required for enableSystemLogQuery"
    if config.enable_system_log_query and not config.enable_system_log_handler:
        yield "enableSystemLogHandler is required for enableSystemLogQuery"
    if config.container_log_max_workers < 1:
        yield "containerLogMaxWorkers must be greater than or equal to 1"
    if parse_duration(config.container_log_monitor_interval) < 3 * _SECOND_NS:
        yield "containerLogMonitorInterval must be a positive time duration greater than or equal to 3s"
    if config.container_log_max_files <= 1:
        yield "containerLogMaxFiles must be greater than 1"
    folder = config.pod_logs_dir
    if not folder.startswith("/"):
        yield f"pod logs path {go_quote(folder)} must be absolute path"
    if folder != go_clean(folder):
        yield f"pod logs path {go_quote(folder)} must be normalized"
    if not folder.isascii():
        yield f"pod logs path {go_quote(folder)} mut contains ASCII characters only"
