"""Which handler of the runtime a pod asks for by its RuntimeClass.

Mirrors kubelet: pkg/kubelet/runtimeclass/runtimeclass_manager.go, LookupRuntimeHandler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kubesim.errors import KubesimError
from kubesim.model import k8s_v1 as v1
from kubesim.model.runtime_class import RuntimeClass


class RuntimeClassNotFound(KubesimError):
    """There is no RuntimeClass of that name; the text is the API server's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeClasses:
    """Looks classes up afresh each time: a running pod outlives the one that it was made with."""

    get: Callable[[str], RuntimeClass | None]

    def handler(self, pod: v1.Pod) -> str:
        """The handler, "" for the runtime's default. Raises RuntimeClassNotFound."""
        name = pod.spec.runtime_class_name
        if not name:
            return ""
        found = self.get(name)
        if found is None:
            raise RuntimeClassNotFound(f'runtimeclass.node.k8s.io "{name}" not found')
        return found.handler
