"""Rows of the metrics that tell of the kubelet's own work: its calls, its relists, its pods and how long they take.

Mirrors kubelet: pkg/kubelet/metrics/metrics.go.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.kubelet.metric_kinds import Metric, exponential_buckets

ACTIVE_PODS = "kubelet_active_pods"
CONTAINERS_PER_POD = "kubelet_containers_per_pod_count"
DESIRED_PODS = "kubelet_desired_pods"
IMAGE_PULL_DURATION = "kubelet_image_pull_duration_seconds"
PLEG_LAST_SEEN = "kubelet_pleg_last_seen_seconds"
PLEG_RELIST_DURATION = "kubelet_pleg_relist_duration_seconds"
PLEG_RELIST_INTERVAL = "kubelet_pleg_relist_interval_seconds"
POD_START_DURATION = "kubelet_pod_start_duration_seconds"
POD_START_SLI_DURATION = "kubelet_pod_start_sli_duration_seconds"
POD_START_TOTAL_DURATION = "kubelet_pod_start_total_duration_seconds"
PROBE_DURATION = "prober_probe_duration_seconds"
RUNNING_CONTAINERS = "kubelet_running_containers"
RUNNING_PODS = "kubelet_running_pods"
RUNTIME_OPERATION_DURATION = "kubelet_runtime_operations_duration_seconds"
RUNTIME_OPERATION_ERRORS = "kubelet_runtime_operations_errors_total"
RUNTIME_OPERATIONS = "kubelet_runtime_operations_total"
SANDBOX_DURATION = "kubelet_run_podsandbox_duration_seconds"
SANDBOX_ERRORS = "kubelet_run_podsandbox_errors_total"
WORKING_PODS = "kubelet_working_pods"

_MINUTES = (60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600)
_START_BUCKETS = (0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, *_MINUTES)
_PULL_BUCKETS = (1, 5, 10, 20, 30, *_MINUTES)

WORK_METRICS: Mapping[str, Metric] = {
    ACTIVE_PODS: Metric(
        kind="gauge",
        help="The number of pods the kubelet considers active and which are being considered when admitting new pods. "
        "static is true if the pod is not from the apiserver.",
        labels=("static",),
    ),
    CONTAINERS_PER_POD: Metric(
        kind="histogram", help="The number of containers per pod.", buckets=exponential_buckets(1, 2, 5)
    ),
    DESIRED_PODS: Metric(
        kind="gauge",
        help="The number of pods the kubelet is being instructed to run. static is true if the pod is not from the "
        "apiserver.",
        labels=("static",),
    ),
    IMAGE_PULL_DURATION: Metric(
        kind="histogram",
        help="Duration in seconds to pull an image.",
        labels=("image_size_in_bytes",),
        buckets=_PULL_BUCKETS,
    ),
    PLEG_LAST_SEEN: Metric(kind="gauge", help="Timestamp in seconds when PLEG was last seen active."),
    PLEG_RELIST_DURATION: Metric(kind="histogram", help="Duration in seconds for relisting pods in PLEG."),
    PLEG_RELIST_INTERVAL: Metric(kind="histogram", help="Interval in seconds between relisting in PLEG."),
    POD_START_DURATION: Metric(
        kind="histogram",
        help="Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run",
        buckets=_START_BUCKETS,
    ),
    POD_START_SLI_DURATION: Metric(
        kind="histogram",
        help="Duration in seconds to start a pod, excluding time to pull images and run init containers, measured from "
        "pod creation timestamp to when all its containers are reported as started and observed via watch",
        buckets=_START_BUCKETS,
        is_vector=True,
    ),
    POD_START_TOTAL_DURATION: Metric(
        kind="histogram",
        help="Duration in seconds to start a pod since creation, including time to pull images and run init "
        "containers, measured from pod creation timestamp to when all its containers are reported as started and "
        "observed via watch",
        buckets=_START_BUCKETS,
        is_vector=True,
    ),
    PROBE_DURATION: Metric(
        kind="histogram",
        help="Duration in seconds for a probe response.",
        labels=("container", "namespace", "pod", "probe_type"),
    ),
    RUNNING_CONTAINERS: Metric(
        kind="gauge", help="Number of containers currently running", labels=("container_state",)
    ),
    RUNNING_PODS: Metric(kind="gauge", help="Number of pods that have a running pod sandbox"),
    RUNTIME_OPERATIONS: Metric(
        kind="counter", help="Cumulative number of runtime operations by operation type.", labels=("operation_type",)
    ),
    RUNTIME_OPERATION_DURATION: Metric(
        kind="histogram",
        help="Duration in seconds of runtime operations. Broken down by operation type.",
        labels=("operation_type",),
        buckets=exponential_buckets(0.005, 2.5, 14),
    ),
    RUNTIME_OPERATION_ERRORS: Metric(
        kind="counter",
        help="Cumulative number of runtime operation errors by operation type.",
        labels=("operation_type",),
    ),
    SANDBOX_DURATION: Metric(
        kind="histogram",
        help="Duration in seconds of the run_podsandbox operations. Broken down by RuntimeClass.Handler.",
        labels=("runtime_handler",),
    ),
    SANDBOX_ERRORS: Metric(
        kind="counter",
        help="Cumulative number of the run_podsandbox operation errors by RuntimeClass.Handler.",
        labels=("runtime_handler",),
    ),
    WORKING_PODS: Metric(
        kind="gauge",
        help="Number of pods the kubelet is actually running, broken down by lifecycle phase, whether the pod is "
        "desired, orphaned, or runtime only (also orphaned), and whether the pod is static. An orphaned pod has been "
        "removed from local configuration or force deleted in the API and consumes resources that are not otherwise "
        "visible.",
        labels=("config", "lifecycle", "static"),
    ),
}
