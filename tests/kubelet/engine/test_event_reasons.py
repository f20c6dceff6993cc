"""Every reason that the kubelet gives in events of pods, with a story that meets it; none has been left out."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri.errors import Code, CriError
from tests.kubelet.engine.refusing import lose_network, refuse

Story = Callable[[Any, Any], None]
ROOT = Path(__file__).parents[3] / "kubesim"
LOOP = ("sh", "-c", 'trap "exit 0" TERM; while true; do sleep 1; done')
FAILS = {"exec": {"command": ["false"]}}
OF_OTHER_TESTS = {
    "CgroupV1": "node_status",
    "ContainerGCFailed": "test_event_stories",
    "Evicted": "tests/kubelet/eviction",
    "EvictionThresholdMet": "tests/kubelet/eviction",
    "ExceededGracePeriod": "test_pod_workers",
    "FreeDiskSpaceFailed": "test_image_gc",
    "ImageGCFailed": "test_image_gc",
    "InvalidDiskCapacity": "test_image_gc",
    "InvalidEnvironmentVariableNames": "test_environment",
    "LifecycleHTTPFallback": "test_http_hooks",
    "NodeAllocatableEnforced": "node_status",
    "Preempting": "test_preemption",
    "ProbeWarning": "tests/policy/test_probe_outcome",
    "Rebooted": "node_status",
    "ResizeCompleted": "test_resize_grow",
    "ResizeError": "test_resize_shrink",
    "ResizeStarted": "test_resize_grow",
    "Starting": "node_status",
}
"""Reasons whose stories need more than a pod and its node, and where those are told."""


def crash(story: Any, c: Any) -> None:
    story.pod(c("a", "false"))
    story.run("30s")


def image(name: str, policy: str = "IfNotPresent") -> Story:
    def play(story: Any, c: Any) -> None:
        story.pod(c("a", image=name, imagePullPolicy=policy))
        story.run("30s")

    return play


def hook(when: str) -> Story:
    def play(story: Any, c: Any) -> None:
        story.pod(c("a", *LOOP, lifecycle={when: FAILS}), terminationGracePeriodSeconds=2)
        story.run("5s")
        story.node.delete("default/web")
        story.run("10s")

    return play


def refused(method: str) -> Story:
    def play(story: Any, c: Any) -> None:
        story.pod(c("a"), terminationGracePeriodSeconds=1)
        story.run("100ms")
        refuse(story, method, error=CriError(Code.UNKNOWN, "no"))
        story.run("5s")
        story.node.delete("default/web")
        story.run("5s")

    return play


def pod(**spec: Any) -> Story:
    def play(story: Any, c: Any) -> None:
        story.pod(c("a"), **spec)
        story.run("10s")

    return play


def failing_probe(story: Any, c: Any) -> None:
    story.pod(c("a", livenessProbe={**FAILS, "periodSeconds": 1}))
    story.run("5s")


def missing_volume(story: Any, c: Any) -> None:
    mount = {"name": "v", "mountPath": "/v"}
    story.pod(c("a", volumeMounts=[mount]), volumes=[{"name": "v", "secret": {"secretName": "no"}}])
    story.run("5s")


def stopped_sandbox(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    story.stop_sandbox(story.node.call("ListPodSandbox")["items"][0]["id"])
    story.run("10s")


def no_sandbox(story: Any, c: Any) -> None:
    refuse(story, "RunPodSandbox")
    pod()(story, c)


def no_network(story: Any, c: Any) -> None:
    lose_network(story)
    story.run("20s")
    pod()(story, c)


def no_sandbox_status(story: Any, c: Any) -> None:
    refuse(story, "PodSandboxStatus")
    pod()(story, c)
    story.run("10s")


STORIES: dict[str, Story] = {
    "BackOff": crash,
    "Created": crash,
    "DNSConfigForming": pod(dnsConfig={"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3"]}),
    "DeadlineExceeded": pod(activeDeadlineSeconds=3),
    "ErrImageNeverPull": image("absent:1", "Never"),
    "Failed": image("absent:1"),
    "FailedCreatePodSandBox": no_sandbox,
    "FailedKillPod": refused("StopContainer"),
    "FailedMount": missing_volume,
    "FailedPodSandBoxStatus": no_sandbox_status,
    "FailedPostStartHook": hook("postStart"),
    "FailedPreStopHook": hook("preStop"),
    "FailedSync": no_sandbox_status,
    "FailedToRetrieveImagePullSecret": pod(imagePullSecrets=[{"name": "no"}]),
    "InspectFailed": image("Not/A/Name"),
    "Killing": hook("preStop"),
    "NetworkNotReady": no_network,
    "Pulled": crash,
    "Pulling": image("absent:1"),
    "SandboxChanged": stopped_sandbox,
    "Started": crash,
    "Unhealthy": failing_probe,
}


@pytest.mark.parametrize("reason", STORIES)
def test_a_pod_meets_it(reason: str, story: Any, c: Any) -> None:
    STORIES[reason](story, c)
    assert reason in {one["reason"] for one in story.node.event_writes("default/web")}


def test_every_reason_in_the_source_is_told_by_a_story() -> None:
    literal = re.compile(r"""(?:"Normal"|"Warning"|NORMAL|WARNING),\s+"([A-Z]\w+)\"""")
    found = {reason for path in (ROOT / "kubelet").glob("*.py") for reason in literal.findall(path.read_text("utf-8"))}
    assert len(found) > 20
    assert found <= STORIES.keys() | OF_OTHER_TESTS.keys()
