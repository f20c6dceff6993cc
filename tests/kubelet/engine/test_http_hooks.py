"""postStart and preStop that send an HTTP request."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FIXTURE = Path(__file__).parents[3] / "fixtures" / "images" / "flaky-web.yaml"


@pytest.fixture
def flaky(new_story: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a story with a pod of flaky-web that has these hooks."""

    def make(**hooks: Any) -> Any:
        story = new_story(images=[FIXTURE])
        container = {"name": "a", "image": "registry.example/flaky-web:v1", "lifecycle": hooks}
        story.pod(container, terminationGracePeriodSeconds=5)
        return story

    return make


def http(path: str, port: int | str = 8080, **more: Any) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port, **more}}


def test_any_status_is_fine(flaky: Callable[..., Any]) -> None:
    story = flaky(postStart=http("/missing"))
    story.run("5s")
    assert story.is_running("a")
    assert "Warning" not in story.events()


def test_post_start_waits_for_the_answer(flaky: Callable[..., Any]) -> None:
    story = flaky(postStart=http("/slow"))
    story.until(lambda: story.is_running("a"))
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        2.231s phase=Running a: running ready
        """,
    )


@pytest.mark.parametrize(
    ("hook", "reason"),
    [
        (
            http("/x", 81),
            (
                'HTTP lifecycle hook (/x) WHERE failed - error: Get "http://IP:81/x": '
                "dial tcp IP:81: connect: connection refused"
            ),
        ),
        (
            http("/x", "web"),
            'HTTP lifecycle hook (/x) WHERE failed - error: strconv.Atoi: parsing "web": invalid syntax',
        ),
        (
            {"tcpSocket": {"port": 8080}},
            (
                "Cannot run handler: invalid handler: "
                "&LifecycleHandler{Exec:nil,HTTPGet:nil,TCPSocket:&TCPSocketAction{Port:{0 8080 },Host:,},Sleep:nil,}"
            ),
        ),
    ],
)
def test_a_failing_post_start(flaky: Callable[..., Any], hook: dict[str, Any], reason: str) -> None:
    story = flaky(postStart=hook)
    story.until(lambda: story.waiting().startswith("PostStartHookError"))
    told = re.sub(r"10\.88\.\d+\.\d+", "IP", story.waiting())
    where = 'for Container "a" in Pod "web_default(UID)"'
    assert told == f"PostStartHookError: {reason.replace('WHERE', where)}"
    assert "Warning FailedPostStartHook a: PostStartHook failed" in story.events()


def test_https_falls_back_to_http(flaky: Callable[..., Any]) -> None:
    story = flaky(postStart=http("/", scheme="HTTPS"))
    story.run("5s")
    assert story.is_running("a")
    told = [re.sub(r"10\.88\.\d+\.\d+", "IP", line) for line in story.events().splitlines() if "Fallback" in line]
    assert told == [
        (
            "Warning LifecycleHTTPFallback: request to HTTPS lifecycle hook IP:8080 got HTTP response, "
            "retry with HTTP succeeded"
        )
    ]
    assert story.node.metrics()["kubelet_lifecycle_handler_http_fallbacks_total"] == 1


def test_pre_stop_that_gets_no_answer_takes_all_of_the_grace(flaky: Callable[..., Any]) -> None:
    story = flaky(preStop=http("/stuck"))
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    assert [line.partition(" ")[2] for line in story.calls(methods={"StopContainer"}).splitlines()] == [
        "StopContainer a/0 timeout=2"
    ]
    assert story.node.pods() == []


def test_failing_pre_stop(flaky: Callable[..., Any]) -> None:
    story = flaky(preStop=http("/", 81))
    story.run("5s")
    story.node.delete("default/web")
    story.run("20s")
    assert "Warning FailedPreStopHook a: PreStopHook failed" in story.events()
    assert story.node.pods() == []
