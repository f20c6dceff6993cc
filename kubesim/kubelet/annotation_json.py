"""Parts of a container's definition that its annotations keep as JSON, with the fields in the order of Go's structs.

Mirrors kubelet: pkg/kubelet/kuberuntime/labels.go, newContainerAnnotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kubesim.model import k8s_v1 as v1
from kubesim.policy.go_json_text import go_json_text

_FIELDS = (
    *("exec", "httpGet", "tcpSocket", "sleep", "command"),
    *("name", "hostPort", "containerPort", "protocol", "hostIP"),
    *("path", "port", "host", "scheme", "httpHeaders", "value", "seconds"),
)
_RANKS = {name: rank for rank, name in enumerate(_FIELDS)}


def ports_json(ports: Sequence[v1.ContainerPort]) -> str:
    """The value of io.kubernetes.container.ports."""
    return go_json_text(_in_order(msgspec.to_builtins(ports)))


def handler_json(handler: v1.LifecycleHandler) -> str:
    """The value of io.kubernetes.container.preStopHandler."""
    return go_json_text(_in_order(msgspec.to_builtins(handler)))


def _in_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value, key=_RANKS.__getitem__)}
    if isinstance(value, list):
        return [_in_order(one) for one in value]
    return value
