"""The images of the runtime, as the status of a node shows them: listed every 30 s.

Mirrors kubelet: pkg/kubelet/images/image_gc_manager.go (Start, GetImageList).
"""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.cri import api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Beat, Idle, Kernel, Looks
from kubesim.kubelet.klog import Klog

IMAGE_LIST_NS = 30 * 10**9

_REQUEST = api.ListImagesRequest()


class ImageList:
    """`newest` is the last list that the runtime gave."""

    def __init__(self, kernel: Kernel, client: CriClient, *, klog: Klog) -> None:
        self._kernel = kernel
        self._client = client
        self._klog = klog
        self._answer = b""
        self._again = client.again(methods.LIST_IMAGES, _REQUEST)
        self.newest: Sequence[api.Image] = ()

    async def run(self) -> None:
        """List for ever. A list that fails leaves the one before."""
        beat, idle = Beat(self._kernel), Idle(note=self._list_again, still_holds=self._still_holds)
        while True:
            before, self._answer = self._answer, b""
            try:
                self._answer = await self._client.call_encoded(methods.LIST_IMAGES, _REQUEST)
                if self._answer != before or not self._answer:
                    self.newest = tuple(api.ListImagesResponse.FromString(self._answer).images)
            except CriError as error:
                self._klog.info("Failed to update image list", err=error.go_text)
            is_in_vain = self._again is not None and self._answer == before != b""
            await beat.wait(IMAGE_LIST_NS, idle if is_in_vain else None)

    def _still_holds(self) -> bool:
        """Whether the runtime has the same images."""
        return self._client.peek(methods.LIST_IMAGES, _REQUEST) == self._answer

    def _list_again(self, looks: Looks) -> None:
        """Lists of the same images, because nothing has happened since the last."""
        if self._again is not None:
            self._again(self._answer, looks)
