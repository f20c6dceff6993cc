"""Secrets of the emulated API server."""

from typing import Any

import pytest

import kubesim
from kubesim.errors import InputError


def secret(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}, **more}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"type": "example.com/other"}, 'type: Invalid value: "example.com/other": field is immutable'),
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
        with pytest.raises(InputError, match="delete the secret first") as caught:
            node.apply(secret(**change))
        assert f'Secret "s" is invalid: {text}' in str(caught.value)


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
