"""The bytes of pulls: what has to come, in which time, and what two pulls at once have to do with each other.

Rule 1: a blob that some image on the node has is not transferred again.
Rule 2: where the runtime shares content, one blob comes once: a second pull waits for it, and takes over when the first
is given up. What a pull has fetched is kept for others only while it lasts.
Rule 3: each pull has the bandwidth of its image to itself.

Mirrors containerd: core/content/helpers.go, OpenWriter (one writer for each blob), and internal/cri/server/images/
image_pull.go, pullProgressReporter; CRI-O: server/image_pull.go, consumeImagePullProgress.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from kubesim.images.image import ContentBlob, Image
from kubesim.kernel import Event, Kernel, sleep

_NS = 1_000_000_000


class NoProgress(Exception):
    """No byte of a blob came for as long as the runtime waits."""

    def __init__(self, digest: str) -> None:
        super().__init__(digest)
        self.digest = digest


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """A pull in progress."""

    reference: str
    image_id: str
    started_at_ns: int
    bytes_done: int
    bytes_total: int
    """What it has to fetch; without what is there already."""


@dataclass(slots=True, kw_only=True, eq=False)
class _Transfer:
    reference: str
    image: Image
    started_at_ns: int
    bytes_total: int
    bytes_done: int = 0
    """Of the blobs that are complete."""
    blob_bytes: int = 0
    """Of the blob that comes now."""
    blob_began_at_ns: int = 0
    fetched: list[str] = field(default_factory=list)


class ImageTransfers:
    """The transfers of one node."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        has_blob: Callable[[str], bool],
        shares_content: bool,
        progress_timeout_seconds: int,
    ) -> None:
        """`has_blob` says whether a blob is on the node. `progress_timeout_seconds` 0 = none."""
        self._kernel = kernel
        self._has_blob = has_blob
        self._shares_content = shares_content
        self._progress_timeout_seconds = progress_timeout_seconds
        self._transfers: list[_Transfer] = []
        self._fetched: Counter[str] = Counter()
        self._writers: dict[str, Event] = {}

    def progress(self) -> tuple[PullProgress, ...]:
        """Every transfer in progress, the oldest first."""
        return tuple(
            PullProgress(
                reference=transfer.reference,
                image_id=transfer.image.id,
                started_at_ns=transfer.started_at_ns,
                bytes_done=transfer.bytes_done + self._bytes_of_blob(transfer),
                bytes_total=transfer.bytes_total,
            )
            for transfer in self._transfers
        )

    def _bytes_of_blob(self, transfer: _Transfer) -> int:
        rate = transfer.image.pull.bandwidth_bytes_per_second
        if rate is None:
            return 0
        return min(transfer.blob_bytes, rate * (self._kernel.now_ns - transfer.blob_began_at_ns) // _NS)

    def missing(self, image: Image) -> list[ContentBlob]:
        """What of an image is not on the node."""
        return [blob for blob in image.blobs if not self._has_blob(blob.digest)]

    async def fetch(self, image: Image, reference: str) -> None:
        """Fetch what is missing of an image, as its fixture says.

        Raises:
            NoProgress: the runtime gave up.
        """
        missing = self.missing(image)
        transfer = _Transfer(
            reference=reference,
            image=image,
            started_at_ns=self._kernel.now_ns,
            bytes_total=sum(blob.size_bytes for blob in missing),
        )
        self._transfers.append(transfer)
        try:
            await _spend(image.pull.duration_ns)
            for blob in missing:
                await self._blob(transfer, blob)
        finally:
            self._transfers.remove(transfer)
            self._fetched -= Counter(transfer.fetched)

    async def _blob(self, transfer: _Transfer, blob: ContentBlob) -> None:
        if self._shares_content:
            await self._receive_once(transfer, blob)
        else:
            await self._receive(transfer, blob)
        transfer.bytes_done += blob.size_bytes
        transfer.blob_bytes = 0

    async def _receive_once(self, transfer: _Transfer, blob: ContentBlob) -> None:
        while (writer := self._writers.get(blob.digest)) is not None:
            await writer.wait()
        if blob.digest not in self._fetched and not self._has_blob(blob.digest):
            writer = self._writers[blob.digest] = Event()
            try:
                await self._receive(transfer, blob)
            finally:
                del self._writers[blob.digest]
                writer.set()
        transfer.fetched.append(blob.digest)
        self._fetched[blob.digest] += 1

    async def _receive(self, transfer: _Transfer, blob: ContentBlob) -> None:
        pull = transfer.image.pull
        transfer.blob_began_at_ns = self._kernel.now_ns
        transfer.blob_bytes = blob.size_bytes
        before, after = transfer.bytes_done, transfer.bytes_done + blob.size_bytes
        stall = pull.stall_after_bytes
        if stall is not None and stall < after:
            await _spend(_ns_between(transfer.image, before, max(stall, before)))
            transfer.blob_bytes = max(stall - before, 0)
            await self._stall(blob)
        # From the sum, so that the parts take as long as the whole.
        await _spend(_ns_between(transfer.image, before, after))

    async def _stall(self, blob: ContentBlob) -> None:
        if not self._progress_timeout_seconds:
            await Event().wait()
        await sleep(self._progress_timeout_seconds * _NS)
        raise NoProgress(blob.digest)


def _ns_between(image: Image, before_bytes: int, after_bytes: int) -> int:
    pull = image.pull
    return pull.time_ns(after_bytes) - pull.time_ns(before_bytes)


async def _spend(duration_ns: int) -> None:
    if duration_ns > 0:
        await sleep(duration_ns)
