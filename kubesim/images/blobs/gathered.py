"""Blobs in memory, and those of other places."""

from __future__ import annotations

from kubesim.images.blobs.blob import Blob, BlobSource, BytesBlob, digest_of


class GatheredBlobs:
    """The bytes that images were made of."""

    def __init__(self) -> None:
        self._blobs: dict[str, Blob] = {}
        self._places: list[BlobSource] = []

    def keep(self, content: bytes) -> None:
        """Keep a blob."""
        digest = digest_of(content, like="sha256:")
        self._blobs[digest] = BytesBlob(digest, content)

    def add(self, blob: Blob) -> None:
        """Keep a blob under the digest that it has by its own word."""
        self._blobs[blob.digest] = blob

    def look_in(self, place: BlobSource) -> None:
        """Look for blobs in another place too."""
        self._places.append(place)

    def find(self, digest: str) -> Blob | None:
        """The blob with a digest; None when it is not there."""
        found = self._blobs.get(digest)
        if found is not None:
            return found
        return next((blob for place in self._places if (blob := place.find(digest)) is not None), None)
