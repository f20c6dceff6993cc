"""Pods on a Windows node."""

from typing import Any

import pytest


@pytest.fixture
def windows(new_story: Any) -> Any:
    return new_story(os="windows")


def test_plain_pod(windows: Any, c: Any) -> None:
    windows.pod(c("a"), terminationGracePeriodSeconds=2)
    windows.run("5s")
    assert windows.is_running("a")
    assert "user" not in windows.of("a")
    windows.node.delete("default/web")
    windows.run("20s")
    assert windows.node.pods() == []


def test_configuration_is_for_windows(windows: Any, c: Any) -> None:
    windows.pod(c("a", securityContext={"windowsOptions": {"runAsUserName": "ContainerUser"}}))
    windows.run("5s")
    created = next(one.request for one in windows.node.journal if one.method == "CreateContainer")
    assert created.config.windows.security_context.run_as_username == "ContainerUser"
    assert not created.config.HasField("linux")
    assert not created.sandbox_config.HasField("linux")


def test_a_preshutdown_ends_the_pods(new_story: Any, c: Any) -> None:
    story = new_story(os="windows", config={"shutdownGracePeriod": "20s", "shutdownGracePeriodCriticalPods": "5s"})
    story.pod(c("a"), terminationGracePeriodSeconds=60)
    story.run("5s")
    story.node.shutdown()
    story.run("40s")
    status = story.status()
    assert (status["phase"], status["reason"]) == ("Failed", "Terminated")
    disruption = next(one for one in status["conditions"] if one["type"] == "DisruptionTarget")
    assert (disruption["status"], disruption["reason"]) == ("True", "TerminationByKubelet")
    story.check(
        story.calls(methods={"StopContainer"}),
        """
        5.000s StopContainer a/0 timeout=15
        """,
    )
