"""Several pulls at a time: queues, limits, what their Events say, and pods that are deleted while they wait."""

from pathlib import Path
from typing import Any

import pytest

IMAGES = """\
apiVersion: kubesim/v1
kind: Image
metadata: {name: "registry.example/NAME:1"}
spec:
  files: {/name: "NAME", /bin/: {userland: busybox}}
  pull: {duration: 3s}
"""


@pytest.fixture
def slow(new_story: Any, tmp_path: Path) -> Any:
    """A node whose registry has images that take three seconds each."""
    path = tmp_path / "images.yaml"
    path.write_text("---\n".join(IMAGES.replace("NAME", name) for name in "abcd"))

    def make(**config: Any) -> Any:
        return new_story(images=[path], config={"clusterDNS": ["10.96.0.10"], "clusterDomain": "c.local", **config})

    return make


def apply(story: Any, c: Any, names: str) -> None:
    for name in names:
        story.pod(c("m", image=f"registry.example/{name}:1", imagePullPolicy="Always"), name=name)


def pulls(story: Any) -> str:
    """The Events of each pod about its image, without what they do not vary in."""
    lines = []
    for name in "abc":
        for line in story.events(f"default/{name}").splitlines():
            kind, reason, where, *_ = line.split()
            if where.startswith("m") and reason in {"Pulling", "Pulled", "Failed", "BackOff"}:
                lines.append(f"{name} {kind} {reason} {line.partition(': ')[2]}")
    return "\n".join(lines).replace(" Image size: N bytes.", "").replace("registry.example/", "")


@pytest.mark.parametrize(
    ("config", "waited_seconds"),
    [
        ({}, (3, 6, 9)),
        ({"maxParallelImagePulls": 2}, (3, 3, 6)),
        ({"serializeImagePulls": False}, (3, 3, 3)),
    ],
    ids=["one after the other", "two at a time", "all at once"],
)
def test_a_pull_tells_how_long_it_took_and_how_long_it_waited(
    config: dict[str, Any], waited_seconds: tuple[int, int, int], slow: Any, c: Any
) -> None:
    story = slow(**config)
    apply(story, c, "abc")
    story.run("15s")
    expected = [
        f"""\
{name} Normal Pulling Pulling image "{name}:1"
{name} Normal Pulled Successfully pulled image "{name}:1" in 3s ({seconds}s including waiting)."""
        for name, seconds in zip("abc", waited_seconds, strict=True)
    ]
    assert pulls(story) == "\n".join(expected)


def test_one_after_the_other_a_pull_begins_when_the_one_before_has_ended(slow: Any, c: Any) -> None:
    story = slow()
    apply(story, c, "abc")
    story.run("15s")
    story.check(
        story.calls(methods={"PullImage", "StartContainer"}),
        """
        0.111s PullImage
        3.118s StartContainer m/0
        3.111s PullImage
        6.118s StartContainer m/0
        6.111s PullImage
        9.118s StartContainer m/0
        """,
    )


def test_more_in_a_second_than_the_registry_is_asked(slow: Any, c: Any) -> None:
    story = slow(serializeImagePulls=False, registryPullQPS=1, registryBurst=2)
    apply(story, c, "abc")
    story.run("30s")
    story.check(
        story.versions("default/c"),
        """
        0.000s phase=Pending
        0.000s phase=Pending m: waiting ContainerCreating
        0.900s phase=Pending m: waiting ErrImagePull
        12.900s phase=Pending m: waiting ImagePullBackOff
        15.958s phase=Running m: running ready
        """,
    )
    story.check(
        pulls(story),
        """
        a Normal Pulling Pulling image "a:1"
        a Normal Pulled Successfully pulled image "a:1" in 3s (3s including waiting).
        b Normal Pulling Pulling image "b:1"
        b Normal Pulled Successfully pulled image "b:1" in 3s (3s including waiting).
        c Normal Pulling Pulling image "c:1"
        c Warning Failed Failed to pull image "c:1": pull QPS exceeded
        c Warning Failed Error: ErrImagePull
        c Normal BackOff Back-off pulling image "c:1"
        c Warning Failed Error: ImagePullBackOff
        c Normal Pulled Successfully pulled image "c:1" in 3s (3s including waiting).
        """,
    )


def test_what_waits_in_the_queue_does_not_count(slow: Any, c: Any) -> None:
    story = slow(registryPullQPS=1, registryBurst=1)
    apply(story, c, "abc")
    story.run("15s")

    assert all(story.is_running("m", f"default/{name}") for name in "abc")


def test_a_pod_that_is_deleted_while_it_waits_ends_after_its_turn(slow: Any, c: Any) -> None:
    """The kubelet takes no pull back out of its queue."""
    story = slow()
    apply(story, c, "ab")
    story.run("2s")
    story.node.delete("default/b")
    story.run("10s")
    story.check(
        story.versions("default/b"),
        """
        0.000s phase=Pending
        0.000s phase=Pending m: waiting ContainerCreating
        2.000s phase=Pending deleting m: waiting ContainerCreating
        6.169s phase=Running deleting m: running ready
        """,
    )
