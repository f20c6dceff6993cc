"""ListPodSandbox."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import api


@pytest.fixture
def three(node: Any) -> tuple[Any, list[str]]:
    """Three sandboxes; the last one is stopped."""
    labels = ({"app": "a"}, {"app": "b"}, {"app": "a", "tier": "x"})
    pods = [node.run_pod(node.pod_config(f"p{index}", labels=own)) for index, own in enumerate(labels)]
    node.stop_pod(pods[2])
    return node, pods


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"state": api.PodSandboxStateValue(state=api.SANDBOX_READY)}, [0, 1]),
        ({"state": api.PodSandboxStateValue(state=api.SANDBOX_NOTREADY)}, [2]),
        ({"label_selector": {"app": "a"}}, [0, 2]),
        ({"label_selector": {"app": "a", "tier": "x"}}, [2]),
        ({"label_selector": {"tier": ""}}, []),
        ({"id": "ffffffff"}, []),
        ({"id": "not hex"}, []),
    ],
)
def test_filters(three: Any, selection: dict[str, Any], expected: list[int]) -> None:
    node, pods = three
    assert {item.id for item in node.pods(**selection)} == {pods[index] for index in expected}


def test_a_filter_by_id_takes_a_prefix_and_all_parts_must_match(three: Any) -> None:
    node, pods = three
    assert [item.id for item in node.pods(id=pods[1][:16])] == [pods[1]]
    assert node.pods(id=pods[1], label_selector={"app": "a"}) == []


def test_a_row_follows_the_sandbox(three: Any) -> None:
    node, pods = three
    before = node.pods(id=pods[0])[0]
    node.stop_pod(pods[0])
    after = node.pods(id=pods[0])[0]
    assert (before.state, after.state) == (api.SANDBOX_READY, api.SANDBOX_NOTREADY)
    after.labels["app"] = "changed by the caller"
    assert node.pods(id=pods[0])[0].labels["app"] == "a"
