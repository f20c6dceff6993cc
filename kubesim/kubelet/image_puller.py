"""Pulls images: how many at a time, how many a second, and with which logins.

Mirrors kubelet: pkg/kubelet/images/puller.go, pkg/kubelet/images/helpers.go (throttleImagePulling) and
pkg/kubelet/kuberuntime/kuberuntime_image.go (PullImage).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.errors import KubesimError
from kubesim.kernel import Kernel
from kubesim.kubelet.mutex import Mutex
from kubesim.policy.go_quote import go_quote
from kubesim.policy.image_keyring import PullLogin
from kubesim.policy.pull_policy import aggregate_text, pull_error_text
from kubesim.policy.token_bucket import full_bucket, token_taken


@dataclass(frozen=True, slots=True, kw_only=True)
class PullLimits:
    """`at_once` None: any number of pulls run side by side. `per_second` 0: any number begins in a second."""

    at_once: int | None = 1
    per_second: int = 5
    burst: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledImage:
    """A pull that worked: `took_ns` is the pull alone, without the time in the queue."""

    image_ref: str
    took_ns: int
    size_bytes: int
    login: PullLogin | None


class PullFailed(KubesimError):
    """There is no image; `str(error)` is the kubelet's text."""


class ImagePuller:
    """The one way of a kubelet process to its registries. Pulls that wait begin in the order in which they came."""

    def __init__(self, kernel: Kernel, client: CriClient, limits: PullLimits) -> None:
        self._kernel = kernel
        self._client = client
        self._turns = Mutex(limits.at_once) if limits.at_once is not None else None
        self._bucket = full_bucket(per_second=limits.per_second, burst=limits.burst) if limits.per_second > 0 else None

    async def pull(
        self, spec: api.ImageSpec, logins: Sequence[PullLogin], sandbox_config: Callable[[], api.PodSandboxConfig]
    ) -> PulledImage:
        """Pull with one login after the other, or without any when there is none. Raises PullFailed."""
        turn: AbstractAsyncContextManager[None] = self._turns or nullcontext()
        async with turn:
            began_ns = self._kernel.now_ns
            self._count()
            image_ref, login = await self._pulled(spec, logins, sandbox_config)
            size_bytes = await self._size_bytes(spec)
            took_ns = self._kernel.now_ns - began_ns
        return PulledImage(image_ref=image_ref, took_ns=took_ns, size_bytes=size_bytes, login=login)

    def _count(self) -> None:
        """A pull begins, whatever the number of its logins. Raises PullFailed for one too many."""
        if self._bucket is None:
            return
        left = token_taken(self._bucket, now_ns=self._kernel.now_ns)
        if left is None:
            raise PullFailed("pull QPS exceeded")
        self._bucket = left

    async def _pulled(
        self, spec: api.ImageSpec, logins: Sequence[PullLogin], sandbox_config: Callable[[], api.PodSandboxConfig]
    ) -> tuple[str, PullLogin | None]:
        errors = []
        for login in logins or (None,):
            question = api.PullImageRequest(image=spec, sandbox_config=sandbox_config())
            if login is not None:
                question.auth.CopyFrom(api.AuthConfig(username=login.username, password=login.password))
            try:
                answer = await self._client.pull_image(question)
            except CriError as error:
                errors.append(pull_error_text(error.code.go_name, error.message))
                continue
            if answer.image_ref:
                return answer.image_ref, login
            errors.append(f"imageRef of image {go_quote(spec.image)} is not set")
        raise PullFailed(aggregate_text(errors))

    async def _size_bytes(self, spec: api.ImageSpec) -> int:
        """The image's size for the event; 0 when the runtime does not tell, as in the kubelet."""
        try:
            answer = await self._client.image_status(api.ImageStatusRequest(image=spec))
        except CriError:
            return 0
        return answer.image.size
