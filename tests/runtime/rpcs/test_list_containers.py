"""ListContainers."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import api


@pytest.fixture
def five(node: Any) -> tuple[Any, list[str], list[str]]:
    """Two pods: one with a created, a running and an exited container, one with two that run."""
    pods = [node.run_pod(node.pod_config(name)) for name in ("a", "b")]
    own = [node.pod_config(name) for name in ("a", "b")]
    made = [
        node.create(pods[0], node.container_config("true", name="c0", labels={"app": "x"}), own[0]),
        node.start(pods[0], "sleep", "100", name="c1", labels={"app": "x", "tier": "t"}, pod_config=own[0]),
        node.start(pods[0], "true", name="c2", labels={"app": "y"}, pod_config=own[0]),
        node.start(pods[1], "sleep", "100", name="c3", labels={"app": "x"}, pod_config=own[1]),
        node.start(pods[1], "sleep", "100", name="c4", pod_config=own[1]),
    ]
    node.advance(1)
    return node, pods, made


def state(value: api.ContainerState.ValueType) -> api.ContainerStateValue:
    return api.ContainerStateValue(state=value)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"state": state(api.CONTAINER_CREATED)}, [0]),
        ({"state": state(api.CONTAINER_RUNNING)}, [1, 3, 4]),
        ({"state": state(api.CONTAINER_EXITED)}, [2]),
        ({"state": state(api.CONTAINER_UNKNOWN)}, []),
        ({"label_selector": {"app": "x"}}, [0, 1, 3]),
        ({"label_selector": {"app": "x", "tier": "t"}}, [1]),
        ({"id": "zz"}, []),
        ({"pod_sandbox_id": "zz"}, []),
    ],
)
def test_filters(five: Any, selection: dict[str, Any], expected: list[int]) -> None:
    node, _, made = five
    assert {row.id for row in node.containers(**selection)} == {made[index] for index in expected}


def test_filters_by_ids_take_prefixes_and_all_parts_must_match(five: Any) -> None:
    node, pods, made = five
    assert {row.id for row in node.containers(pod_sandbox_id=pods[1][:20])} == set(made[3:])
    assert [row.id for row in node.containers(id=made[3][:20])] == [made[3]]
    assert node.containers(id=made[3], pod_sandbox_id=pods[0]) == []
    assert [row.id for row in node.containers(id=made[3], pod_sandbox_id=pods[1])] == [made[3]]
    assert [row.id for row in node.containers(pod_sandbox_id=pods[1], label_selector={"app": "x"})] == [made[3]]
    assert node.containers(id=made[3], label_selector={"app": "y"}) == []
    assert node.containers(pod_sandbox_id=pods[0], state=state(api.CONTAINER_EXITED))[0].id == made[2]


@pytest.mark.parametrize(
    ("profile", "is_found"), [("containerd-2.3", False), ("cri-o-1.28", True), ("cri-o-1.36", True)]
)
def test_a_pod_prefix_that_several_pods_have(new_node: Any, profile: str, is_found: bool) -> None:
    """CRI-O compares it with the pod of the container that the other id found, and does not look it up."""
    node = new_node(profile)
    made: dict[str, list[tuple[str, str]]] = {}
    for number in range(17):  # by then two ids begin with the same digit
        config = node.pod_config(f"p{number}")
        pod = node.run_pod(config)
        made.setdefault(pod[0], []).append((pod, node.create(pod, node.container_config("true"), config)))
    prefix, [(_, ctr), *_] = next((prefix, some) for prefix, some in made.items() if len(some) > 1)
    assert [row.id for row in node.containers(id=ctr, pod_sandbox_id=prefix)] == [ctr] * is_found
    assert node.containers(pod_sandbox_id=prefix) == [], "alone it stands for no pod"
    request = api.ListContainerStatsRequest(filter=api.ContainerStatsFilter(id=ctr, pod_sandbox_id=prefix))
    assert [row.attributes.id for row in node.do(node.cri.list_container_stats(request)).stats] == [ctr] * is_found


def test_a_row_follows_the_container(five: Any) -> None:
    node, _, made = five
    before = node.containers(id=made[1])[0]
    assert before.state == api.CONTAINER_RUNNING
    assert (before.metadata.name, before.labels["tier"]) == ("c1", "t")
    node.do(node.stopping(made[1]))
    assert node.containers(id=made[1])[0].state == api.CONTAINER_EXITED
