"""Probes that run a command: when they run, what they change, and when they end."""

from collections.abc import Callable
from typing import Any

import pytest

CALLS = {"ExecSync", "StopContainer", "StartContainer"}


def probe(*command: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"command": list(command)}, **more}


def unhealthy(story: Any) -> str:
    return "\n".join(line for line in story.events().splitlines() if "Unhealthy" in line or "Killing" in line)


@pytest.fixture
def old_story(new_story: Callable[..., Any]) -> Any:
    """A story whose kubelet has been up for so long that a worker probes at once."""
    story = new_story()
    story.run("5m")
    story.start_ns = story.node.now_ns
    return story


def test_a_startup_probe_comes_first(old_story: Any, c: Any) -> None:
    old_story.pod(
        c(
            "a",
            *("sh", "-c", "sleep 5; touch /tmp/up; exec sleep 1h"),
            startupProbe=probe("cat", "/tmp/up", periodSeconds=2, failureThreshold=8),
            readinessProbe=probe("true", periodSeconds=2),
            livenessProbe=probe("true", periodSeconds=20),
        )
    )
    old_story.run("12s")
    old_story.check(
        old_story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running
        6.060s phase=Running a: running ready
        """,
    )
    old_story.check(
        old_story.calls(methods=CALLS),
        """
        0.180s StartContainer a/0
        2.000s ExecSync a/0
        4.000s ExecSync a/0
        6.000s ExecSync a/0
        6.030s ExecSync a/0
        8.030s ExecSync a/0
        10.030s ExecSync a/0
        """,
    )
    old_story.check(
        unhealthy(old_story),
        """
        Warning Unhealthy a (x2): Startup probe failed: cat: can't open '/tmp/up': No such file or directory
        """,
    )


def test_liveness_failure_restarts_the_container_in_the_same_sync(old_story: Any, c: Any) -> None:
    old_story.pod(
        c("a", livenessProbe=probe("cat", "/nothing", periodSeconds=2, failureThreshold=2)),
        terminationGracePeriodSeconds=2,
    )
    old_story.run("30s")
    old_story.check(
        old_story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        6.123s phase=Running a: running ready last terminated Error(137) restarts=1
        12.123s phase=Running a: running ready last terminated Error(137) restarts=2
        18.900s phase=Running a: waiting CrashLoopBackOff last terminated Error(137) restarts=2
        """,
    )
    old_story.check(
        unhealthy(old_story),
        """
        Warning Unhealthy a (x6): Liveness probe failed: cat: can't open '/nothing': No such file or directory
        Normal Killing a (x3): Container a failed liveness probe, will be restarted
        """,
    )


def test_startup_failure_without_a_restart(old_story: Any, c: Any) -> None:
    old_story.pod(
        c("a", startupProbe=probe("false", periodSeconds=2, failureThreshold=2)),
        restartPolicy="Never",
        terminationGracePeriodSeconds=2,
    )
    old_story.run("20s")
    old_story.check(
        old_story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running
        6.201s phase=Running a: terminated Error(137)
        7.900s phase=Failed a: terminated Error(137)
        """,
    )
    old_story.check(
        unhealthy(old_story),
        """
        Warning Unhealthy a (x2): Startup probe failed:
        Normal Killing a: Stopping container a
        """,
    )


@pytest.mark.parametrize(("seconds", "timeout"), [(7, 7), (None, 30)])
def test_the_grace_of_a_probe_counts_for_its_kill(old_story: Any, c: Any, seconds: int | None, timeout: int) -> None:
    more = {} if seconds is None else {"terminationGracePeriodSeconds": seconds}
    old_story.pod(c("a", livenessProbe=probe("false", periodSeconds=1, failureThreshold=1, **more)))
    old_story.run("50s")
    stops = old_story.calls(methods={"StopContainer"}).splitlines()
    assert stops[0].endswith(f"StopContainer a/0 timeout={timeout}")


def test_a_command_that_takes_too_long_failed(old_story: Any, c: Any) -> None:
    old_story.pod(c("a", readinessProbe=probe("sleep", "30", periodSeconds=5, timeoutSeconds=2)))
    old_story.run("12s")
    assert unhealthy(old_story) == (
        'Warning Unhealthy a (x3): Readiness probe failed: command timed out: "sleep 30" timed out after 2s'
    )
    assert old_story.of("a")["ready"] is False


def test_a_command_that_is_not_there_is_tried_three_times_and_counts_for_nothing(old_story: Any, c: Any) -> None:
    old_story.pod(c("a", livenessProbe=probe("/no/such", periodSeconds=10, failureThreshold=1)))
    old_story.run("9s")
    # One tick before there was a container, and none since.
    assert old_story.calls(methods={"ExecSync"}) == ""
    old_story.run("3s")
    assert len(old_story.calls(methods={"ExecSync"}).splitlines()) == 3
    assert "Liveness probe errored and resulted in unknown state: rpc error: code = Unknown" in unhealthy(old_story)
    old_story.run("60s")
    assert "StopContainer" not in old_story.calls()


def test_the_words_of_an_older_kubelet(new_story: Callable[..., Any], c: Any) -> None:
    story = new_story(kubelet_version="1.30")
    story.pod(c("a", readinessProbe=probe("/no/such", periodSeconds=2)))
    story.run("9s")
    assert "Readiness probe errored: rpc error: code = Unknown" in unhealthy(story)
    assert "resulted in" not in unhealthy(story)


def test_literal_variables_are_expanded(old_story: Any, c: Any) -> None:
    env = [{"name": "FILE", "value": "/x"}, {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    old_story.pod(c("a", env=env, readinessProbe=probe("echo", "$(FILE)", "$(NAME)", "$(OTHER)", periodSeconds=1)))
    old_story.run("5s")
    asked = [entry.as_dict()["request"]["cmd"] for entry in old_story.node.journal if entry.method == "ExecSync"]
    assert asked[0] == ["echo", "/x", "", "$(OTHER)"]


def test_the_first_delay(old_story: Any, c: Any) -> None:
    old_story.pod(c("a", readinessProbe=probe("true", periodSeconds=1, initialDelaySeconds=6)))
    old_story.run("15s")
    first = old_story.calls(methods={"ExecSync"}).splitlines()[0]
    old_story.check(
        first,
        """
        5.900s ExecSync a/0
        """,
    )


def test_a_young_kubelet_spreads_the_first_probes_by_its_seed(new_story: Callable[..., Any], c: Any) -> None:
    def first(seed: int) -> str:
        story = new_story(seed=seed)
        story.pod(c("a", livenessProbe=probe("true", periodSeconds=30)))
        story.run("60s")
        return str(story.calls(methods={"ExecSync"}).splitlines()[0].partition("s")[0])

    times = [first(seed) for seed in (1, 1, 2, 3)]
    assert times[0] == times[1]
    assert len(set(times)) == 3


def test_only_readiness_goes_on_while_a_pod_is_ended(old_story: Any, c: Any) -> None:
    old_story.pod(
        c(
            "a",
            *("sh", "-c", "trap 'rm /tmp/up; sleep 5; exit 0' TERM; touch /tmp/up; while true; do sleep 1; done"),
            readinessProbe=probe("cat", "/tmp/up", periodSeconds=1, failureThreshold=1),
            livenessProbe=probe("echo", "alive", periodSeconds=1),
        ),
    )
    old_story.run("5s")
    old_story.node.delete("default/web")
    began_ns = old_story.node.now_ns
    old_story.run("20s")
    asked = [
        entry.as_dict()["request"]["cmd"][0]
        for entry in old_story.node.journal
        if entry.method == "ExecSync" and entry.time_ns > began_ns
    ]
    assert set(asked) == {"cat"}
    assert old_story.node.pods() == []
    old_story.check(
        old_story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running
        0.261s phase=Running a: running ready
        5.000s phase=Running deleting a: running ready
        5.261s phase=Running deleting a: running
        10.390s phase=Succeeded deleting a: terminated Completed(0)
        10.900s deleted phase=Succeeded deleting a: terminated Completed(0)
        """,
    )


def test_the_next_init_container_waits_for_the_startup_probe_of_a_sidecar(old_story: Any, c: Any) -> None:
    sidecar = c(
        "s",
        *("sh", "-c", "sleep 4; touch /tmp/up; exec sleep 1h"),
        restartPolicy="Always",
        startupProbe=probe("cat", "/tmp/up", periodSeconds=1, failureThreshold=30),
        readinessProbe=probe("true", periodSeconds=1),
    )
    old_story.pod(c("a"), initContainers=[sidecar, c("i", "true")])
    old_story.run("15s")
    old_story.check(
        old_story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending s: waiting PodInitializing i: waiting PodInitializing a: waiting PodInitializing
        0.231s phase=Pending s: running i: waiting PodInitializing a: waiting PodInitializing
        5.060s phase=Pending s: running ready i: waiting PodInitializing a: waiting PodInitializing
        5.088s phase=Pending s: running ready i: running a: waiting PodInitializing
        5.900s phase=Pending s: running ready i: terminated Completed(0) ready a: waiting PodInitializing
        5.958s phase=Running s: running ready i: terminated Completed(0) ready a: running ready
        """,
    )


def test_a_container_that_was_ready_stays_so_over_a_restart_of_the_kubelet(old_story: Any, c: Any) -> None:
    old_story.pod(
        c("a", startupProbe=probe("true", periodSeconds=1), readinessProbe=probe("cat", "/tmp/x", periodSeconds=5)),
        c("b", "sh", "-c", "exec sleep 1h"),
    )
    old_story.node.advance("5s")
    old_story.node.exec("default/web", ["touch", "/tmp/x"])
    old_story.run("60s")
    assert old_story.of("a")["ready"] is True
    before = len(old_story.node.versions("default/web"))
    old_story.node.restart_kubelet(down_for="5s")
    old_story.run("60s")
    later = old_story.node.versions("default/web")[before:]
    assert all(row["ready"] and row["started"] for version in later for row in version["status"]["containerStatuses"])


def test_metrics_count_runs_while_the_worker_lives(old_story: Any, c: Any) -> None:
    old_story.pod(c("a", livenessProbe=probe("true", periodSeconds=2)))
    old_story.run("9s")
    shown = {name: value for name, value in old_story.node.metrics().items() if name.startswith("prober_probe_total")}
    ((name, value),) = shown.items()
    assert 'container="a",namespace="default",pod="web"' in name
    assert name.endswith('probe_type="Liveness",result="successful"}')
    assert value == 4
    old_story.node.delete("default/web", grace_seconds=1)
    old_story.run("20s")
    assert not [name for name in old_story.node.metrics() if name.startswith("prober_probe_total")]


@pytest.mark.parametrize("kind", ["readinessProbe", "livenessProbe"])
def test_nobody_probes_a_container_that_has_ended_for_good(old_story: Any, c: Any, kind: str) -> None:
    old_story.pod(c("a", "sleep", "5", **{kind: probe("true", periodSeconds=1)}), restartPolicy="Never")
    old_story.until(lambda: old_story.status()["phase"] == "Succeeded")
    ended_ns = old_story.node.now_ns
    old_story.run("60s")
    assert old_story.calls(methods={"ExecSync"}, since_ns=ended_ns) == ""
    # Until the kubelet learns of the end it asks in vain.
    answered = [line for line in old_story.calls(methods={"ExecSync"}).splitlines() if "->" not in line]
    assert len(answered) == 5


def test_a_worker_goes_on_with_the_next_container(old_story: Any, c: Any) -> None:
    command = ("sh", "-c", "touch /tmp/up; sleep 4; exit 1")
    old_story.pod(c("a", *command, readinessProbe=probe("cat", "/tmp/up", periodSeconds=1)))
    old_story.run("15s")
    old_story.check(
        old_story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running
        0.261s phase=Running a: running ready
        4.900s phase=Running a: terminated Error(1)
        4.958s phase=Running a: running last terminated Error(1) restarts=1
        4.988s phase=Running a: running ready last terminated Error(1) restarts=1
        9.900s phase=Running a: terminated Error(1) last terminated Error(1) restarts=1
        10.900s phase=Running a: waiting CrashLoopBackOff last terminated Error(1) restarts=1
        """,
    )


def test_the_words_of_a_failure_are_counted_in_one_event(old_story: Any, c: Any) -> None:
    old_story.pod(c("a", readinessProbe=probe("sh", "-c", "echo ill; echo very >&2; exit 1", periodSeconds=1)))
    old_story.run("8s")
    (event,) = (one for one in old_story.node.events if one["reason"] == "Unhealthy")
    assert event["message"] == "Readiness probe failed: ill\nvery\n"
    assert event["count"] in range(7, 12)
    assert event["involvedObject"]["fieldPath"] == "spec.containers{a}"
