"""The kubelet's metrics."""

import pytest

from kubesim.kubelet.metrics import (
    ADMISSION_REJECTIONS,
    IMAGE_VOLUMES_MOUNTED,
    LOSING_SUPPORT,
    METRICS,
    SHUTDOWN_END,
    SHUTDOWN_START,
    STARTED_CONTAINER_ERRORS,
    Metrics,
)
from kubesim.kubelet.work_metrics import CONTAINERS_PER_POD, PROBE_DURATION, RUNNING_PODS
from kubesim.policy.feature_gates import resolve_gates


def test_a_fresh_kubelet_shows_what_a_real_one_shows() -> None:
    """The names of a recorded /metrics, before anything happened."""
    shown = Metrics().as_dict()
    assert not any(shown.values())
    assert {name for name in shown if "_bucket{" not in name} == {
        "kubelet_containers_per_pod_count_count",
        "kubelet_containers_per_pod_count_sum",
        "kubelet_graceful_shutdown_end_time_seconds",
        "kubelet_graceful_shutdown_start_time_seconds",
        "kubelet_image_volume_mounted_errors_total",
        "kubelet_image_volume_mounted_succeed_total",
        "kubelet_image_volume_requested_total",
        "kubelet_lifecycle_handler_http_fallbacks_total",
        "kubelet_pleg_discard_events",
        "kubelet_pleg_last_seen_seconds",
        "kubelet_pleg_relist_duration_seconds_count",
        "kubelet_pleg_relist_duration_seconds_sum",
        "kubelet_pleg_relist_interval_seconds_count",
        "kubelet_pleg_relist_interval_seconds_sum",
        "kubelet_pod_in_progress_resizes",
        "kubelet_pod_start_duration_seconds_count",
        "kubelet_pod_start_duration_seconds_sum",
        'kubelet_restarted_pods_total{static=""}',
        'kubelet_restarted_pods_total{static="true"}',
        "kubelet_running_pods",
        "kubelet_started_pods_errors_total",
        "kubelet_started_pods_total",
        "kubelet_started_user_namespaced_pods_errors_total",
        "kubelet_started_user_namespaced_pods_total",
    }


def test_series_with_labels_show_once_they_are_touched() -> None:
    metrics = Metrics()
    metrics.increase(ADMISSION_REJECTIONS, reason="OutOfcpu")
    metrics.increase(ADMISSION_REJECTIONS, reason="OutOfcpu")
    metrics.increase(STARTED_CONTAINER_ERRORS, container_type="container", code="ErrImagePull")
    metrics.put(LOSING_SUPPORT, 1, version="1.37.0")
    shown = metrics.as_dict()

    assert shown['kubelet_admission_rejections_total{reason="OutOfcpu"}'] == 2
    assert shown['kubelet_started_containers_errors_total{code="ErrImagePull",container_type="container"}'] == 1
    assert shown['kubelet_cri_losing_support{version="1.37.0"}'] == 1
    assert metrics.value(ADMISSION_REJECTIONS, reason="OutOfcpu") == 2
    assert metrics.value(ADMISSION_REJECTIONS, reason="OutOfmemory") is None


def test_a_metric_whose_gate_is_off_is_not_there() -> None:
    metrics = Metrics(resolve_gates("1.36", {"GracefulNodeShutdownBasedOnPodPriority": False}))
    metrics.put(SHUTDOWN_START, 5)
    assert metrics.value(SHUTDOWN_START) is None
    assert not [name for name in metrics.as_dict() if "shutdown" in name]

    old = Metrics(resolve_gates("1.30"))
    old.increase(IMAGE_VOLUMES_MOUNTED)
    assert not [name for name in old.as_dict() if "image_volume" in name]


def test_a_histogram_counts_what_is_at_most_each_bound() -> None:
    metrics = Metrics()
    for value in (0.5, 1, 1.5, 20):
        metrics.observe(CONTAINERS_PER_POD, value)
    shown = metrics.as_dict()
    buckets = [shown[f'{CONTAINERS_PER_POD}_bucket{{le="{bound}"}}'] for bound in ("1", "2", "4", "8", "16", "+Inf")]
    assert buckets == [2, 3, 3, 3, 3, 4]
    assert (shown[f"{CONTAINERS_PER_POD}_sum"], shown[f"{CONTAINERS_PER_POD}_count"]) == (23, 4)
    lines = metrics.render().splitlines()
    assert f"# TYPE {CONTAINERS_PER_POD} histogram" in lines
    assert f'{CONTAINERS_PER_POD}_bucket{{le="+Inf"}} 4' in lines


def test_a_histogram_with_labels_comes_and_goes() -> None:
    metrics = Metrics()
    labels = {"container": "c", "namespace": "n", "pod": "p", "probe_type": "Liveness"}
    metrics.observe(PROBE_DURATION, 0.02, **labels)
    count = f'{PROBE_DURATION}_count{{container="c",namespace="n",pod="p",probe_type="Liveness"}}'
    assert metrics.as_dict()[count] == 1
    metrics.remove(PROBE_DURATION, **labels)
    assert not [name for name in metrics.as_dict() if name.startswith(PROBE_DURATION)]
    with pytest.raises(AssertionError, match="is no histogram"):
        metrics.observe(SHUTDOWN_START, 1)


def test_who_shows_what_is_now_is_asked_when_somebody_reads() -> None:
    metrics = Metrics()
    pods = [3]
    metrics.before_reading(lambda: metrics.put(RUNNING_PODS, pods[0]))
    assert metrics.as_dict()[RUNNING_PODS] == 3
    pods[0] = 4
    assert f"{RUNNING_PODS} 4" in metrics.render().splitlines()


def test_names_kinds_and_labels_are_checked() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.increase("kubelet_typo_total")
    with pytest.raises(AssertionError, match="has the labels"):
        metrics.increase(ADMISSION_REJECTIONS)
    with pytest.raises(AssertionError, match="only increases"):
        metrics.put(ADMISSION_REJECTIONS, 3, reason="x")


def test_the_text_form_is_that_of_prometheus() -> None:
    metrics = Metrics()
    metrics.put(SHUTDOWN_START, 1_767_225_600)
    metrics.increase(ADMISSION_REJECTIONS, reason='a"b\\c\nd')
    lines = metrics.render().splitlines()

    assert (
        "# HELP kubelet_admission_rejections_total [ALPHA] Cumulative number pod admission rejections by the Kubelet."
        in lines
    )
    assert "# TYPE kubelet_admission_rejections_total counter" in lines
    assert r'kubelet_admission_rejections_total{reason="a\"b\\c\nd"} 1' in lines
    assert "kubelet_graceful_shutdown_start_time_seconds 1.7672256e+09" in lines
    assert "# HELP kubelet_image_volume_requested_total [BETA] Number of requested image volumes." in lines
    assert not [line for line in lines if "cri_losing_support" in line]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (110, "110"),
        (0.25, "0.25"),
        (999_999, "999999"),
        (1_000_000, "1e+06"),
        (1_234_567.5, "1.2345675e+06"),
        (-2_000_000, "-2e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value: float, text: str) -> None:
    metrics = Metrics()
    metrics.put(SHUTDOWN_END, value)

    assert f"{SHUTDOWN_END} {text}" in metrics.render().splitlines()


def test_every_row_is_a_kubelet_metric_with_a_help_text() -> None:
    assert all(name.startswith(("kubelet_", "prober_")) and row.help for name, row in METRICS.items())
