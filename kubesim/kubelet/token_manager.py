"""The tokens of service accounts that pods have in their volumes: asked for once, and again before they expire.

Mirrors kubelet: pkg/kubelet/token/token_manager.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1

SECOND_NS = 1_000_000_000
TTL_MAX_NS = 24 * 3600 * SECOND_NS
JITTER_SECONDS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountToken:
    """An answer of the TokenRequest API."""

    token: str
    expiration_ns: int


CreateToken = Callable[[v1.Pod, tuple[str, ...], int], ServiceAccountToken]
"""Asks for a token that is bound to a pod: its audiences, and how many seconds it is to be valid."""


class TokenManager:
    """Keeps a token for each pod, audience and validity."""

    def __init__(self, kernel: Kernel, create: CreateToken) -> None:
        self._kernel = kernel
        self._create = create
        self._prng = kernel.random.fork("service account tokens")
        self._tokens: dict[str, dict[tuple[tuple[str, ...], int], ServiceAccountToken]] = {}

    def token(self, pod: v1.Pod, audiences: tuple[str, ...], expiration_seconds: int) -> str:
        """The token, a new one once the old one has lived for 80 % of its time, or for a day."""
        tokens = self._tokens.setdefault(pod.metadata.uid, {})
        key = (audiences, expiration_seconds)
        known = tokens.get(key)
        if known is None or self._is_old(known, expiration_seconds):
            known = tokens[key] = self._create(pod, audiences, expiration_seconds)
        return known.token

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._tokens.pop(uid, None)

    def _is_old(self, token: ServiceAccountToken, expiration_seconds: int) -> bool:
        now_ns = self._kernel.now_ns
        issued_ns = token.expiration_ns - expiration_seconds * SECOND_NS
        jitter_ns = self._prng.below(JITTER_SECONDS_MAX) * SECOND_NS
        last_fifth_ns = expiration_seconds * 20 // 100 * SECOND_NS
        return now_ns > issued_ns + TTL_MAX_NS - jitter_ns or now_ns > token.expiration_ns - last_fifth_ns - jitter_ns
