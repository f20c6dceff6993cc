"""Image garbage collection: what it takes for used, when it frees space, and what it says."""

from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.kubelet.start_error import KubeletStartError

DATA = "registry.example/data:1"


def image(name: str, size: str, **spec: Any) -> dict[str, Any]:
    spec = {"size": size, "files": {f"/{name}": name}, **spec}
    metadata = {"name": f"registry.example/{name}:1"}
    return {"apiVersion": "kubesim/v1", "kind": "Image", "metadata": metadata, "spec": spec}


NO_EVICTION = {"evictionHard": {"memory.available": "100Mi"}, "clusterDNS": ["10.96.0.10"]}
"""The defaults would end pods, and remove unused images, at the very fill at which images are collected."""

IMAGES = [
    image("data", "10Gi"),
    image("old", "4Gi", present=True),
    image("older", "4Gi", present=True),
    image("kept", "1Gi", present=True, pinned=True),
]


@pytest.fixture
def node(new_story: Any) -> Any:
    def make(config: dict[str, Any] | None = None, **options: Any) -> Any:
        return new_story(images=IMAGES, config={**NO_EVICTION, **(config or {})}, **options)

    return make


def names(story: Any) -> set[str]:
    """The images of ours on the node, as the runtime has them."""
    daemon = story.node.runtime._daemon
    found = {name.partition("/")[2].partition(":")[0] for one in daemon.images for name in one.names}
    return found & {"data", "old", "older", "kept"}


def removed(story: Any) -> int:
    return sum(one.method == "RemoveImage" and one.error is None for one in story.node.journal)


def node_events(story: Any, *reasons: str) -> list[str]:
    found = [one for one in story.node.events if one["involvedObject"]["kind"] == "Node"]
    return [f"{one['reason']} (x{one['count']}): {one['message']}" for one in found if one["reason"] in reasons]


def full(percent: int, *, freed_bytes: int) -> str:
    return (
        f"Insufficient free disk space on the node's image filesystem ({percent}% of 100.0 GiB used). "
        f"Failed to free sufficient space by deleting unused images (freed {freed_bytes} bytes). "
        "Investigate disk usage, as it could be used by active images, logs, volumes, or other data."
    )


def volume_pod(story: Any, c: Any, name: str = "web") -> None:
    mounts = [{"name": "v", "mountPath": "/v"}]
    volumes = [{"name": "v", "image": {"reference": DATA}}]
    story.pod(c("a", volumeMounts=mounts), name=name, volumes=volumes)


def test_nothing_goes_while_there_is_room(node: Any, c: Any) -> None:
    story = node()
    story.node.fill_disk("60%")
    story.run("30m")
    assert names(story) == {"old", "older", "kept"}
    assert removed(story) == 0


def test_room_is_made_down_to_the_low_threshold(node: Any) -> None:
    """There are 9 GiB of images: without one of 4 GiB 83 % are left, without both 79 %."""
    story = node()
    story.run("6m")
    story.node.fill_disk("78%")  # 87 % with the images
    story.run("5m")
    assert names(story) == {"kept"}
    assert removed(story) == 2
    metrics = story.node.metrics()
    assert metrics['kubelet_image_garbage_collected_total{reason="space"}'] == 2
    assert node_events(story, "FreeDiskSpaceFailed", "ImageGCFailed") == []


def test_only_as_many_as_are_needed(node: Any) -> None:
    story = node(config={"imageGCHighThresholdPercent": 86, "imageGCLowThresholdPercent": 85})
    story.run("6m")
    story.node.fill_disk("78%")
    story.run("5m")
    assert len(names(story)) == 2
    assert removed(story) == 1


def test_what_was_used_last_goes_last(node: Any, c: Any) -> None:
    story = node(config={"imageGCHighThresholdPercent": 86, "imageGCLowThresholdPercent": 85})
    command = {"image": "registry.example/older:1", "command": ["/none"]}
    story.pod({"name": "a", **command}, restartPolicy="Never")
    story.run("6m")
    story.node.delete("default/web", grace_seconds=0)
    story.run("1m")
    story.node.fill_disk("78%")
    story.run("5m")
    assert names(story) == {"older", "kept"}


def test_an_image_that_is_only_a_volume_is_kept(node: Any, c: Any) -> None:
    """cri-o#8408: the runtime tells the image of the mount, so the kubelet knows that it is used."""
    story = node()
    volume_pod(story, c)
    story.run("6m")
    story.node.fill_disk("80%")
    story.run("10m")
    assert names(story) == {"data", "kept"}
    assert node_events(story, "FreeDiskSpaceFailed") == [
        f"FreeDiskSpaceFailed (x1): {full(100, freed_bytes=8 * 1024**3)}",
        f"FreeDiskSpaceFailed (x1): {full(92, freed_bytes=0)}",
    ]


@pytest.mark.parametrize("profile", ["containerd-2.1", "containerd-2.3", "cri-o-1.31", "cri-o-1.36"])
def test_every_runtime_with_image_volumes_tells_their_image(node: Any, c: Any, profile: str) -> None:
    story = node(profile=profile)
    volume_pod(story, c)
    story.run("6m")
    story.node.fill_disk("80%")
    story.run("10m")
    assert "data" in names(story)


@pytest.mark.parametrize("base", ["containerd-2.3", "cri-o-1.31"])
def test_an_image_that_the_runtime_does_not_tell_is_collected_while_it_is_mounted(
    node: Any, c: Any, tmp_path: Path, base: str
) -> None:
    path = tmp_path / "profile.yaml"
    change = "{why: before cri-o#8408, set: {imageVolumes: {statusImage: none}}}"
    path.write_text(
        "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: forgetful}\n"
        f"spec: {{extends: {base}, changes: [{change}]}}\n"
    )
    story = node(profile=str(path))
    volume_pod(story, c)
    story.run("6m")
    story.node.fill_disk("80%")
    story.run("10m")
    data = next(one for one in story.node.journal if one.method == "PullImage" and DATA in str(one.request)).response
    collected = [one.request.image.image for one in story.node.journal if one.method == "RemoveImage"]
    assert len(collected) == 3
    assert data.image_ref in collected or base != "containerd-2.3"
    # The next sync of the pod pulls it again, and the container has had its files all the while.
    pulls = [one for one in story.node.journal if one.method == "PullImage" and DATA in str(one.request)]
    assert len(pulls) == 2
    assert story.node.exec("default/web", ["cat", "/v/data"]).stdout == b"data"


def test_a_volume_image_without_a_container_is_kept_for_its_minimum_age_only(node: Any, c: Any) -> None:
    """It is pulled, but the container waits for its own image: nothing protects it any more after two minutes."""
    story = node()
    mounts = [{"name": "v", "mountPath": "/v"}]
    volumes = [{"name": "v", "image": {"reference": DATA}}]
    story.node.fill_disk("80%")
    story.run("270s")
    story.pod(c("a", image="registry.example/none:1", volumeMounts=mounts), volumes=volumes)
    story.run("60s")  # the collection at 300 s has seen it for the first time
    assert "data" in names(story)
    story.run("270s")
    assert [one.time_ns for one in story.node.journal if one.method == "RemoveImage"][-1] > story.start_ns + 500 * 10**9


def test_the_first_collection_comes_before_the_disk_is_measured(node: Any) -> None:
    """cAdvisor starts once the runtime is ready. On Windows nothing has to start."""
    story = node()
    story.run("1s")
    assert node_events(story, "InvalidDiskCapacity", "ImageGCFailed") == [
        "InvalidDiskCapacity (x1): invalid capacity 0 on image filesystem"
    ]
    story.run("11m")
    assert node_events(story, "InvalidDiskCapacity", "ImageGCFailed")[0].startswith("InvalidDiskCapacity (x1)")
    windows = node(os="windows")
    windows.run("1s")
    assert node_events(windows, "InvalidDiskCapacity") == []


def test_a_failure_is_an_event_from_the_second_time_on(node: Any) -> None:
    story = node()
    story.run("6m")
    story.node.fill_disk("100%")
    story.run("5m")
    assert node_events(story, "ImageGCFailed") == []
    story.run("4m30s")
    (first,) = node_events(story, "ImageGCFailed")
    assert first.startswith("ImageGCFailed (x1): Insufficient free disk space on the node's image filesystem (100% of ")
    line = next(line for line in story.node.log if "garbage collection failed" in line)
    text = 'E "Image garbage collection failed once. Stats initialization may not have completed yet" err="'
    assert line.startswith(text)


def test_maximum_age(node: Any) -> None:
    """An image that no container ever used goes as soon as the kubelet has run for that long."""
    story = node(config={"imageMaximumGCAge": "30m"})
    story.run("29m")
    assert names(story) == {"old", "older", "kept"}
    story.run("7m")
    assert names(story) == {"kept"}
    assert story.node.metrics()['kubelet_image_garbage_collected_total{reason="age"}'] >= 2


def test_switched_off(node: Any) -> None:
    story = node(config={"imageGCHighThresholdPercent": 100})
    story.node.fill_disk("100%")
    story.run("30m")
    assert names(story) == {"old", "older", "kept"}
    text = "ImageGCHighThresholdPercent is set 100 and ImageMaximumGCAge is 0, Disable image GC"
    assert any(text in line for line in story.node.log)


def test_wrong_thresholds(node: Any) -> None:
    with pytest.raises(KubeletStartError, match=r"imageGCLowThresholdPercent .* 85 must be less than"):
        node(config={"imageGCLowThresholdPercent": 85})


def test_calls_of_a_pass(node: Any, c: Any) -> None:
    """The status of every container is asked for, dead ones too, because of image volumes."""
    story = node()
    story.pod(c("a"))
    story.run("10s")
    wanted = {"ListImages", "ListPodSandbox", "ListContainers", "ContainerStatus", "ImageFsInfo"}
    story.run("280s")
    before_ns = story.node.now_ns
    story.run("20s")
    found = [one for one in story.node.journal if one.time_ns > before_ns and one.method in wanted]
    at_ns = next(one.time_ns for one in found if one.method == "ImageFsInfo")
    methods = [one.method for one in found if one.time_ns == at_ns and one.method in {"ContainerStatus", "ImageFsInfo"}]
    assert sorted(methods) == ["ContainerStatus", "ContainerStatus", "ImageFsInfo"]


def test_both_loops_see_what_has_happened_since(node: Any, c: Any) -> None:
    """They look at the same instant, and every five minutes although nothing happens: each asks all the same."""
    story = node()
    story.pod(c("a"))
    story.run("301s")
    seen = []
    for another in ("", "b"):
        if another:
            story.pod(c(another), name=another)
        before_ns = story.node.now_ns
        story.run("300s")
        calls = [one for one in story.node.journal if one.time_ns > before_ns]
        at_ns = next(one.time_ns for one in calls if one.method == "ImageFsInfo")
        lists = [one for one in calls if one.time_ns == at_ns and one.method in {"ListImages", "ListContainers"}]
        asked = [one.request.container_id for one in calls if one.time_ns == at_ns and one.method == "ContainerStatus"]
        listed = {row.id for one in lists if one.method == "ListContainers" for row in one.response.containers}
        assert set(asked) == listed
        seen.append((sum(one.method == "ListImages" for one in lists) >= 2, len(asked), len(listed)))
    assert seen == [(True, 2, 1), (True, 4, 2)]


def test_a_runtime_that_is_away_ends_the_pass(node: Any, c: Any) -> None:
    story = node()
    story.node.fill_disk("80%")
    story.pod(c("a"))
    story.run("5s")
    story.node.restart_runtime(down_for="8m")
    story.run("6m")
    assert any("Failed to monitor images" in line for line in story.node.log)
    assert names(story) == {"old", "older", "kept"}


def test_records_of_images_in_use_go_with_a_collection(node: Any, c: Any) -> None:
    """Upstream hands over the images it looked at and left; those in use are not among them."""
    story = node()
    volume_pod(story, c)
    story.run("6m")
    files = story.node._world.kubelet._host.files
    folder = "/var/lib/kubelet/image_manager/pulled"
    assert len(files.list_dir(folder)) == 2
    story.node.fill_disk("80%")
    story.run("5m")
    assert files.list_dir(folder) == []


def test_bad_amounts(node: Any) -> None:
    story = node()
    with pytest.raises(InputError, match=r"fill_disk\(amount\): 200Gi do not fit"):
        story.node.fill_disk("200Gi")
    with pytest.raises(InputError, match=r"fill_disk\(amount\)"):
        story.node.fill_disk(5)
