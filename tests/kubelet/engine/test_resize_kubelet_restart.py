"""The kubelet is restarted while resizes are on their way: it goes on from its records."""

import json
from typing import Any

import pytest

from kubesim.kubelet.resource_records import checksum
from kubesim.kubelet.start_error import KubeletStartError

from .resize_story import events, resize, resources, versions

ALLOCATED = "/var/lib/kubelet/allocated_pods_state"


def test_a_resize_that_waits_waits_on(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")))
    story.pod(c("b", resources=resources("2500m")), name="full", terminationGracePeriodSeconds=1)
    story.run("10s")
    resize(story, cpu="2")
    story.run("5s")
    since = len(story.node.versions("default/web"))
    story.node.restart_kubelet(down_for="5s")
    story.run("5s")
    story.node.delete("default/full")
    story.run("10s")

    story.check(
        versions(story, since=since),
        """
        20.100s generation=2 a: running requests {cpu=500m} limits {} allocated {cpu=500m} pod requests {cpu=489m}
            limits {} PodResizePending@2(Deferred) Node didn't have enough resource: cpu, requested: 2000, used: 2500,
            capacity: 4000
        27.170s generation=2 a: running requests {cpu=500m} limits {} allocated {cpu=2} pod requests {cpu=489m} limits
            {} PodResizeInProgress@2
        27.171s generation=2 a: running requests {cpu=2} limits {} allocated {cpu=2} pod requests {cpu=1999m} limits
            {}
        """,
    )
    assert story.of("a")["restartCount"] == 0


def test_a_resize_asked_for_while_the_kubelet_is_away_is_seen(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m")))
    story.run("10s")
    story.node._world.stop()
    resize(story, cpu="1")
    story.run("5s")
    story.node._run(story.node._world.start_again(), name="start kubelet again")
    story.run("5s")

    assert story.of("a")["allocatedResources"] == {"cpu": "1"}
    assert "Normal ResizeCompleted" in events(story)


def test_the_record_is_the_one_of_a_real_kubelet(story: Any, c: Any) -> None:
    story.pod(c("a", resources=resources("500m", memory_limit="64Mi")))
    story.run("5s")
    uid = story.node.pod("default/web")["metadata"]["uid"]
    story.node.restart_kubelet()
    written = json.loads(story.node._world._host_files.read(ALLOCATED))

    assert written["data"] == (
        f'{{"entries":{{"{uid}":{{"ContainerResources":{{"a":{{"limits":{{"memory":"64Mi"}},'
        '"requests":{"cpu":"500m","memory":"64Mi"}}},"PodLevelResources":null}}}'
    )
    assert written["checksum"] == checksum(written["data"])


def test_a_checksum_that_a_real_kubelet_wrote() -> None:
    data = (
        '{"entries":{"04bebf4e-b45d-4cf9-ae59-3ed9d1348305":{"ContainerResources":{"c":{}},"PodLevelResources":null},'
        '"3c3af7fd-2234-410d-b323-05dd9e0cfc02":{"ContainerResources":{"c":{}},"PodLevelResources":null},'
        '"698d240f-4915-4b0c-be89-2417fa0a7245":{"ContainerResources":{"c":{}},"PodLevelResources":null},'
        '"b869a508-f9b5-4bd8-b847-03e68afb572d":{"ContainerResources":{"c":{}},"PodLevelResources":null}}}'
    )
    assert checksum(data) == 1063365327


@pytest.mark.parametrize("content", [b"{", b'{"data": "{}", "checksum": 1}', b"[]"])
def test_a_record_that_cannot_be_read_keeps_the_kubelet_from_starting(story: Any, c: Any, content: bytes) -> None:
    story.pod(c("a"))
    story.run("5s")
    story.node._world.stop()
    story.node._world._host_files.write(ALLOCATED, content)
    with pytest.raises(KubeletStartError, match="please drain this node and delete pod resource information"):
        story.node._run(story.node._world.start_again(), name="start kubelet again")
