"""Configurations with which a kubelet does not start, and what it says."""

from typing import Any

import pytest
from msgspec.structs import replace

from kubesim.kubelet.node_configuration import image_policy, shutdown_config
from kubesim.model.kubelet_configuration import kubelet_configuration
from kubesim.model.kubelet_configuration_parts import CrashLoopBackOff
from kubesim.policy.feature_gates import DEFAULT_GATES, resolve_gates
from kubesim.policy.kubelet_configuration_problems import aggregated, configuration_problems

ENFORCE = "enforceNodeAllocatable (--enforce-node-allocatable)"
PERIOD = "CrashLoopBackOff.MaxContainerRestartPeriod"
POLICY = "imagePullCredentialsVerificationPolicy"
LIST = "preloadedImagesVerificationAllowlist"
SWAP_OFF = {"NodeSwap": False}
ENSURE_OFF = {"KubeletEnsureSecretPulledImages": False}


def problems(values: dict[str, Any], *, version: str = "1.36", os: str = "linux") -> list[str]:
    config = kubelet_configuration(values, minor=int(version.split(".")[1]), os=os)
    gates = resolve_gates(version, config.feature_gates)
    return configuration_problems(
        config, image=image_policy(config), shutdown=shutdown_config(config), gates=gates, os=os
    )


@pytest.mark.parametrize("version", ["1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36"])
@pytest.mark.parametrize("os", ["linux", "windows"])
def test_the_defaults_are_fine(version: str, os: str) -> None:
    assert problems({}, version=version, os=os) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nodeLeaseDurationSeconds": -1}, "nodeLeaseDurationSeconds must be greater than 0"),
        (
            {"systemCgroups": "/system"},
            "systemCgroups (--system-cgroups) was specified and cgroupRoot (--cgroup-root) was not specified",
        ),
        ({"eventBurst": -1}, "eventBurst (--event-burst) -1 must not be a negative number"),
        ({"eventRecordQPS": -2}, "eventRecordQPS (--event-qps) -2 must not be a negative number"),
        ({"healthzPort": 70000}, "healthzPort (--healthz-port) 70000 must be between 1 and 65535, inclusive"),
        (
            {"cpuCFSQuotaPeriod": "2s"},
            "cpuCFSQuotaPeriod (--cpu-cfs-quota-period) {2s} must be between 1ms and 1sec, inclusive",
        ),
        (
            {"imageGCHighThresholdPercent": 101},
            "imageGCHighThresholdPercent (--image-gc-high-threshold) 101 must be between 0 and 100, inclusive",
        ),
        (
            {"iptablesDropBit": 32},
            "iptablesDropBit (--iptables-drop-bit) 32 must be between 0 and 31, inclusive",
        ),
        (
            {"iptablesMasqueradeBit": -1},
            "iptablesMasqueradeBit (--iptables-masquerade-bit) -1 must be between 0 and 31, inclusive",
        ),
        ({"kubeAPIBurst": -1}, "kubeAPIBurst (--kube-api-burst) -1 must not be a negative number"),
        ({"kubeAPIQPS": -1}, "kubeAPIQPS (--kube-api-qps) -1 must not be a negative number"),
        ({"nodeStatusMaxImages": -2}, "nodeStatusMaxImages (--node-status-max-images) -2 must be -1 or greater"),
        ({"maxOpenFiles": -1}, "maxOpenFiles (--max-open-files) -1 must not be a negative number"),
        ({"maxPods": -1}, "maxPods (--max-pods) -1 must not be a negative number"),
        ({"oomScoreAdj": 1001}, "oomScoreAdj (--oom-score-adj) 1001 must be between -1000 and 1000, inclusive"),
        ({"podsPerCore": -1}, "podsPerCore (--pods-per-core) -1 must not be a negative number"),
        ({"port": 65536}, "port (--port) 65536 must be between 1 and 65535, inclusive"),
        ({"readOnlyPort": -1}, "readOnlyPort (--read-only-port) -1 must be between 0 and 65535, inclusive"),
        ({"registryBurst": -1}, "registryBurst (--registry-burst) -1 must not be a negative number"),
        ({"registryPullQPS": -1}, "registryPullQPS (--registry-qps) -1 must not be a negative number"),
        ({"maxParallelImagePulls": 0}, "maxParallelImagePulls 0 must be a positive number"),
        (
            {"maxParallelImagePulls": 2, "serializeImagePulls": True},
            (
                "maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) "
                "is set to false"
            ),
        ),
        ({"runOnce": True}, "runOnce (--runOnce) true, Runonce mode has been deprecated and should not be set"),
        (
            {"topologyManagerPolicy": "best"},
            (
                'topologyManagerPolicy (--topology-manager-policy) "best" must be one of: '
                '["none" "best-effort" "restricted" "single-numa-node"]'
            ),
        ),
        (
            {"topologyManagerScope": "node"},
            'topologyManagerScope (--topology-manager-scope) "node" must be one of: "container", or "pod"',
        ),
        (
            {"shutdownGracePeriod": "10s", "shutdownGracePeriodCriticalPods": "20s"},
            "shutdownGracePeriodCriticalPods {20s} must be <= shutdownGracePeriod {10s}",
        ),
        (
            {"memorySwap": {"swapBehavior": "Much"}},
            'memorySwap.swapBehavior "Much" must be one of: "", "LimitedSwap" or "NoSwap"',
        ),
        (
            {"crashLoopBackOff": {"maxContainerRestartPeriod": "500ms"}},
            f"{PERIOD} (got: 0.5 seconds) must be set between 1s and 300s",
        ),
        (
            {"crashLoopBackOff": {"maxContainerRestartPeriod": "10m"}},
            f"{PERIOD} (got: 600 seconds) must be set between 1s and 300s",
        ),
        (
            {
                "featureGates": {"KubeletCrashLoopBackOffMax": False},
                "crashLoopBackOff": {"maxContainerRestartPeriod": "9s"},
            },
            f"FeatureGate KubeletCrashLoopBackOffMax not enabled, {PERIOD} must not be set",
        ),
        ({"enforceNodeAllocatable": ["pods", "pods"]}, f'duplicated enforcements "pods" in {ENFORCE}'),
        (
            {"enforceNodeAllocatable": ["nodes"]},
            (
                f'option "nodes" specified for {ENFORCE}. Valid options are "pods", "system-reserved", '
                '"system-reserved-compressible", "kube-reserved", "kube-reserved-compressible" or "none"'
            ),
        ),
        (
            {"enforceNodeAllocatable": ["none", "pods"]},
            f'{ENFORCE} may not contain additional enforcements when "none" is specified',
        ),
        (
            {"enforceNodeAllocatable": ["kube-reserved"]},
            (
                'kubeReservedCgroup (--kube-reserved-cgroup) must be specified when "kube-reserved" or '
                f'"kube-reserved-compressible" included in {ENFORCE}'
            ),
        ),
        (
            {
                "enforceNodeAllocatable": ["system-reserved", "system-reserved-compressible"],
                "systemReservedCgroup": "/system",
            },
            f'both "system-reserved" and "system-reserved-compressible" cannot be specified together in {ENFORCE}',
        ),
        (
            {"cgroupsPerQOS": False},
            f'cgroupsPerQOS (--cgroups-per-qos) must be set to true when "pods" contained in {ENFORCE}',
        ),
        (
            {"hairpinMode": "never"},
            (
                'option "never" specified for hairpinMode (--hairpin-mode). Valid options are "none", "hairpin-veth" '
                'or "promiscuous-bridge"'
            ),
        ),
        (
            {POLICY: "Sometimes"},
            (
                f'option "Sometimes" specified for {POLICY}. Valid options are "NeverVerify", '
                '"NeverVerifyPreloadedImages", "NeverVerifyAllowlistedImages" or "AlwaysVerify"'
            ),
        ),
        (
            {LIST: ["a/b"]},
            (f'can\'t set `{LIST}` if `imagePullCredentialsVertificationPolicy` is not "NeverVerifyAllowlistedImages"'),
        ),
        (
            {POLICY: "AlwaysVerify", "featureGates": ENSURE_OFF},
            f"`{POLICY}` must not be set if KubeletEnsureSecretPulledImages feature gate is not enabled",
        ),
        (
            {"reservedSystemCPUs": "0-x"},
            (
                "unable to parse reservedSystemCPUs (--reserved-cpus) 0-x, error: "
                'strconv.Atoi: parsing "x": invalid syntax'
            ),
        ),
        (
            {"reservedSystemCPUs": "0,3-1"},
            'unable to parse reservedSystemCPUs (--reserved-cpus) 0,3-1, error: invalid range "3-1" (3 > 1)',
        ),
        (
            {"reservedSystemCPUs": "0", "kubeReservedCgroup": "/kube"},
            (
                "can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup "
                "(--system-reserved-cgroup) or kubeReservedCgroup (--kube-reserved-cgroup)"
            ),
        ),
        ({"userNamespaces": {"idsPerPod": 1}}, "userNamespaces.idsPerPod must not be less than 65536"),
        ({"userNamespaces": {"idsPerPod": 65537}}, "userNamespaces.idsPerPod must be a multiple of 65536"),
        ({"userNamespaces": {"idsPerPod": 1 << 32}}, "userNamespaces.idsPerPod must not be more than 4294967295"),
        (
            {"memoryThrottlingFactor": 1.5},
            "memoryThrottlingFactor 1.5 must be greater than 0 and less than or equal to 1.0",
        ),
        (
            {"memoryReservationPolicy": "TieredReservation"},
            'memoryReservationPolicy "TieredReservation" requires MemoryQoS feature gate to be enabled',
        ),
        (
            {"memoryReservationPolicy": "All"},
            ('option "All" specified for memoryReservationPolicy. Valid options are "None" or "TieredReservation"'),
        ),
        (
            {"enableSystemLogQuery": True, "enableSystemLogHandler": False},
            "enableSystemLogHandler is required for enableSystemLogQuery",
        ),
        ({"containerLogMaxWorkers": 0}, "containerLogMaxWorkers must be greater than or equal to 1"),
        (
            {"containerLogMonitorInterval": "2s"},
            "containerLogMonitorInterval must be a positive time duration greater than or equal to 3s",
        ),
        ({"containerLogMaxFiles": 1}, "containerLogMaxFiles must be greater than 1"),
        ({"podLogsDir": "logs"}, 'pod logs path "logs" must be absolute path'),
        ({"podLogsDir": "/a//b"}, 'pod logs path "/a//b" must be normalized'),
        ({"podLogsDir": "/é"}, 'pod logs path "/é" mut contains ASCII characters only'),
    ],
)
def test_one_problem(values: dict[str, Any], message: str) -> None:
    assert problems(values) == [f"invalid configuration: {message}"]


@pytest.mark.parametrize(
    ("version", "values", "message"),
    [
        (
            "1.35",
            {"cpuCFSQuotaPeriod": "10ms"},
            "cpuCFSQuotaPeriod (--cpu-cfs-quota-period) {10ms} requires feature gate CustomCPUCFSQuotaPeriod",
        ),
        (
            "1.29",
            {"memorySwap": {"swapBehavior": "LimitedSwap"}},
            "memorySwap.swapBehavior cannot be set when NodeSwap feature flag is disabled",
        ),
        (
            "1.34",
            {"crashLoopBackOff": {"maxContainerRestartPeriod": "10s"}},
            f"FeatureGate KubeletCrashLoopBackOffMax not enabled, {PERIOD} must not be set",
        ),
        (
            "1.29",
            {"imageMaximumGCAge": "1h"},
            "ImageMaximumGCAge feature gate is required for Kubelet configuration option imageMaximumGCAge",
        ),
        (
            "1.34",
            {LIST: ["a/b"]},
            f"`{LIST}` must not be set if KubeletEnsureSecretPulledImages feature gate is not enabled",
        ),
        ("1.35", {"enableSystemLogQuery": True}, "NodeLogQuery feature gate is required for enableSystemLogQuery"),
    ],
)
def test_one_problem_of_an_older_version(version: str, values: dict[str, Any], message: str) -> None:
    assert problems(values, version=version) == [f"invalid configuration: {message}"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("registry/*", None),
        ("registry/image", None),
        ("localhost:5000/image", None),
        (" a", "leading/trailing spaces are not allowed:  a"),
        ("", "the supplied pattern is too short: "),
        ("a/*/b", "not a valid wildcard pattern, only patterns ending with '/*' are allowed: a/*/b"),
        ("/*", "at least registry hostname is required"),
        ("a/b:1", "neither tag nor digest is accepted in an image reference: a/b:1"),
    ],
)
def test_patterns_of_preloaded_images(pattern: str, message: str | None) -> None:
    found = problems({POLICY: "NeverVerifyAllowlistedImages", LIST: [pattern]})
    wanted = [] if message is None else [f"invalid configuration: invalid image pattern in `{LIST}`: {message}"]
    assert found == wanted


@pytest.mark.parametrize(
    ("taint", "messages"),
    [
        ({"key": "example.com/a", "value": "b", "effect": "NoSchedule"}, []),
        ({"key": "a b", "effect": "NoSchedule"}, ["invalid taint: {a b  NoSchedule <nil>}"]),
        (
            {"key": "a", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"},
            ["invalid configuration: taint.TimeAdded is not nil"],
        ),
    ],
)
def test_taints(taint: dict[str, Any], messages: list[str]) -> None:
    assert problems({"registerWithTaints": [taint]}) == messages


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"singleProcessOOMKill": True}, "singleProcessOOMKill is not supported on Windows"),
        ({"userNamespaces": {"idsPerPod": 65536}}, "userNamespaces is not supported on Windows"),
    ],
)
def test_windows(values: dict[str, Any], message: str) -> None:
    assert problems(values, os="windows") == [f"invalid configuration: {message}"]
    assert problems(values, os="linux") == []


def test_all_problems_come_at_once() -> None:
    found = problems({"maxPods": -1, "port": 0, "containerLogMaxFiles": 1, "imageGCLowThresholdPercent": 90})
    assert aggregated(found) == (
        "[invalid configuration: imageGCLowThresholdPercent (--image-gc-low-threshold) 90 must be less than "
        "imageGCHighThresholdPercent (--image-gc-high-threshold) 85, "
        "invalid configuration: maxPods (--max-pods) -1 must not be a negative number, "
        "invalid configuration: containerLogMaxFiles must be greater than 1]"
    )
    assert aggregated(["one", "one"]) == "one"


def test_a_period_has_to_be_there_with_its_gate() -> None:
    config = replace(kubelet_configuration({}), crash_loop_back_off=CrashLoopBackOff())
    found = configuration_problems(
        config, image=image_policy(config), shutdown=shutdown_config(config), gates=DEFAULT_GATES
    )
    assert found == [f"invalid configuration: FeatureGate KubeletCrashLoopBackOffMax is enabled, {PERIOD} must be set"]


@pytest.mark.parametrize(
    ("value", "version", "found"),
    [
        (False, 1, ["singleProcessOOMKill must not be explicitly set to false when using cgroup v1"]),
        (True, 1, []),
        (None, 1, []),
        (False, 2, []),
    ],
)
def test_only_control_groups_of_version_2_end_as_a_whole(value: bool | None, version: int, found: list[str]) -> None:
    config = replace(kubelet_configuration({}), single_process_oom_kill=value)
    said = configuration_problems(
        config,
        image=image_policy(config),
        shutdown=shutdown_config(config),
        gates=DEFAULT_GATES,
        cgroup_version=version,
    )
    assert said == [f"invalid configuration: {one}" for one in found]


def test_what_is_right_at_the_limits() -> None:
    assert problems({"enforceNodeAllocatable": ["none"], "cgroupsPerQOS": False}) == []
    assert problems({"reservedSystemCPUs": "0-1,3"}) == []
    assert problems({"memorySwap": {"swapBehavior": "LimitedSwap"}}) == []
    assert problems({"featureGates": {"KubeletCrashLoopBackOffMax": True}}, version="1.34") == []
    assert problems({"crashLoopBackOff": {"maxContainerRestartPeriod": "1s"}}) == []
