"""The ConfigMaps and Secrets that a pod reads, with the errors of those that are not there.

Mirrors kubelet: pkg/kubelet/util/manager/watch_based_manager.go, objectCache.Get: what the API server holds is seen at
once.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

from kubesim.errors import KubesimError
from kubesim.model import k8s_v1 as v1


class ObjectNotFound(KubesimError):
    """There is no such object; the text is the API server's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigObjects:
    """Reads objects by namespace and name, afresh each time."""

    get_config_map: Callable[[str, str], v1.ConfigMap | None]
    get_secret: Callable[[str, str], v1.Secret | None]

    def config_map_text(self, namespace: str, name: str) -> dict[str, str]:
        """The texts of a ConfigMap, without its binary data. Raises ObjectNotFound."""
        return dict(self._config_map(namespace, name).data)

    def config_map_data(self, namespace: str, name: str) -> dict[str, bytes]:
        """All values of a ConfigMap. Raises ObjectNotFound."""
        found = self._config_map(namespace, name)
        binary = {key: base64.b64decode(text) for key, text in found.binary_data.items()}
        return {**{key: text.encode() for key, text in found.data.items()}, **binary}

    def secret_data(self, namespace: str, name: str) -> dict[str, bytes]:
        """All values of a Secret. Raises ObjectNotFound."""
        found = self.get_secret(namespace, name)
        if found is None:
            raise ObjectNotFound(f'secret "{name}" not found')
        return {key: base64.b64decode(text) for key, text in found.data.items()}

    def _config_map(self, namespace: str, name: str) -> v1.ConfigMap:
        found = self.get_config_map(namespace, name)
        if found is None:
            raise ObjectNotFound(f'configmap "{name}" not found')
        return found
