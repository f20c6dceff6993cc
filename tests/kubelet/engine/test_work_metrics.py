"""What the metrics tell of the kubelet's work. Names, labels and texts were compared with a real kubelet's 1.36."""

import re
from collections.abc import Mapping
from typing import Any

from tests.kubelet.engine.refusing import refuse


def shown(story: Any, name: str) -> dict[str, float]:
    """The series of one metric by its labels; only what is not 0."""
    found: Mapping[str, float] = story.node.metrics()
    series = {key: value for key, value in found.items() if re.split(r"[{]", key)[0] == name}
    return {key.removeprefix(name): value for key, value in series.items() if value}


def test_pods_and_containers_by_state(story: Any, c: Any) -> None:
    story.pod(c("a"), c("b", "true"), restartPolicy="Never")
    story.pod(c("a", image="absent", imagePullPolicy="Never"), name="other")
    story.run("10s")
    assert shown(story, "kubelet_running_pods") == {"": 2}
    assert shown(story, "kubelet_running_containers") == {
        '{container_state="running"}': 1,
        '{container_state="exited"}': 1,
    }
    assert shown(story, "kubelet_desired_pods") == shown(story, "kubelet_active_pods") == {'{static=""}': 2}
    assert shown(story, "kubelet_working_pods") == {'{config="desired",lifecycle="sync",static=""}': 2}
    story.node.delete("default/other", grace_seconds=0)
    story.run("100ms")
    assert shown(story, "kubelet_working_pods") == {
        '{config="desired",lifecycle="sync",static=""}': 1,
        '{config="orphan",lifecycle="terminating",static=""}': 1,
    }


def test_calls_are_counted_and_timed(story: Any, c: Any) -> None:
    story.pod(c("a", readinessProbe={"exec": {"command": ["true"]}, "periodSeconds": 1}))
    story.run("10s")
    calls = shown(story, "kubelet_runtime_operations_total")
    entries = [entry.method for entry in story.node.journal]
    assert calls['{operation_type="run_podsandbox"}'] == 1
    assert calls['{operation_type="exec_sync"}'] == entries.count("ExecSync") > 5
    assert calls['{operation_type="list_containers"}'] == entries.count("ListContainers")
    took = shown(story, "kubelet_runtime_operations_duration_seconds_sum")
    assert took['{operation_type="pull_image"}'] > 0.01
    assert shown(story, "kubelet_runtime_operations_errors_total") == {}
    assert shown(story, "kubelet_run_podsandbox_duration_seconds_count") == {'{runtime_handler=""}': 1}


def test_calls_that_fail(story: Any, c: Any) -> None:
    refuse(story, "RunPodSandbox")
    story.pod(c("a"))
    story.run("1500ms")
    failed = [entry.method for entry in story.node.journal if entry.error is not None].count("RunPodSandbox")
    assert failed > 0
    assert shown(story, "kubelet_runtime_operations_errors_total") == {'{operation_type="run_podsandbox"}': failed}
    assert shown(story, "kubelet_run_podsandbox_errors_total") == {'{runtime_handler=""}': failed}


def test_a_pull_counts_by_the_size_of_its_image(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    assert shown(story, "kubelet_image_pull_duration_seconds_count") == {'{image_size_in_bytes="0-10MB"}': 1}


def test_successful_probes_are_timed(story: Any, c: Any) -> None:
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    story.pod(c("a", readinessProbe=probe, livenessProbe={**probe, "exec": {"command": ["false"]}}))
    story.run("2500ms")
    (series,) = shown(story, "prober_probe_duration_seconds_count")
    assert series == '{container="a",namespace="default",pod="web",probe_type="Readiness"}'
    story.node.delete("default/web", grace_seconds=1)
    story.run("10s")
    assert shown(story, "prober_probe_duration_seconds_count") == {}


def test_relists_are_timed(story: Any, c: Any) -> None:
    story.run("10s")
    assert 9 <= shown(story, "kubelet_pleg_relist_interval_seconds_count")[""] <= 11
    assert 0 <= story.node.now_ns // 10**9 - shown(story, "kubelet_pleg_last_seen_seconds")[""] <= 1


def test_the_start_of_a_pod_without_what_is_no_fault_of_the_node(story: Any, c: Any) -> None:
    """Pulls and init containers do not count for the SLI; a pod with a hostPath does not count at all."""
    story.pod(c("a"), initContainers=[c("i", "sleep", "7")])
    story.run("20s")
    total = shown(story, "kubelet_pod_start_total_duration_seconds_sum")[""]
    sli = shown(story, "kubelet_pod_start_sli_duration_seconds_sum")[""]
    assert total > 7
    assert sli < 1.5
    assert shown(story, "kubelet_pod_start_duration_seconds_count") == {"": 2}
    volume = {"name": "h", "hostPath": {"path": "/", "type": ""}}
    story.pod(c("a"), name="stateful", volumes=[volume])
    story.pod(c("a", image="absent", imagePullPolicy="Never"), name="never")
    story.run("20s")
    assert shown(story, "kubelet_pod_start_total_duration_seconds_count") == {"": 2}
    assert shown(story, "kubelet_pod_start_sli_duration_seconds_count") == {"": 1}
    assert shown(story, "kubelet_containers_per_pod_count_sum") == {"": 3}
