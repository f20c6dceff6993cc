"""A patch of a pod: what stays, what is changed, and what is none."""

from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.node.pod_patch import merged

APP = {"name": "app", "image": "x", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}
SIDE = {"name": "side", "image": "y"}
POLICY = [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]


@pytest.mark.parametrize(
    ("value", "patch", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": 1}, {"b": None}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
        ({}, {"a": {"b": {"c": None, "d": 1}}}, {"a": {"b": {"d": 1}}}),
        ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
        ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
        ({"resizePolicy": POLICY}, {"resizePolicy": []}, {"resizePolicy": []}),
        ({"containers": [APP]}, {"containers": []}, {"containers": [APP]}),
        ({"containers": [APP]}, {"containers": None}, {}),
        ({"containers": [APP]}, {"containers": [SIDE]}, {"containers": [APP, SIDE]}),
        (
            {"containers": [SIDE, APP]},
            {"containers": [{"name": "app", "resources": {"requests": {"cpu": "2"}}}]},
            {"containers": [SIDE, {**APP, "resources": {"requests": {"cpu": "2", "memory": "1Gi"}}}]},
        ),
        (
            {"containers": [APP]},
            {"containers": [{"name": "app", "resources": {"requests": {"memory": None}}}]},
            {"containers": [{**APP, "resources": {"requests": {"cpu": "1"}}}]},
        ),
        ({}, {"initContainers": [{"name": "i", "image": None}]}, {"initContainers": [{"name": "i"}]}),
        (
            {"resources": {"claims": [{"name": "a", "request": "r"}]}},
            {"resources": {"claims": [{"name": "b"}]}},
            {"resources": {"claims": [{"name": "a", "request": "r"}, {"name": "b"}]}},
        ),
    ],
)
def test_merged(value: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]) -> None:
    before = repr((value, patch))

    assert merged(value, patch) == expected
    assert repr((value, patch)) == before


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ({"$patch": "replace"}, "the directive '$patch' is not known here; give fields to change"),
        ({"spec": {"$retainKeys": ["a"]}}, "spec: the directive '$retainKeys' is not known here"),
        ({"spec": {1: 2}}, "spec: the directive 1 is not known here"),
        ({"spec": {"containers": [{"image": "z"}]}}, "spec.containers[0]: does not contain declared merge key: name"),
        ({"spec": {"containers": [APP, 1]}}, "spec.containers[1]: does not contain declared merge key: name"),
        ({"spec": {"containers": [{"name": None}]}}, "spec.containers[0]: does not contain declared merge key: name"),
        (
            {"spec": {"containers": [{"name": "app", "$patch": "delete"}]}},
            "spec.containers[0]: the directive '$patch' is not known here",
        ),
    ],
)
def test_what_is_no_patch(patch: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError) as refused:
        merged({"spec": {"containers": [APP]}}, patch)

    assert str(refused.value).startswith(text)
