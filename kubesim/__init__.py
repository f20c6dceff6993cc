"""kubesim: a kubelet-side behaviour emulator.

    with kubesim.Node() as node:            # a kubelet over an emulated runtime, in virtual time
        node.apply("pod.yaml")
        node.advance("30s")
        print(node.pod("default/web")["status"])

    kubesim.resolve_identity(...)           # which uid, gid and groups does a container get, and why

Importing kubesim is light: every name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubesim.cri.errors import CriError
    from kubesim.errors import ExpectationFailed, InputError, KubesimError, SimulationStalled
    from kubesim.kubelet.start_error import KubeletStartError
    from kubesim.node.node import Node
    from kubesim.policy.feature_gates import FeatureGate, feature_gates
    from kubesim.policy.identity import Identity, IdentityError
    from kubesim.policy.preshutdown_order import preshutdown_order
    from kubesim.policy.shutdown_groups import group_by_priority, migrate_shutdown_config
    from kubesim.runtime.identity_lookup import resolve_identity

__version__ = "0.1.0"

__all__ = [
    "CriError",
    "ExecResult",
    "ExpectationFailed",
    "FeatureGate",
    "Identity",
    "IdentityError",
    "InputError",
    "KubeletStartError",
    "KubesimError",
    "Node",
    "SimulationStalled",
    "__version__",
    "feature_gates",
    "group_by_priority",
    "migrate_shutdown_config",
    "preshutdown_order",
    "resolve_identity",
]

_HOMES = {
    "CriError": "kubesim.cri.errors",
    "ExecResult": "kubesim.node.running_container",
    "ExpectationFailed": "kubesim.errors",
    "FeatureGate": "kubesim.policy.feature_gates",
    "Identity": "kubesim.policy.identity",
    "IdentityError": "kubesim.policy.identity",
    "InputError": "kubesim.errors",
    "KubeletStartError": "kubesim.kubelet.start_error",
    "KubesimError": "kubesim.errors",
    "Node": "kubesim.node.node",
    "SimulationStalled": "kubesim.errors",
    "feature_gates": "kubesim.policy.feature_gates",
    "group_by_priority": "kubesim.policy.shutdown_groups",
    "migrate_shutdown_config": "kubesim.policy.shutdown_groups",
    "preshutdown_order": "kubesim.policy.preshutdown_order",
    "resolve_identity": "kubesim.runtime.identity_lookup",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'kubesim' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
