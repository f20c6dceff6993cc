"""The Secrets of the emulated API server.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, ValidateSecretUpdate.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import format_rfc3339


class SecretStore:
    """Stores Secrets by `namespace/name`. `next_revision` gives the resource version of a write."""

    def __init__(self, kernel: Kernel, *, next_revision: Callable[[], str]) -> None:
        self._kernel = kernel
        self._next_revision = next_revision
        self._secrets: dict[str, v1.Secret] = {}

    def apply(self, secret: v1.Secret) -> v1.Secret:
        """Store a defaulted, valid Secret, or change the one of its name. Raises InputError for what may not change."""
        key = f"{secret.metadata.namespace}/{secret.metadata.name}"
        before = self._secrets.get(key)
        if before is None:
            uid, created = self._kernel.ids.uuid(), format_rfc3339(self._kernel.now_ns)
        else:
            _check_update(key, before, secret)
            uid, created = before.metadata.uid, before.metadata.creation_timestamp or ""
        meta = replace(secret.metadata, uid=uid, creation_timestamp=created, resource_version=self._next_revision())
        stored = self._secrets[key] = replace(secret, metadata=meta)
        return stored

    def get(self, key: str) -> v1.Secret | None:
        """The Secret `namespace/name`, None when there is none."""
        return self._secrets.get(key)

    def delete(self, key: str) -> None:
        """Forget the Secret `namespace/name`. Raises InputError when there is none."""
        if self._secrets.pop(key, None) is None:
            known = ", ".join(sorted(self._secrets)) or "none"
            raise InputError("there is no such secret", where=key, hint=f"secrets: {known}")


def _check_update(key: str, before: v1.Secret, after: v1.Secret) -> None:
    problem = ""
    if after.type != before.type:
        problem = f'type: Invalid value: "{after.type}": field is immutable'
    elif before.immutable and not after.immutable:
        problem = "immutable: Forbidden: field is immutable when `immutable` is set"
    elif before.immutable and after.data != before.data:
        problem = "data: Forbidden: field is immutable when `immutable` is set"
    if problem:
        name = after.metadata.name
        raise InputError(f'Secret "{name}" is invalid: {problem}', where=key, hint="delete the secret first")
