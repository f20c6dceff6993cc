"""The runtime is away for minutes: what the node says, that nothing is synced meanwhile, and what comes right after."""

from typing import Any

SKIPPING = 'E "Skipping pod synchronization"'


def ready(story: Any) -> str:
    """The condition Ready of the node."""
    condition = next(one for one in story.node.status()["status"]["conditions"] if one["type"] == "Ready")
    return f"{condition['status']} {condition['reason']}: {condition['message']}"


def node_events(story: Any) -> list[str]:
    """The node's Events about its being ready, in order of their first time, and how often each was written."""
    found = [one for one in story.node.events if one["reason"] in {"NodeReady", "NodeNotReady"}]
    return [f"{one['reason']} x{one['count']}" for one in found]


def test_the_node_tells_when_the_runtime_is_down_and_the_pleg_is_ill(story: Any, c: Any) -> None:
    """Down after 30 s without an answer to Status, and ill after 3 min without a relist; the node tells every 10 s."""
    story.pod(c("a"))
    story.run("10s")
    story.node.restart_runtime(down_for="4m")
    seen: list[str] = []
    for second in range(11, 270):
        story.run("1s")
        line = ready(story).partition(" ago")[0]
        # The age of the last relist is another one each time.
        if not seen or seen[-1].partition(" ")[2][:90] != line[:90]:
            seen.append(f"{second}s {line}")
    story.check(
        "\n".join(seen),
        """
        11s True KubeletReady: kubelet is posting ready status
        42s False KubeletNotReady: container runtime is down
        195s False KubeletNotReady: [container runtime is down, PLEG is not healthy: pleg was last seen active
            3m4.217935253s
        256s True KubeletReady: kubelet is posting ready status
        """,
    )
    assert node_events(story) == ["NodeReady x2", "NodeNotReady x1"]
    assert story.is_running("a")
    assert story.of("a")["restartCount"] == 0


def test_what_ends_meanwhile_is_seen_afterwards(story: Any, c: Any) -> None:
    story.pod(c("a", "sleep", "30"), c("b"))
    story.run("10s")
    story.node.restart_runtime(down_for="2m")
    story.run("3m")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating b: waiting ContainerCreating
        0.288s phase=Running a: running ready b: running ready
        136.200s phase=Running a: terminated Completed(0) b: running ready
        136.258s phase=Running a: running ready last terminated Completed(0) restarts=1 b: running ready
        166.900s phase=Running a: terminated Completed(0) last terminated Completed(0) restarts=1 b: running ready
        179.900s phase=Running a: waiting CrashLoopBackOff last terminated Completed(0) restarts=1 b: running ready
        179.958s phase=Running a: running ready last terminated Completed(0) restarts=2 b: running ready
        """,
    )


def test_pods_that_come_while_the_runtime_is_down_wait_for_the_sync_loop(story: Any, c: Any) -> None:
    """The loop skips: such a pod has no status at all until the runtime is back, and is not even admitted."""
    story.run("10s")
    story.node.restart_runtime(down_for="60s")
    story.run("45s")
    story.pod(c("a"))
    story.run("10s")
    assert "containerStatuses" not in story.status()
    assert any(line.startswith(f'{SKIPPING} err="container runtime is down"') for line in story.node.log)
    story.run("30s")
    assert story.is_running("a")


def test_within_half_a_minute_pods_are_synced_and_fail(story: Any, c: Any) -> None:
    """A short outage is no reason to skip: what is due is tried, and tried again."""
    story.pod(c("a"), terminationGracePeriodSeconds=1)
    story.run("10s")
    story.node.restart_runtime(down_for="20s")
    story.run("5s")
    story.node.delete("default/web")
    story.run("60s")
    assert story.node.pods() == []
    assert not any(line.startswith(SKIPPING) for line in story.node.log)


def test_a_runtime_that_lost_a_container_has_it_started_again(story: Any, c: Any) -> None:
    """It ran when the daemon went, and its process is dead when it comes back."""
    story.pod(c("a"))
    story.run("10s")
    story.node.exit_container("default/web", 137, container="a")
    story.node.restart_runtime(down_for="5s")
    story.run("30s")
    assert story.is_running("a")
    assert story.of("a")["restartCount"] == 1
    assert story.of("a")["lastState"]["terminated"]["exitCode"] == 137
