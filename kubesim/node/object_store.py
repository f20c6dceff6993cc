"""The objects that the emulated API server keeps beside pods."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.runtime_class import RuntimeClass
from kubesim.model.timestamps import format_rfc3339
from kubesim.model.validation.field_error import FieldError

Stored = TypeVar("Stored", v1.ConfigMap, v1.Secret, v1.Service, RuntimeClass)


class ObjectStore(Generic[Stored]):
    """Stores the objects of one kind by `object_key`. `next_revision` gives the resource version of a write."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        kind: str,
        update_errors: Callable[[Stored, Stored], Iterable[FieldError]],
        next_revision: Callable[[], str],
    ) -> None:
        """`kind` is a word of messages: "secret", "configmap"; `update_errors` judges a change, new and old."""
        self._kernel = kernel
        self._kind = kind
        self._update_errors: Callable[[Stored, Stored], Iterable[FieldError]] = update_errors
        self._next_revision = next_revision
        self._objects: dict[str, Stored] = {}

    def apply(self, one: Stored) -> Stored:
        """Store a defaulted, valid object, or change the one of its name. Raises InputError for what may not change."""
        key = object_key(one.metadata)
        before = self._objects.get(key)
        if before is None:
            uid, created = self._kernel.ids.uuid(), format_rfc3339(self._kernel.now_ns)
        else:
            refused = self.refusals(one)
            if refused:
                raise join_errors(InputError(str(error), where=key) for error in refused)
            uid, created = before.metadata.uid, before.metadata.creation_timestamp or ""
        meta = replace(one.metadata, uid=uid, creation_timestamp=created, resource_version=self._next_revision())
        stored = self._objects[key] = replace(one, metadata=meta)
        return stored

    def get(self, key: str) -> Stored | None:
        """The object `namespace/name`, None when there is none."""
        return self._objects.get(key)

    def all(self) -> tuple[Stored, ...]:
        """Every object, in the order of their creation."""
        return tuple(self._objects.values())

    def delete(self, key: str) -> None:
        """Forget the object `namespace/name`. Raises InputError when there is none."""
        if self._objects.pop(key, None) is None:
            known = ", ".join(sorted(self._objects)) or "none"
            raise InputError(f"there is no such {self._kind}", where=key, hint=f"{self._kind}s: {known}")

    def refusals(self, one: Stored) -> list[FieldError]:
        """What stands against a defaulted, valid object that is there already; empty for a new one."""
        before = self._objects.get(object_key(one.metadata))
        if before is None:
            return []
        changed = replace(one, metadata=replace(one.metadata, uid=before.metadata.uid))
        return list({str(error): error for error in self._update_errors(changed, before)}.values())


def object_key(meta: v1.ObjectMeta) -> str:
    """`namespace/name`; the name alone of an object without a namespace."""
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
