"""What a pod can meet is told by events, in the kubelet's own words: one story for each."""

from typing import Any

import pytest

from kubesim.cri.errors import Code, CriError
from tests.kubelet.engine.refusing import SAID, lose_network, refuse, refuse_if

LOOP = ("sh", "-c", 'trap "exit 0" TERM; while true; do sleep 1; done')


def test_a_hook_that_outlives_the_grace_period_ends_with_its_container(story: Any, c: Any) -> None:
    """Seen on a kubelet 1.36: the hook's command is killed with the container, so the hook failed."""
    hook = {"preStop": {"exec": {"command": ["sleep", "60"]}}}
    story.pod(c("a", *LOOP, lifecycle=hook), terminationGracePeriodSeconds=3)
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    writes = story.node.event_writes("default/web")[-2:]
    assert [(round(one["t"]), one["reason"], one["message"]) for one in writes] == [
        (5, "Killing", "Stopping container a"),
        (8, "FailedPreStopHook", "PreStopHook failed"),
    ]


def test_a_sleep_that_outlives_the_grace_period_is_no_failure(story: Any, c: Any) -> None:
    hook = {"preStop": {"sleep": {"seconds": 20}}}
    story.pod(c("a", *LOOP, lifecycle=hook), terminationGracePeriodSeconds=21)
    story.run("5s")
    story.node.delete("default/web", grace_seconds=3)
    story.run("60s")
    assert "FailedPreStopHook" not in story.events()


def test_a_kubelet_that_ends_forgets_its_hooks(story: Any, c: Any) -> None:
    hook = {"preStop": {"exec": {"command": ["sleep", "60"]}}}
    story.pod(c("a", *LOOP, lifecycle=hook), terminationGracePeriodSeconds=30)
    story.run("5s")
    story.node.delete("default/web")
    story.run("1s")
    story.node.restart_kubelet()
    story.run("90s")
    assert story.events().count("FailedPreStopHook") == 1
    assert story.node.pods() == []


def test_what_cannot_be_killed_is_told_part_by_part(story: Any, c: Any) -> None:
    story.pod(c("a"), c("b"), terminationGracePeriodSeconds=1)
    story.run("5s")
    refuse(story, "StopContainer", "StopPodSandbox")
    story.node.delete("default/web")
    story.run("1s")
    uid = story.node.pod("default/web")["metadata"]["uid"]
    refused = '"rpc error: code = Unknown desc = said no"'
    assert story.node.event_writes("default/web")[-1]["message"] == (
        f'error killing pod: [failed to "KillContainer" for "b" with KillContainerError: {refused}, '
        f'failed to "KillContainer" for "a" with KillContainerError: {refused}, '
        f'failed to "KillPodSandbox" for "{uid}" with KillPodSandboxError: {refused}]'
    )
    refuse(story)
    story.run("60s")
    assert story.node.pods() == []


def test_a_container_that_cannot_be_killed_keeps_no_other_alive(story: Any, c: Any) -> None:
    story.pod(c("a"), c("b"), terminationGracePeriodSeconds=1)
    story.run("5s")
    first: list[str] = []

    def once(method: str, request: Any) -> CriError | None:
        if method == "StopContainer":
            first.append(request.container_id)
            return SAID if request.container_id == first[0] else None
        return None

    refuse_if(story, once)
    story.node.delete("default/web")
    story.run("8s")
    assert len(set(first)) == 2
    message = story.node.event_writes("default/web")[-1]["message"]
    assert message.startswith('error killing pod: failed to "KillContainer" for "')
    assert "StopPodSandbox" in story.calls(methods={"StopPodSandbox"})


def test_a_sandbox_that_cannot_be_made(story: Any, c: Any) -> None:
    refuse(story, "RunPodSandbox")
    story.pod(c("a"))
    story.run("30s")
    assert story.events() == (
        "Warning FailedCreatePodSandBox (x3): Failed to create pod sandbox: rpc error: code = Unknown desc = said no"
    )
    assert story.node.metrics()["kubelet_started_pods_errors_total"] == 3


def test_a_sandbox_that_cannot_be_made_for_a_pod_that_ends_is_no_error(story: Any, c: Any) -> None:
    """The call was on its way when the pod was deleted; upstream asks IsPodTerminationRequested."""
    node = story.node

    def delete_first(method: str, _: Any) -> CriError | None:
        if method != "RunPodSandbox":
            return None
        node.delete("default/web")
        return SAID

    refuse_if(story, delete_first)
    story.pod(c("a"))
    story.run("10s")
    assert node.pods() == []
    assert (node.event_writes("default/web"), node.metrics()["kubelet_started_pods_errors_total"]) == ([], 0)


def test_a_sandbox_that_cannot_be_looked_at(story: Any, c: Any) -> None:
    refuse(story, "PodSandboxStatus")
    story.pod(c("a"))
    story.run("1s")
    assert story.events().splitlines()[0] == (
        "Warning FailedPodSandBoxStatus: Unable to get pod sandbox status: rpc error: code = Unknown desc = said no"
    )


def test_events_name_containers_not_their_ids(story: Any, c: Any) -> None:
    """An id in the text would make each event one of its own. The status keeps the runtime's words."""

    def tell_id(method: str, request: Any) -> CriError | None:
        if method != "StartContainer":
            return None
        return CriError(Code.UNKNOWN, f"container {request.container_id} is not willing")

    refuse_if(story, tell_id)
    story.pod(c("a"))
    story.run("5s")
    assert "Warning Failed a (x2): Error: container a is not willing" in story.events()
    assert "container a is" not in story.waiting()


@pytest.mark.parametrize(
    ("container", "spec", "text"),
    [
        (
            {"envFrom": [{"configMapRef": {"name": "no"}}], "securityContext": {"runAsNonRoot": True}},
            {},
            'Warning Failed a (x2): Error: configmap "no" not found',
        ),
        (
            {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]},
            {"securityContext": {"runAsNonRoot": True}},
            'Warning Failed a (x2): Error: secret "no" not found',
        ),
    ],
)
def test_what_a_pod_lacks_comes_before_what_its_image_is(
    story: Any, c: Any, container: dict[str, Any], spec: dict[str, Any], text: str
) -> None:
    story.pod(c("a", **container), **spec)
    story.run("5s")
    assert text in story.events()


def test_an_orphan_is_ended_with_the_words_of_any_other_pod(story: Any, c: Any) -> None:
    """Deleted while no kubelet ran: the next one knows it by the runtime's lists alone."""
    story.pod(c("a"))
    story.run("5s")
    story.node._world.stop()
    story.node.delete("default/web", grace_seconds=0)
    story.node._run(story.node._world.start_again(), name="start kubelet again")
    refuse(story, "StopContainer")
    story.run("3s")
    writes = story.node.event_writes("default/web")[-2:]
    assert [(one["reason"], one.get("fieldPath", "")) for one in writes] == [
        ("Killing", "spec.containers{a}"),
        ("FailedKillPod", ""),
    ]
    refuse(story)
    story.run("20s")
    assert story.node.runtime.statistics().sandboxes == 0


def test_a_network_that_is_not_ready(story: Any, c: Any) -> None:
    lose_network(story)
    story.run("20s")
    story.pod(c("a"))
    story.pod(c("a"), name="own", hostNetwork=True)
    story.run("10s")
    assert story.is_running("a", "default/own")
    text = "NetworkReady=false reason:NetworkPluginNotReady message:no CNI"
    (line,) = story.events().splitlines()
    assert line.endswith(f": network is not ready: container runtime network not ready: {text}")
    assert line.startswith("Warning NetworkNotReady (x")
    told = [one["reason"] for one in story.node.events if one["reason"] in {"NodeReady", "NodeNotReady"}]
    assert told == ["NodeReady", "NodeNotReady"]


def test_a_network_that_is_not_ready_is_logged_at_each_look_at_the_runtime(story: Any) -> None:
    story.run("30s")
    lose_network(story)
    story.run("2m")
    said = [line for line in story.node.log if "Container runtime network not ready" in line]
    assert len(said) == 24  # every 5 s


def test_a_runtime_that_is_away_when_dead_containers_are_collected(story: Any, c: Any) -> None:
    story.run("30s")
    refuse(story, "ListContainers", error=CriError(Code.UNAVAILABLE, "gone"))
    story.run("65s")
    refuse(story)
    failed = [one for one in story.node.events if one["reason"] == "ContainerGCFailed"]
    assert [(one["involvedObject"]["kind"], one["type"], one["message"]) for one in failed] == [
        ("Node", "Warning", "rpc error: code = Unavailable desc = gone")
    ]


def test_volumes_are_not_tried_any_more_once_their_pod_is_stopped(story: Any, c: Any) -> None:
    """The next try would come at 15.7 s, before the last status is written; seen on a kubelet 1.36."""
    story.pod(
        c("a", volumeMounts=[{"name": "v", "mountPath": "/v"}]),
        volumes=[{"name": "v", "configMap": {"name": "absent"}}],
    )
    story.run("14s")
    story.node.delete("default/web")
    story.run("10s")
    assert [round(one["t"], 1) for one in story.node.event_writes("default/web")] == [0.2, 0.7, 1.7, 3.7, 7.7]
