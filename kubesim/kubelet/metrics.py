"""The kubelet's metrics, as far as kubesim moves them.

Every metric is a row of METRICS; a name that is not there is a mistake in our code. Without labels a metric shows 0
from the start, with labels a series shows once it was touched: so does a real /metrics.

Mirrors kubelet: pkg/kubelet/metrics/metrics.go and pkg/kubelet/prober/prober_manager.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from kubesim.kubelet.metric_kinds import Histogram, Labels, Metric
from kubesim.kubelet.work_metrics import WORK_METRICS
from kubesim.policy.feature_gates import DEFAULT_GATES, gate_enabled

LOSING_SUPPORT = "kubelet_cri_losing_support"
SHUTDOWN_START = "kubelet_graceful_shutdown_start_time_seconds"
SHUTDOWN_END = "kubelet_graceful_shutdown_end_time_seconds"
ADMISSION_REJECTIONS = "kubelet_admission_rejections_total"
IMAGES_COLLECTED = "kubelet_image_garbage_collected_total"
IMAGE_VOLUMES_REQUESTED = "kubelet_image_volume_requested_total"
IMAGE_VOLUMES_MOUNTED = "kubelet_image_volume_mounted_succeed_total"
IMAGE_VOLUME_ERRORS = "kubelet_image_volume_mounted_errors_total"
RESTARTED_PODS = "kubelet_restarted_pods_total"
STARTED_CONTAINERS = "kubelet_started_containers_total"
STARTED_CONTAINER_ERRORS = "kubelet_started_containers_errors_total"
STARTED_PODS = "kubelet_started_pods_total"
STARTED_USER_NAMESPACED_PODS = "kubelet_started_user_namespaced_pods_total"
STARTED_USER_NAMESPACED_POD_ERRORS = "kubelet_started_user_namespaced_pods_errors_total"
STARTED_POD_ERRORS = "kubelet_started_pods_errors_total"
HTTP_HOOK_FALLBACKS = "kubelet_lifecycle_handler_http_fallbacks_total"
EVENTED_PLEG_CONNECTIONS = "kubelet_evented_pleg_connection_success_count"
EVENTED_PLEG_ERRORS = "kubelet_evented_pleg_connection_error_count"
PLEG_DISCARDED = "kubelet_pleg_discard_events"
EVICTIONS = "kubelet_evictions"
PREEMPTIONS = "kubelet_preemptions"
REQUESTED_RESIZES = "kubelet_container_requested_resizes_total"
PENDING_RESIZES = "kubelet_pod_pending_resizes"
INFEASIBLE_RESIZES = "kubelet_pod_infeasible_resizes_total"
IN_PROGRESS_RESIZES = "kubelet_pod_in_progress_resizes"
RESIZE_DURATION = "kubelet_pod_resize_duration_milliseconds"
DEFERRED_ACCEPTED_RESIZES = "kubelet_pod_deferred_accepted_resizes_total"
PROBES = "prober_probe_total"

_RESIZE_GATES = ("InPlacePodVerticalScaling",)
_RESIZE_BUCKETS = (10, 50, 100, 500, 1000, 2000, 5000, 10000, 20000, 30000, 60000, 120000, 300000, 600000)
_SHUTDOWN_GATES = ("GracefulNodeShutdown", "GracefulNodeShutdownBasedOnPodPriority")

METRICS: Mapping[str, Metric] = {
    **WORK_METRICS,
    LOSING_SUPPORT: Metric(
        kind="gauge",
        help="the Kubernetes version that the currently running CRI implementation will lose support on if not "
        "upgraded.",
        labels=("version",),
    ),
    SHUTDOWN_START: Metric(
        kind="gauge", help="Last graceful shutdown start time since unix epoch in seconds", gates=_SHUTDOWN_GATES
    ),
    SHUTDOWN_END: Metric(
        kind="gauge", help="Last graceful shutdown end time since unix epoch in seconds", gates=_SHUTDOWN_GATES
    ),
    ADMISSION_REJECTIONS: Metric(
        kind="counter", help="Cumulative number pod admission rejections by the Kubelet.", labels=("reason",)
    ),
    EVICTIONS: Metric(
        kind="counter",
        help="Cumulative number of pod evictions by eviction signal",
        labels=("eviction_signal",),
    ),
    PREEMPTIONS: Metric(
        kind="counter",
        help="Cumulative number of pod preemptions by preemption resource",
        labels=("preemption_signal",),
    ),
    IMAGES_COLLECTED: Metric(
        kind="counter",
        help="Total number of images garbage collected by the kubelet, whether through disk usage or image age.",
        labels=("reason",),
    ),
    IMAGE_VOLUMES_REQUESTED: Metric(
        kind="counter", help="Number of requested image volumes.", stability="BETA", gates=("ImageVolume",)
    ),
    IMAGE_VOLUMES_MOUNTED: Metric(
        kind="counter", help="Number of successful image volume mounts.", stability="BETA", gates=("ImageVolume",)
    ),
    IMAGE_VOLUME_ERRORS: Metric(
        kind="counter", help="Number of failed image volume mounts.", stability="BETA", gates=("ImageVolume",)
    ),
    EVENTED_PLEG_CONNECTIONS: Metric(
        kind="counter",
        help="The number of times a streaming client was obtained to receive CRI Events.",
        gates=("EventedPLEG",),
    ),
    EVENTED_PLEG_ERRORS: Metric(
        kind="counter",
        help="The number of errors encountered during the establishment of streaming connection with the CRI runtime.",
        gates=("EventedPLEG",),
    ),
    PLEG_DISCARDED: Metric(kind="counter", help="The number of discard events in PLEG."),
    RESTARTED_PODS: Metric(
        kind="counter",
        help="Number of pods that have been restarted because they were deleted and recreated with the same UID while "
        "the kubelet was watching them (common for static pods, extremely uncommon for API pods)",
        labels=("static",),
        preset=((("static", ""),), (("static", "true"),)),
    ),
    STARTED_CONTAINERS: Metric(
        kind="counter", help="Cumulative number of containers started", labels=("container_type",)
    ),
    STARTED_CONTAINER_ERRORS: Metric(
        kind="counter",
        help="Cumulative number of errors when starting containers",
        labels=("code", "container_type"),
    ),
    STARTED_PODS: Metric(kind="counter", help="Cumulative number of pods started"),
    STARTED_USER_NAMESPACED_PODS: Metric(
        kind="counter",
        help="Cumulative number of pods with user namespaces started. This metric will only be collected on Linux.",
        gates=("UserNamespacesSupport",),
    ),
    STARTED_USER_NAMESPACED_POD_ERRORS: Metric(
        kind="counter",
        help="Cumulative number of errors when starting pods with user namespaces. This metric will only be collected "
        "on Linux.",
        gates=("UserNamespacesSupport",),
    ),
    STARTED_POD_ERRORS: Metric(kind="counter", help="Cumulative number of errors when starting pods"),
    HTTP_HOOK_FALLBACKS: Metric(
        kind="counter",
        help="The number of times lifecycle handlers successfully fell back to http from https.",
    ),
    REQUESTED_RESIZES: Metric(
        kind="counter",
        help="Number of requested resizes, counted at the container level. Different resources on the same container "
        "are counted separately. The 'requirement' label refers to 'memory' or 'limits'; the 'operation' label can be "
        "one of 'add', 'remove', 'increase' or 'decrease'.",
        labels=("resource", "requirement", "operation"),
        gates=_RESIZE_GATES,
    ),
    RESIZE_DURATION: Metric(
        kind="histogram",
        help="Duration in milliseconds to actuate a pod resize",
        labels=("success",),
        gates=_RESIZE_GATES,
        buckets=_RESIZE_BUCKETS,
    ),
    PENDING_RESIZES: Metric(
        kind="gauge", help="Number of pending resizes for pods.", labels=("reason",), gates=_RESIZE_GATES
    ),
    INFEASIBLE_RESIZES: Metric(
        kind="counter",
        help="Number of infeasible resizes for pods.",
        labels=("reason_detail",),
        gates=_RESIZE_GATES,
    ),
    IN_PROGRESS_RESIZES: Metric(kind="gauge", help="Number of in-progress resizes for pods.", gates=_RESIZE_GATES),
    DEFERRED_ACCEPTED_RESIZES: Metric(
        kind="counter",
        help="Cumulative number of resizes that were accepted after being deferred.",
        labels=("retry_trigger",),
        gates=_RESIZE_GATES,
    ),
    PROBES: Metric(
        kind="counter",
        help="Cumulative number of a liveness, readiness or startup probe for a container by result.",
        labels=("container", "namespace", "pod", "pod_uid", "probe_type", "result"),
        stability="BETA",
    ),
}

_LABELS = {name: frozenset(row.labels) for name, row in METRICS.items()}


class Metrics:
    """The metrics of one kubelet process; a restarted kubelet begins with new ones."""

    def __init__(self, gates: Mapping[str, bool] = DEFAULT_GATES) -> None:
        self._shown = {
            name: row for name, row in METRICS.items() if all(gate_enabled(gates, gate) for gate in row.gates)
        }
        self._series: dict[str, dict[Labels, float]] = {}
        self._histograms: dict[str, dict[Labels, Histogram]] = {}
        self._fill: list[Callable[[], object]] = []
        for name, row in self._shown.items():
            if row.kind == "histogram":
                self._histograms[name] = {labels: Histogram(row.buckets) for labels in row.first_series}
            else:
                self._series[name] = dict.fromkeys(row.first_series, 0)

    def before_reading(self, fill: Callable[[], object]) -> None:
        """Whoever shows what is now, instead of counting what happens, is asked when somebody reads."""
        self._fill.append(fill)

    def freeze(self) -> None:
        """The process ends: what is shown stays as it is now."""
        self._read()
        self._fill.clear()

    def increase(self, name: str, times: int = 1, /, **labels: str) -> None:
        """Add one, or more. Does nothing for a metric whose gate is off."""
        key = _key(name, labels)
        series = self._series.get(name)
        if series is not None:
            series[key] = series.get(key, 0) + times

    def observe(self, name: str, value: float, times: int = 1, /, **labels: str) -> None:
        """Count an observation of a histogram, once or more. Does nothing for a metric whose gate is off."""
        assert METRICS[name].kind == "histogram", f"{name} is no histogram"
        key = _key(name, labels)
        series = self._histograms.get(name)
        if series is None:
            return
        if key not in series:
            series[key] = Histogram(METRICS[name].buckets)
        series[key].observe(value, times)

    def put(self, name: str, value: float, **labels: str) -> None:
        """Show a value. Does nothing for a metric whose gate is off."""
        assert METRICS[name].kind == "gauge", f"{name} is a counter and only increases"
        key = _key(name, labels)
        if name in self._series:
            self._series[name][key] = value

    def remove(self, name: str, **labels: str) -> None:
        """Take a series back; fine when it does not show."""
        key = _key(name, labels)
        self._series.get(name, {}).pop(key, None)
        self._histograms.get(name, {}).pop(key, None)

    def value(self, name: str, **labels: str) -> float | None:
        """What a series shows, None when it does not show."""
        return self._series.get(name, {}).get(_key(name, labels))

    def as_dict(self) -> dict[str, float]:
        """All series by name as /metrics writes them, sorted: `{'kubelet_cri_losing_support{version="1.37.0"}': 1}`.

        A histogram is a series for each bucket (`NAME_bucket{le="0.5"}`), and `NAME_sum` and `NAME_count`.
        """
        self._read()
        return {sample: value for name in sorted(self._shown) for sample, value in self._samples(name)}

    def render(self) -> str:
        """The text of /metrics. A metric without a series does not show at all."""
        self._read()
        lines = []
        for name in sorted(self._shown):
            samples = [f"{sample} {_go_float(value)}" for sample, value in self._samples(name)]
            if samples:
                row = self._shown[name]
                lines.append(f"# HELP {name} [{row.stability}] {row.help}")
                lines.append(f"# TYPE {name} {row.kind}")
                lines += samples
        return "".join(f"{line}\n" for line in lines)

    def _read(self) -> None:
        for fill in self._fill:
            fill()

    def _samples(self, name: str) -> Iterator[tuple[str, float]]:
        for labels, value in sorted(self._series.get(name, {}).items()):
            yield f"{name}{_braces(labels)}", value
        for labels, histogram in sorted(self._histograms.get(name, {}).items(), key=lambda one: one[0]):
            for bound, count in histogram.cumulative():
                yield f"{name}_bucket{_braces((*labels, ('le', _go_float(bound))))}", count
            yield f"{name}_sum{_braces(labels)}", histogram.sum
            yield f"{name}_count{_braces(labels)}", histogram.count


def _key(name: str, labels: Mapping[str, str]) -> Labels:
    if not labels and not _LABELS[name]:
        return ()
    named = METRICS[name].labels
    assert labels.keys() == _LABELS[name], f"{name} has the labels {named}, not {tuple(labels)}"
    # Already in order: most metrics have no label, or a single one.
    return tuple(labels.items()) if len(named) < 2 else tuple([(label, labels[label]) for label in named])


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _go_float(value: float) -> str:
    """A number as Prometheus' text format has it: 110 is `110`, 1767225600 is `1.7672256e+09`.

    Mirrors Go: strconv.FormatFloat(value, 'g', -1, 64), which prints exponents below -4 and above 5 as such.
    """
    if value == float("inf"):
        return "+Inf"
    number = Decimal(repr(float(value))).normalize()
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), f"{value} is no finite number"
    power = len(digits) - 1 + exponent
    if -4 <= power <= 5 or not number:
        return f"{number:f}"
    fraction = "".join(str(digit) for digit in digits[1:])
    mantissa = f"{'-' if sign else ''}{digits[0]}{'.' + fraction if fraction else ''}"
    return f"{mantissa}e{'+' if power > 0 else '-'}{abs(power):02d}"
