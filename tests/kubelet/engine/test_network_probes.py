"""Probes that reach the pod over the network: HTTP, TCP and gRPC, with the words of each failure."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FLAKY = "registry.example/flaky-web:v1"
FIXTURE = Path(__file__).parents[3] / "fixtures" / "images" / "flaky-web.yaml"


@pytest.fixture
def flaky(new_story: Callable[..., Any]) -> Callable[..., Any]:
    """Runs flaky-web with these probes on a kubelet that has been up for long; gives the story."""

    def run(duration: str = "20s", *, version: str = "1.36", **probes: Any) -> Any:
        story = new_story(images=[FIXTURE], kubelet_version=version)
        story.run("5m")
        story.start_ns = story.node.now_ns
        container = {"name": "a", "image": FLAKY, "ports": [{"name": "web", "containerPort": 8080}], **probes}
        story.pod(container, terminationGracePeriodSeconds=2)
        story.run(duration)
        return story

    return run


def words(story: Any) -> list[str]:
    """What the events say of the probes, with the address of the pod as IP."""
    lines = [line for line in story.events().splitlines() if line.startswith("Warning")]
    return [re.sub(r"10\.88\.\d+\.\d+", "IP", line) for line in lines]


def http(path: str, port: int | str = 8080, **more: Any) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port, **more}, "periodSeconds": 5}


@pytest.mark.parametrize(
    ("probe", "word"),
    [
        (http("/missing"), "failed: HTTP probe failed with statuscode: 404"),
        (http("/", 81), 'failed: Get "http://IP:81/": dial tcp IP:81: connect: connection refused'),
        (
            http("/slow"),
            (
                'failed: Get "http://IP:8080/slow": context deadline exceeded (Client.Timeout exceeded while awaiting '
                "headers)"
            ),
        ),
        (http("/broken", 8080), None),
        (http("/", "nosuch"), 'errored and resulted in unknown state: strconv.Atoi: parsing "nosuch": invalid syntax'),
        (
            http("/", scheme="HTTPS"),
            'failed: Get "https://IP:8080/": http: server gave HTTP response to HTTPS client',
        ),
        (http("/", host="nowhere.example"), None),
        (
            http("/", host="192.0.2.2"),
            'failed: Get "http://192.0.2.2:8080/": dial tcp 192.0.2.2:8080: connect: connection refused',
        ),
        ({"tcpSocket": {"port": 81}}, "failed: dial tcp IP:81: connect: connection refused"),
        (
            {"grpc": {"port": 81}},
            'failed: timeout: failed to connect service "IP:81" within 1s: context deadline exceeded',
        ),
        (
            {"grpc": {"port": 9090, "service": "nosuch"}},
            "failed: error: health rpc probe failed: rpc error: code = NotFound desc = unknown service",
        ),
        (
            {"grpc": {"port": 8080}},
            'failed: timeout: failed to connect service "IP:8080" within 1s: context deadline exceeded',
        ),
    ],
)
def test_a_failure_and_its_words(flaky: Callable[..., Any], probe: dict[str, Any], word: str | None) -> None:
    story = flaky(readinessProbe=probe)
    assert story.of("a")["ready"] is False
    assert len({line.partition(": ")[2] for line in words(story)}) == 1 or word is None
    assert word is None or words(story)[0].partition(": ")[2] == f"Readiness probe {word}"


@pytest.mark.parametrize(
    "probe",
    [
        http("/"),
        http("/", "web"),
        http("/old"),
        http("/slow") | {"timeoutSeconds": 3},
        {"tcpSocket": {"port": "web"}},
        {"grpc": {"port": 9090}},
        {"grpc": {"port": 9090, "service": "worker"}},
    ],
)
def test_a_success_is_silent(flaky: Callable[..., Any], probe: dict[str, Any]) -> None:
    story = flaky(readinessProbe=probe)
    assert story.of("a")["ready"] is True
    assert words(story) == []


def test_readiness_follows_the_service(flaky: Callable[..., Any]) -> None:
    story = flaky("2m", readinessProbe=http("/healthz"))
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.231s phase=Running a: running
        0.231s phase=Running a: running ready
        40.231s phase=Running a: running
        60.231s phase=Running a: running ready
        100.231s phase=Running a: running
        """,
    )
    story.check(
        story.versions(conditions=True),
        """
        0.000s phase=Pending
        0.000s phase=Pending PodReadyToStartContainers=False Initialized=True Ready=False(ContainersNotReady)
        0.111s phase=Pending PodReadyToStartContainers=True
        0.231s phase=Running
        0.231s phase=Running Ready=True
        40.231s phase=Running Ready=False(ContainersNotReady)
        60.231s phase=Running Ready=True
        100.231s phase=Running Ready=False(ContainersNotReady)
        """,
    )


def test_liveness_by_grpc(flaky: Callable[..., Any]) -> None:
    liveness = {"grpc": {"port": 9090, "service": "worker"}, "periodSeconds": 5, "failureThreshold": 2}
    story = flaky("45s", livenessProbe=liveness)
    assert words(story) == [
        'Warning Unhealthy a (x2): Liveness probe failed: service unhealthy (responded with "NOT_SERVING")'
    ]
    assert "Killing a: Container a failed liveness probe, will be restarted" in story.events()
    assert story.of("a")["restartCount"] == 1
