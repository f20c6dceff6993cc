"""What tests of pulls share: an image of 4 MiB, and somebody who pulls it."""

import pytest

from kubesim.images.blobs.directory import BlobDirectory
from kubesim.images.registry.errors import RegistryError
from kubesim.images.registry.patience import Patience
from kubesim.images.registry.pull import PullOptions, pull
from kubesim.policy.image_reference import parse_reference

from .registry_server import digest_of

LAYER = bytes(range(256)) * 16384  # 4 MiB
LAYER_PATH = f"/blobs/{digest_of(LAYER)}"


class Puller:
    """Pulls into a directory; the waits between tries are only noted."""

    def __init__(self, into, registry):
        self.into = into
        self.registry = registry
        self.waits = []
        # As on a machine that is busy with other tests.
        self.patience = Patience(sleep=self.waits.append)

    def be_impatient(self):
        """For a registry that does not answer in any time."""
        self.patience = Patience(
            connect_seconds=20,
            answer_seconds=0.3,
            document_seconds=0.3,
            stall_seconds=0.3,
            stall_bytes=1024,
            sleep=self.waits.append,
        )

    def __call__(self, text=None, *, stop=None, **options):
        reference = parse_reference(text or f"{self.registry.host}/app:v1")
        options = PullOptions(patience=self.patience, **options)
        return pull(reference, into=self.into, options=options, stop=stop)

    def refusal(self, text=None, **options):
        """The error of a pull, which leaves the directory as it was."""
        before = self.into.digests()
        with pytest.raises(RegistryError) as caught:
            self(text, **options)
        assert self.into.digests() == before
        assert not list(self.into.path.glob(".incoming*"))
        assert caught.value.where == parse_reference(text or f"{self.registry.host}/app:v1").normalised
        return caught.value

    def content(self, digest):
        """The bytes of a blob that came."""
        blob = self.into.find(digest)
        return blob.read_at(0, blob.size_bytes)

    @property
    def layer(self):
        """The bytes of the layer that came."""
        return self.content(digest_of(LAYER))


def puller_of(registry, path):
    return Puller(BlobDirectory(path / "store"), registry)
