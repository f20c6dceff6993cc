"""The gate EventedPLEG: the runtime tells what happens, pods are listed every five minutes, and what ends that."""

from typing import Any

CONFIG = {
    "clusterDNS": ["10.96.0.10"],
    "clusterDomain": "cluster.local",
    "featureGates": {"EventedPLEG": True},
}
SUCCESSES = "kubelet_evented_pleg_connection_success_count"
ERRORS = "kubelet_evented_pleg_connection_error_count"


def relists(story: Any, since_ns: int) -> int:
    """How often all pods were listed."""
    return sum(
        one.method == "ListPodSandbox" and not one.request.HasField("filter") and one.time_ns >= since_ns
        for one in story.node.journal
    )


def test_an_exit_is_seen_when_it_happens(new_story: Any, c: Any) -> None:
    """Without the gate it would be seen by the relist of the next second."""
    story = new_story(config=CONFIG)
    story.pod(c("a", "sleep", "5.3"), restartPolicy="Never")
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        5.550s phase=Running a: terminated Completed(0)
        10.035s phase=Succeeded a: terminated Completed(0)
        """,
    )


def test_pods_are_listed_every_five_minutes(new_story: Any, c: Any) -> None:
    """Twice in ten minutes. The collector of images lists them twice as often, and that of containers every minute."""
    story = new_story(config=CONFIG)
    story.pod(c("a"))
    story.run("10s")
    start_ns = story.node.now_ns
    story.run("10m")
    assert relists(story, start_ns) == 2 + 4 + 10
    assert story.is_running("a")
    ready = next(one for one in story.node.status()["status"]["conditions"] if one["type"] == "Ready")
    assert ready["status"] == "True"


def test_a_life_of_crashes_and_deletion(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    story.pod(c("a", "sh", "-c", "sleep 2; exit 1"), terminationGracePeriodSeconds=1)
    story.run("60s")
    assert story.of("a")["restartCount"] >= 2
    story.node.delete("default/web")
    story.run("30s")
    assert story.node.pods() == []
    assert story.node.runtime.statistics().containers == 0


def test_after_five_streams_pods_are_listed_every_second(new_story: Any, c: Any) -> None:
    """A runtime that is away refuses the streams one after the other: the first restart of it is the end."""
    story = new_story(config=CONFIG)
    story.pod(c("a"))
    story.run("10s")
    metrics = story.node.metrics()
    assert (metrics[SUCCESSES], metrics[ERRORS]) == (1, 0)
    story.node.restart_runtime(down_for="5s")
    story.run("20s")
    metrics = story.node.metrics()
    assert (metrics[SUCCESSES], metrics[ERRORS]) == (1, 5)
    start_ns = story.node.now_ns
    story.run("9900ms")
    assert relists(story, start_ns) == 10
    assert story.is_running("a")


def test_a_runtime_that_sends_none_is_listed_from_the_start(new_story: Any, c: Any) -> None:
    """CRI-O ends the stream at once unless enable_pod_events is set."""
    story = new_story(config=CONFIG, profile="cri-o-1.36")
    story.pod(c("a", "sleep", "5.3"), restartPolicy="Never")
    story.run("20s")
    assert story.node.metrics()[ERRORS] == 5
    assert story.status()["phase"] == "Succeeded"


def test_pods_of_an_earlier_kubelet_are_found(new_story: Any, c: Any) -> None:
    story = new_story(config=CONFIG)
    story.pod(c("a", "sleep", "12"))
    story.run("10s")
    story.node.restart_kubelet()
    story.run("10s")
    assert story.of("a")["restartCount"] == 1


def test_a_stream_that_breaks_does_not_move_the_beat_of_the_relists(new_story: Any) -> None:
    """Pods are listed at once, beside the relists of every five minutes."""
    story = new_story(config=CONFIG)
    node = story.node
    story.run("4900ms")
    node.restart_runtime(down_for="0s")
    story.run("11m")
    interval = "kubelet_pleg_relist_interval_seconds"
    assert (node.metrics()[f"{interval}_count"], node.metrics()[f"{interval}_sum"]) == (3, 600)
    listed_ns = [one.time_ns - node.journal[0].time_ns for one in node.journal if one.method == "ListPodSandbox"]
    # The collectors of containers and images list every minute, and all relists but one are at their instants.
    assert [since_ns / 1e9 for since_ns in listed_ns if since_ns % (60 * 10**9)] == [5.0]
