"""postStart and preStop: exec and sleep hooks, and what becomes of a container when they fail."""

from typing import Any

import pytest

CALLS = {"StartContainer", "ExecSync", "StopContainer"}


def exec_hook(*command: str) -> dict[str, Any]:
    return {"exec": {"command": list(command)}}


def sleep_hook(seconds: int) -> dict[str, Any]:
    return {"sleep": {"seconds": seconds}}


def test_post_start_holds_up_the_next_container(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"postStart": exec_hook("sleep", "3")}), c("b"))
    story.run("10s")
    story.check(
        story.calls(methods=CALLS),
        """
        0.180s StartContainer a/0
        0.230s ExecSync a/0
        3.267s StartContainer b/0
        """,
    )
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        3.318s phase=Running a: running ready b: running ready
        """,
    )


@pytest.mark.parametrize("policy", ["Always", "Never"])
def test_failing_post_start(story: Any, c: Any, policy: str) -> None:
    story.pod(
        c("a", lifecycle={"postStart": exec_hook("cat", "/no/such/file")}),
        restartPolicy=policy,
        terminationGracePeriodSeconds=2,
    )
    story.run("30s")
    story.check(story.versions(), GOLDEN_POST_START[policy])


GOLDEN_POST_START = {
    "Always": """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        2.900s phase=Running a: waiting PostStartHookError last terminated Error(137)
        5.900s phase=Running a: waiting PostStartHookError last terminated Error(137) restarts=1
        6.900s phase=Running a: waiting CrashLoopBackOff last terminated Error(137) restarts=1
        20.900s phase=Running a: waiting PostStartHookError last terminated Error(137) restarts=2
        21.900s phase=Running a: waiting CrashLoopBackOff last terminated Error(137) restarts=2
        """,
    "Never": """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        2.900s phase=Pending a: terminated Error(137)
        4.035s phase=Failed a: terminated Error(137)
        """,
}


def test_message_and_events_of_a_failing_post_start(story: Any, c: Any) -> None:
    hook = exec_hook("cat", "/no/such/file")
    story.pod(c("a", lifecycle={"postStart": hook}), terminationGracePeriodSeconds=2)
    story.until(lambda: story.waiting().startswith("PostStartHookError"))
    assert story.waiting() == (
        'PostStartHookError: Exec lifecycle hook ([cat /no/such/file]) for Container "a" in Pod "web_default(UID)" '
        "failed - error: command 'cat /no/such/file' exited with 1: cat: can't open '/no/such/file': No such file or "
        "directory\n, message: \"cat: can't open '/no/such/file': No such file or directory\\n\""
    )
    story.check(
        story.events(),
        """
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a: Container created
        Normal Started a: Container started
        Warning FailedPostStartHook a: PostStartHook failed
        Normal Killing a: FailedPostStartHook
        Normal Pulled a: Container image "IMAGE" already present on machine and can be accessed by the pod
        """,
    )


def test_sleeping_post_start(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"postStart": sleep_hook(4)}))
    story.run("10s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        4.231s phase=Running a: running ready
        """,
    )


def test_pre_stop_runs_first_and_its_time_is_deducted(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"preStop": exec_hook("sleep", "3")}), terminationGracePeriodSeconds=10)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.calls(methods=CALLS),
        """
        0.180s StartContainer a/0
        5.000s ExecSync a/0
        8.030s StopContainer a/0 timeout=7
        """,
    )


def test_pre_stop_that_outlives_the_grace_period_leaves_two_seconds(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"preStop": exec_hook("sleep", "1h")}), terminationGracePeriodSeconds=5)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.calls(methods={"StopContainer", "StopPodSandbox"}),
        """
        10.000s StopContainer a/0 timeout=2
        12.035s StopPodSandbox
        12.903s StopPodSandbox
        """,
    )
    assert story.node.pods() == []


def test_failing_pre_stop_does_not_stop_the_kill(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"preStop": exec_hook("cat", "/no/such/file")}), terminationGracePeriodSeconds=2)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.events(),
        """
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a: Container created
        Normal Started a: Container started
        Normal Killing a: Stopping container a
        Warning FailedPreStopHook a: PreStopHook failed
        """,
    )
    assert story.node.pods() == []


def test_sleeping_pre_stop(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"preStop": sleep_hook(2)}), terminationGracePeriodSeconds=10)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    story.check(
        story.calls(methods={"StopContainer", "StopPodSandbox"}),
        """
        7.000s StopContainer a/0 timeout=8
        15.035s StopPodSandbox
        15.903s StopPodSandbox
        """,
    )


def test_a_container_that_ends_by_itself_runs_no_pre_stop(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"preStop": exec_hook("true")}), restartPolicy="Never")
    story.exit(0)
    story.run("10s")
    assert "ExecSync" not in story.calls()


def test_a_hook_that_fails_at_once_still_finds_the_traps_of_its_container(story: Any, c: Any) -> None:
    """Between the start of a process and the signal that ends it lies the work of the runtime."""
    polite = ("sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done")
    story.pod(c("a", *polite, lifecycle={"postStart": {"tcpSocket": {"port": 80}}}), terminationGracePeriodSeconds=2)
    story.run("4s")
    assert story.of("a")["lastState"]["terminated"]["exitCode"] == 0
