"""Tokens of service accounts, as the TokenRequest API issues them: a JWT that is bound to a pod.

Nobody here could check a signature, so its bytes come from the seed. Every service account that a pod names exists.
Mirrors Kubernetes: pkg/registry/core/serviceaccount/storage/token.go, Create, and pkg/serviceaccount/claims.go, Claims.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from kubesim.kernel import Ids, Kernel
from kubesim.kubelet.token_manager import SECOND_NS, ServiceAccountToken
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import gate_enabled

ISSUER = "https://kubernetes.default.svc.cluster.local"
SIGNATURE_BYTES = 256
WARNING_SECONDS = 60 * 60 + 7
"""A token of the default volume asks for this; it is valid for a year, and whoever uses it later is warned of."""
EXTENDED_SECONDS = 365 * 24 * 60 * 60


class TokenIssuer:
    """Issues tokens on one node."""

    def __init__(self, kernel: Kernel, *, gates: Mapping[str, bool]) -> None:
        self._kernel = kernel
        self._gates = gates
        self._ids = Ids(kernel.random.fork("service accounts"))
        self._key_id = _text(bytes.fromhex(self._ids.hex(64)))
        self._uids: dict[tuple[str, str], str] = {}

    def issue(
        self, pod: v1.Pod, node: v1.Node | None, audiences: tuple[str, ...], expiration_seconds: int
    ) -> ServiceAccountToken:
        """A token for the pod's own service account; without audiences it is for the API server."""
        header = {"alg": "RS256", "kid": self._key_id}
        parts = [_text(_json(header)), _text(_json(self._claims(pod, node, audiences, expiration_seconds)))]
        parts.append(_text(bytes.fromhex(self._ids.hex(2 * SIGNATURE_BYTES))))
        expiration_ns = (self._kernel.now_ns // SECOND_NS + expiration_seconds) * SECOND_NS
        return ServiceAccountToken(token=".".join(parts), expiration_ns=expiration_ns)

    def _claims(
        self, pod: v1.Pod, node: v1.Node | None, audiences: tuple[str, ...], expiration_seconds: int
    ) -> dict[str, Any]:
        # The admission plugin ServiceAccount would have named it.
        meta, account = pod.metadata, pod.spec.service_account_name or "default"
        now_seconds = self._kernel.now_ns // SECOND_NS
        is_extended = expiration_seconds == WARNING_SECONDS and not audiences
        bound: dict[str, Any] = {
            "namespace": meta.namespace,
            "pod": {"name": meta.name, "uid": meta.uid},
            "serviceaccount": {"name": account, "uid": self._uid(meta.namespace, account)},
        }
        if node is not None and gate_enabled(self._gates, "ServiceAccountTokenPodNodeInfo"):
            bound["node"] = {"name": node.metadata.name, "uid": node.metadata.uid}
        if is_extended:
            bound["warnafter"] = now_seconds + WARNING_SECONDS
        claims: dict[str, Any] = {
            "aud": list(audiences) or [ISSUER],
            "exp": now_seconds + (EXTENDED_SECONDS if is_extended else expiration_seconds),
            "iat": now_seconds,
            "iss": ISSUER,
            "kubernetes.io": bound,
            "nbf": now_seconds,
            "sub": f"system:serviceaccount:{meta.namespace}:{account}",
        }
        if gate_enabled(self._gates, "ServiceAccountTokenJTI"):
            claims["jti"] = self._ids.uuid()
        return claims

    def _uid(self, namespace: str, account: str) -> str:
        key = (namespace, account)
        if key not in self._uids:
            self._uids[key] = self._ids.uuid()
        return self._uids[key]


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
