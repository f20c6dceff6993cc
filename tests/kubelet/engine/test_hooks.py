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
        PLACEHOLDER-80
        """,
    )
    story.check(
        story.versions(),
        """
        PLACEHOLDER-81
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
        PLACEHOLDER-82
        """,
    "Never": """
        PLACEHOLDER-83
        """,
}


def test_message_and_events_of_a_failing_post_start(story: Any, c: Any) -> None:
    hook = exec_hook("cat", "/no/such/file")
    story.pod(c("a", lifecycle={"postStart": hook}), terminationGracePeriodSeconds=2)
    story.until(lambda: story.waiting().startswith("PostStartHookError"))
    assert story.waiting() == (
        'PostStartHookError: Exec lifecycle hook ([cat /no/such/file]) for Container "a" in Pod "web_default(UID)" '
        "failed - error: command 'cat /no/such/file' exited with 1: cat: can't open '/no/such/file': No such file or "
        "directory\\n, message: \\"cat: can't open '/no/such/file': No such file or directory\\\\n\\""
    )
    story.check(
        story.events(),
        """
        PLACEHOLDER-84
        """,
    )


def test_sleeping_post_start(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"postStart": sleep_hook(4)}))
    story.run("10s")
    story.check(
        story.versions(),
        """
        PLACEHOLDER-85
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
        PLACEHOLDER-86
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
        PLACEHOLDER-87
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
        PLACEHOLDER-88
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
        PLACEHOLDER-89
        """,
    )


def test_a_container_that_ends_by_itself_runs_no_pre_stop(story: Any, c: Any) -> None:
    story.pod(c("a", lifecycle={"preStop": exec_hook("true")}), restartPolicy="Never")
    story.exit(0)
    story.run("10s")
    assert "ExecSync" not in story.calls()
