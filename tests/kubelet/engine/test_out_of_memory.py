"""Memory that runs out: what becomes of a container whose child it was that took too much.

containerd calls a container OOMKilled once anything in its cgroup was.
"""

from typing import Any

import pytest

CHILD = "tail /dev/zero; echo child $? > /dev/termination-log; sleep 2; exit 0"


@pytest.mark.parametrize(
    ("config", "state"),
    [
        ({}, {"exitCode": 137, "reason": "OOMKilled"}),
        ({"singleProcessOOMKill": False}, {"exitCode": 137, "reason": "OOMKilled"}),
        ({"singleProcessOOMKill": True}, {"exitCode": 0, "reason": "OOMKilled", "message": "child 137\n"}),
    ],
)
def test_a_child_takes_its_container_along(
    new_story: Any, c: Any, config: dict[str, Any], state: dict[str, Any]
) -> None:
    story = new_story(config=config)
    story.pod(c("a", "sh", "-c", CHILD, resources={"limits": {"memory": "16Mi"}}), restartPolicy="Never")
    story.run("20s")
    (status,) = story.status()["containerStatuses"]
    ended = {key: value for key, value in status["state"]["terminated"].items() if key in {*state, "message"}}
    assert ended == state


def test_control_groups_of_version_1_are_not_ended_as_a_whole(new_story: Any, c: Any) -> None:
    story = new_story(cgroup_version=1, config={"failCgroupV1": False})
    story.pod(c("a"))
    story.run("5s")
    created = next(one.request for one in story.node.journal if one.method == "CreateContainer")
    assert not created.config.linux.resources.unified
