"""Graceful shutdown on Linux: the groups, the story, the words."""

from collections.abc import Callable
from typing import Any

from kubesim.kubelet.node_shutdown_timeline import ShutdownPod
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.pod_view import PodPhase, PodStatusView, PodView
from kubesim.policy.shutdown_groups import ShutdownConfig

NewBench = Callable[..., Any]
SECOND = 10**9

START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z

TOTAL_30_CRITICAL_10 = ShutdownConfig(grace_period_ns=30 * SECOND, grace_period_critical_pods_ns=10 * SECOND)


def pod(name: str, *, priority: int | None = 0, grace: int | None = 30, is_static: bool = False) -> ShutdownPod:
    return ShutdownPod(
        uid=name, namespace="default", name=name, priority=priority, grace_seconds=grace, is_static=is_static
    )


THREE = (pod("p1", grace=30), pod("p2", grace=5), pod("c", priority=2_000_001_000, grace=60))


def test_the_worked_example_ends_early_when_the_pods_do(new_bench: NewBench) -> None:
    bench = new_bench(THREE, takes={"p1": 12, "p2": 5, "c": 8})
    assert bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.story() == [
        "0 shutdown detected golden (Shutdown manager detected shutdown event)",
        "0 group begins group 0 20 s (default/p1, default/p2)",
        "0 kill begins default/p1 20 s (priority 0, group 0; its own 30 s are cut to the group's 20 s)",
        "0 kill begins default/p2 5 s (priority 0, group 0; its own 5 s are within the group's 20 s)",
        "5 pod ended default/p2",
        "12 pod ended default/p1",
        "12 group done group 0 20 s (all pods ended and their volumes are unmounted after 12 s of 20 s)",
        "12 group begins group 2000000000 10 s (default/c)",
        (
            "12 kill begins default/c 10 s "
            "(priority 2000001000, group 2000000000; its own 60 s are cut to the group's 10 s)"
        ),
        "20 pod ended default/c",
        "20 group done group 2000000000 10 s (all pods ended and their volumes are unmounted after 8 s of 10 s)",
        "20 shutdown handled golden (every group is done or out of time)",
    ]
    assert bench.logind.power_off_ns == START + 20 * SECOND
    assert bench.pods.kills == [(0, "p1", 20), (0, "p2", 5), (12, "c", 10)]


def test_a_hanging_pod_costs_its_group_all_of_its_time_and_no_other_group(new_bench: NewBench) -> None:
    bench = new_bench(THREE, takes={"p1": 25, "p2": 5, "c": 12})
    bench.start()
    bench.shutdown()
    bench.until(60)
    story = bench.story()

    assert "20 group time is up group 0 20 s (still ending in the background: default/p1)" in story
    assert "25 pod ended default/p1" in story
    assert story[-2:] == [
        "30 shutdown handled golden (every group is done or out of time)",
        "32 pod ended default/c",
    ]
    assert bench.pods.kills[-1] == (20, "c", 10)
    assert bench.logind.power_off_ns == START + 30 * SECOND
    # The kubelet asked logind for exactly the time of all groups, so logind's time is up in the same instant, first.
    assert bench.logind.shutdowns[0].late == ("kubelet",)


def test_a_pod_that_outlives_one_and_a_half_times_its_grace_is_given_up(new_bench: NewBench) -> None:
    bench = new_bench([pod("p")], takes={"p": 100})
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert "30 pod not ended default/p (timeout waiting to kill pod)" in bench.story()
    assert (
        'I "Shutdown manager failed killing pod" pod="default/p" err="timeout waiting to kill pod"'
        in bench.klog.texts()
    )


def test_the_kubelet_says_what_a_real_one_says(new_bench: NewBench) -> None:
    bench = new_bench([pod("p", grace=5)])
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.klog.texts() == [
        (
            'I "Creating node shutdown manager" shutdownGracePeriodRequested="30s" '
            'shutdownGracePeriodCriticalPods="10s" '
            'shutdownGracePeriodByPodPriority=[{"Priority":0,"ShutdownGracePeriodSeconds":20},'
            '{"Priority":2000000000,"ShutdownGracePeriodSeconds":10}]'
        ),
        'I "Shutdown manager detected new shutdown event, isNodeShuttingDownNow" event=true',
        'I "Shutdown manager detected new shutdown event" event="shutdown"',
        'I "Shutdown manager processing shutdown event"',
        'I "Shutdown manager killing pod with gracePeriod" pod="default/p" gracePeriod=5',
        'I "Shutdown manager finished killing pod" pod="default/p"',
        'I "Done waiting for all pods in group to terminate" gracePeriod=20 priority=0',
        'I "Shutdown manager completed processing shutdown event, node will shutdown shortly"',
    ]
    assert bench.events.seen == [(0, "Shutdown", "Shutdown manager detected shutdown event")]


def test_the_node_is_not_ready_and_refuses_pods_from_the_signal_on(new_bench: NewBench) -> None:
    bench = new_bench([pod("p", grace=5)])
    bench.start()
    assert (bench.manager.is_shutting_down, bench.manager.error) == (False, "")
    bench.shutdown(at=3)
    bench.until(3.5)
    assert (bench.manager.is_shutting_down, bench.manager.error) == (True, "node is shutting down")
    assert bench.syncs == [3]
    bench.until(60)
    # After the lock is released nothing changes: the machine goes down.
    assert bench.manager.is_shutting_down


def test_every_pod_becomes_failed_with_a_disruption_target(new_bench: NewBench) -> None:
    bench = new_bench([pod("p")])
    bench.start()
    bench.shutdown()
    bench.until(60)
    (change,) = bench.pods.status_funcs
    assert change is not None
    view = PodView(name="p", namespace="default", uid="p", generation=3)
    running = change(view, PodStatusView(phase=PodPhase.RUNNING), DEFAULT_GATES)
    succeeded = change(view, PodStatusView(phase=PodPhase.SUCCEEDED), DEFAULT_GATES)

    assert (running.phase, succeeded.phase) == (PodPhase.FAILED, PodPhase.SUCCEEDED)
    assert running.reason == "Terminated"
    assert running.message == "Pod was terminated in response to imminent node shutdown."
    condition = running.condition("DisruptionTarget")
    assert condition is not None
    assert (condition.status, condition.reason, condition.observed_generation) == ("True", "TerminationByKubelet", 3)


def test_static_pods_without_a_priority_die_first_and_with_one_last(new_bench: NewBench) -> None:
    """kubernetes/kubernetes#113940, #133442: a class name without a number counts as 0."""
    config = ShutdownConfig(by_pod_priority=((0, 5), (1000, 5), (2_000_000_000, 5)))
    pods = [
        pod("middle", priority=1000),
        pod("static", priority=None, is_static=True),
        pod("static-critical", priority=2_000_001_000, is_static=True),
        pod("below", priority=-5),
    ]
    bench = new_bench(pods, config=config)
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.pods.kills == [(0, "static", 5), (0, "below", 5), (1, "middle", 5), (2, "static-critical", 5)]
    reasons = {entry.subject: entry.reason for entry in bench.manager.timeline if entry.step == "kill begins"}
    assert reasons["default/static"].startswith("a static pod without a priority counts as 0, group 0; ")


def test_a_pod_without_a_grace_of_its_own_gets_the_groups(new_bench: NewBench) -> None:
    bench = new_bench([pod("p", priority=None, grace=None)])
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.pods.kills == [(0, "p", 20)]
    assert (
        "0 kill begins default/p 20 s (a pod without a priority counts as 0, group 0; "
        "it has no grace of its own and gets the group's 20 s)" in bench.story()
    )


def test_a_group_with_no_seconds_does_not_wait(new_bench: NewBench) -> None:
    config = ShutdownConfig(by_pod_priority=((0, 0), (1000, 10)))
    bench = new_bench([pod("a"), pod("b", priority=1000)], config=config, takes={"a": 2})
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.pods.kills == [(0, "a", 0), (0, "b", 10)]
    assert "0 group time is up group 0 0 s (still ending in the background: default/a)" in bench.story()


def test_a_group_without_pods_takes_no_time(new_bench: NewBench) -> None:
    bench = new_bench([pod("c", priority=2_000_000_000)], takes={"c": 4})
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert [entry.subject for entry in bench.manager.timeline if entry.step == "group begins"] == ["group 2000000000"]
    assert bench.logind.power_off_ns == START + 4 * SECOND


def test_a_node_without_pods_goes_down_at_once(new_bench: NewBench) -> None:
    bench = new_bench()
    bench.start()
    bench.shutdown(at=1)
    bench.until(60)

    assert bench.logind.power_off_ns == START + 1 * SECOND


def test_a_group_waits_for_its_volumes_as_long_as_it_has_time(new_bench: NewBench) -> None:
    """kubernetes/kubernetes#115148: a CSI driver in the critical group must live until others are unmounted."""
    bench = new_bench([pod("db"), pod("csi", priority=2_000_001_000)], takes={"db": 3}, unmounts_at={"db": 9})
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.pods.kills == [(0, "db", 20), (9, "csi", 10)]


def test_volumes_that_stay_mounted_are_reported_and_do_not_hold_the_next_group(new_bench: NewBench) -> None:
    bench = new_bench([pod("db"), pod("csi", priority=2_000_001_000)], takes={"db": 3}, unmounts_at={"db": 45})
    bench.start()
    bench.shutdown()
    bench.until(60)

    assert bench.pods.kills[1] == (20, "csi", 10)
    story = bench.story()
    assert "20 group time is up group 0 20 s (all pods ended, volumes are mounted)" in story
    assert "20 volumes still mounted group 0 (default/db)" in story
    assert (
        'E "Failed while waiting for all the volumes belonging to Pods in this group to unmount" '
        'err="context deadline exceeded" pods=["default/db"]' in bench.klog.texts()
    )


def test_after_the_groups_time_volumes_are_looked_at_once(new_bench: NewBench) -> None:
    late = new_bench([pod("p")], takes={"p": 25}, unmounts_at={"p": 24})
    still = new_bench([pod("p")], takes={"p": 25}, unmounts_at={"p": 26})
    for bench in (late, still):
        bench.start()
        bench.shutdown()
        bench.until(60)

    assert not [row for row in late.story() if "still mounted" in row]
    assert "25 volumes still mounted group 0 (default/p)" in still.story()
