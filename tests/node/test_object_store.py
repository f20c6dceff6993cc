"""ConfigMaps and Secrets of the emulated API server."""

from typing import Any

import pytest

import kubesim
from kubesim.errors import InputError


def secret(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}, **more}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"type": "example.com/other", "immutable": True},
            'type: Invalid value: "example.com/other": field is immutable',
        ),
        ({}, "immutable: Forbidden: field is immutable when `immutable` is set"),
        (
            {"immutable": True, "stringData": {"a": "2"}},
            "data: Forbidden: field is immutable when `immutable` is set",
        ),
    ],
)
def test_what_may_not_change(change: dict[str, Any], text: str) -> None:
    with kubesim.Node() as node:
        node.apply(secret(immutable=True))
        with pytest.raises(InputError) as caught:
            node.apply(secret(**change))
        assert str(caught.value) == f"<dict>: {text}"


def test_a_secret_keeps_its_uid() -> None:
    with kubesim.Node() as node:
        store = node._world.api.secrets
        node.apply(secret())
        first = store.get("default/s")
        node.apply(secret(stringData={"a": "2"}))
        second = store.get("default/s")
        assert first is not None
        assert second is not None
        assert first.metadata.uid == second.metadata.uid
        assert first.metadata.resource_version != second.metadata.resource_version
        assert second.data == {"a": "Mg=="}


def test_delete() -> None:
    with kubesim.Node() as node:
        node.apply(secret())
        node.delete("secret/default/s")
        with pytest.raises(InputError, match="there is no such secret; secrets: none"):
            node.delete("secret/default/s")


def test_a_source_of_secrets_alone() -> None:
    with kubesim.Node() as node:
        assert node.apply(secret()) == ["secret/default/s"]
        assert node.pods() == []


def config_map(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}, **more}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "immutable: Forbidden: field is immutable when `immutable` is set"),
        ({"immutable": True, "data": {}}, "data: Forbidden: field is immutable when `immutable` is set"),
        (
            {"immutable": True, "binaryData": {"b": "eA=="}},
            "binaryData: Forbidden: field is immutable when `immutable` is set",
        ),
    ],
)
def test_what_may_not_change_of_a_config_map(change: dict[str, Any], text: str) -> None:
    with kubesim.Node() as node:
        assert node.apply(config_map(immutable=True)) == ["configmap/default/c"]
        node.apply(config_map(immutable=True))
        with pytest.raises(InputError) as caught:
            node.apply(config_map(**change))
        assert str(caught.value) == f"<dict>: {text}"


def test_a_config_map_can_be_deleted() -> None:
    with kubesim.Node() as node:
        node.apply(config_map())
        node.delete("configmap/default/c")
        with pytest.raises(InputError, match="there is no such configmap; configmaps: none"):
            node.delete("configmap/default/c")


def test_a_pod_of_a_namespace_that_is_called_secret() -> None:
    with kubesim.Node() as node:
        pod = {"metadata": {"name": "p", "namespace": "secret"}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
        node.apply({"apiVersion": "v1", "kind": "Pod", **pod})
        node.delete("secret/p", grace_seconds=0)
        assert node.pods() == []
