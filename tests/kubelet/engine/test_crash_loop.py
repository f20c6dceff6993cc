"""CrashLoopBackOff: how long a container waits, and what is published meanwhile."""

from itertools import pairwise
from typing import Any


def test_back_off_doubles_from_10_to_300_seconds(story: Any, c: Any) -> None:
    """The container runs for 3 s each time. The wait starts when it ends and is at least the back-off.

    The pod worker looks again when the back-off is over, times 1.0 to 1.5, and never later than its resync of 60 s
    times 1.0 to 1.5; so the Waiting state shows early when the back-off is longer than that (00-observed, Status 1).
    """
    story.pod(c("a", "sleep", "3"))
    story.run("30m")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        3.900s phase=Running a: terminated Completed(0)
        3.958s phase=Running a: running ready last terminated Completed(0) restarts=1
        7.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=1
        19.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=1
        19.958s phase=Running a: running ready last terminated Completed(0) restarts=2
        23.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=2
        50.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=2
        50.958s phase=Running a: running ready last terminated Completed(0) restarts=3
        54.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=3
        94.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=3
        94.958s phase=Running a: running ready last terminated Completed(0) restarts=4
        98.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=4
        178.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=4
        178.958s phase=Running a: running ready last terminated Completed(0) restarts=5
        182.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=5
        245.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=5
        347.958s phase=Running a: running ready last terminated Completed(0) restarts=6
        351.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=6
        435.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=6
        673.958s phase=Running a: running ready last terminated Completed(0) restarts=7
        677.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=7
        743.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=7
        978.958s phase=Running a: running ready last terminated Completed(0) restarts=8
        982.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=8
        1070.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=8
        1302.958s phase=Running a: running ready last terminated Completed(0) restarts=9
        1306.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=9
        1391.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=9
        1626.958s phase=Running a: running ready last terminated Completed(0) restarts=10
        1630.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=10
        1710.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=10
        """,
    )


def test_waits_are_never_shorter_than_the_back_off(new_story: Any, c: Any) -> None:
    for seed in range(3):
        story = new_story(seed=seed)
        story.pod(c("a", "sleep", "3"))
        story.run("20m")
        starts = [one.time_ns / 1e9 for one in story.node.journal if one.method == "StartContainer"]
        waits = [later - earlier - 3 for earlier, later in pairwise(starts)]
        assert waits[0] < 1.2
        for wait, back_off in zip(waits[1:], (10, 20, 40, 80, 160, 300), strict=False):
            assert back_off <= wait < back_off + 92


def test_message_and_event(story: Any, c: Any) -> None:
    story.pod(c("a", "sleep", "3"))
    story.until(lambda: story.waiting().startswith("CrashLoopBackOff"))
    assert story.waiting() == "CrashLoopBackOff: back-off 10s restarting failed container=a pod=web_default(UID)"
    story.run("1s")
    story.check(
        story.events(),
        """
        Normal Pulling a: Pulling image "IMAGE"
        Normal Pulled a: Successfully pulled image "IMAGE" in 62ms (62ms including waiting). Image size: N bytes.
        Normal Created a (x3): Container created
        Normal Started a (x3): Container started
        Normal Pulled a (x2): Container image "IMAGE" already present on machine and can be accessed by the pod
        Warning BackOff a: Back-off restarting failed container a in pod web_default(UID)
        """,
    )


def test_a_long_run_resets_the_back_off(story: Any, c: Any) -> None:
    """A container that ran for more than 10 minutes since the last restart starts over: at once, then 10 s."""
    story.pod(c("a"))
    story.exit(1)
    story.run("2s")
    story.exit(1, after="11m")
    story.run("2s")
    story.exit(1)
    story.run("30s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        1.900s phase=Running a: terminated Error(1)
        1.958s phase=Running a: running ready last terminated Error(1) restarts=1
        663.900s phase=Running a: terminated Error(1) last terminated Error(1) restarts=1
        663.958s phase=Running a: running ready last terminated Error(1) restarts=2
        666.900s phase=Running a: terminated Error(1) last terminated Error(1) restarts=2
        677.900s phase=Running a: waiting CrashLoopBackOff last terminated Error(1) restarts=2
        677.958s phase=Running a: running ready last terminated Error(1) restarts=3
        """,
    )


def test_a_shorter_maximum_of_the_configuration(new_story: Any, c: Any) -> None:
    story = new_story(config={"crashLoopBackOff": {"maxContainerRestartPeriod": "5s"}})
    story.pod(c("a", "sleep", "3"))
    story.run("60s")
    starts = [
        round(one.time_ns / 1e9 - story.start_ns / 1e9, 1)
        for one in story.node.journal
        if one.method == "StartContainer"
    ]
    waits = [later - earlier - 3 for earlier, later in pairwise(starts)]
    assert len(waits) >= 5
    assert all(wait < 9 for wait in waits)


def test_deletion_in_the_back_off(story: Any, c: Any) -> None:
    story.pod(c("a", "sleep", "3"))
    story.run("12s")
    story.node.delete("default/web")
    story.run("5s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running ready
        3.900s phase=Running a: terminated Completed(0)
        3.958s phase=Running a: running ready last terminated Completed(0) restarts=1
        7.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=1
        12.000s phase=Running deleting a: terminated Completed(0) last terminated Completed(0) restarts=1
        12.135s phase=Succeeded deleting a: terminated Completed(0) last terminated Completed(0) restarts=1
        12.900s deleted phase=Succeeded deleting a: terminated Completed(0) last terminated Completed(0) restarts=1
        """,
    )
