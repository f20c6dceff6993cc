"""The ConfigMaps and Secrets of the emulated API server.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidateConfigMapUpdate and ValidateSecretUpdate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import format_rfc3339

Stored = TypeVar("Stored", v1.ConfigMap, v1.Secret)


class ObjectStore(Generic[Stored]):
    """Stores the objects of one kind by `namespace/name`. `next_revision` gives the resource version of a write."""

    def __init__(self, kernel: Kernel, *, kind: str, next_revision: Callable[[], str]) -> None:
        """`kind` is a word of messages: "secret", "configmap"."""
        self._kernel = kernel
        self._kind = kind
        self._next_revision = next_revision
        self._objects: dict[str, Stored] = {}

    def apply(self, one: Stored) -> Stored:
        """Store a defaulted, valid object, or change the one of its name. Raises InputError for what may not change."""
        key = f"{one.metadata.namespace}/{one.metadata.name}"
        before = self._objects.get(key)
        if before is None:
            uid, created = self._kernel.ids.uuid(), format_rfc3339(self._kernel.now_ns)
        else:
            self._check_update(key, before, one)
            uid, created = before.metadata.uid, before.metadata.creation_timestamp or ""
        meta = replace(one.metadata, uid=uid, creation_timestamp=created, resource_version=self._next_revision())
        stored = self._objects[key] = replace(one, metadata=meta)
        return stored

    def get(self, key: str) -> Stored | None:
        """The object `namespace/name`, None when there is none."""
        return self._objects.get(key)

    def delete(self, key: str) -> None:
        """Forget the object `namespace/name`. Raises InputError when there is none."""
        if self._objects.pop(key, None) is None:
            known = ", ".join(sorted(self._objects)) or "none"
            raise InputError(f"there is no such {self._kind}", where=key, hint=f"{self._kind}s: {known}")

    def _check_update(self, key: str, before: Stored, after: Stored) -> None:
        problem = _problem_of_update(before, after)
        if problem:
            text = f'{after.kind} "{after.metadata.name}" is invalid: {problem}'
            raise InputError(text, where=key, hint=f"delete the {self._kind} first")


def _problem_of_update(before: Stored, after: Stored) -> str:
    if isinstance(before, v1.Secret) and isinstance(after, v1.Secret) and after.type != before.type:
        return f'type: Invalid value: "{after.type}": field is immutable'
    if not before.immutable:
        return ""
    frozen = "Forbidden: field is immutable when `immutable` is set"
    if not after.immutable:
        return f"immutable: {frozen}"
    if after.data != before.data:
        return f"data: {frozen}"
    if isinstance(before, v1.Secret) or isinstance(after, v1.Secret):
        return ""
    return f"binaryData: {frozen}" if after.binary_data != before.binary_data else ""
