"""Pulls from a registry of this process: what comes, and what lies in the directory afterwards."""

import threading

import pytest

from kubesim.images.blobs.directory import BlobDirectory
from kubesim.images.registry.errors import RegistryError
from kubesim.images.registry.incoming import sweep_incoming
from kubesim.images.registry.patience import Patience, Stop
from kubesim.images.registry.pull import PullLimits, pull, pull_image
from kubesim.policy.image_reference import parse_reference

from .real_image import push_busybox
from .registry_pulls import LAYER, puller_of
from .registry_server import OCI_MANIFEST, as_json, digest_of, registry_server


@pytest.fixture
def registry():
    with registry_server() as found:
        yield found


@pytest.fixture
def into(tmp_path):
    return BlobDirectory(tmp_path / "images")


@pytest.fixture
def puller(registry, tmp_path):
    return puller_of(registry, tmp_path)


def test_a_pull_by_tag_brings_the_manifest_and_all_it_names(registry, puller):
    manifest = registry.push("app", "v1", [LAYER, b"second"])

    found = puller(f"{registry.host}/app:v1")

    assert found.digest == digest_of(manifest)
    assert found.size == len(manifest)
    assert found.media_type == OCI_MANIFEST
    assert puller.content(found.digest) == manifest
    assert puller.content(digest_of(LAYER)) == LAYER
    assert len(puller.into.digests()) == 4
    assert not list(puller.into.path.glob(".incoming*"))
    first = registry.asked[0]
    assert "application/vnd.oci.image.index.v1+json" in first.headers["Accept"]
    assert first.headers["Accept-Encoding"] == "identity"
    assert first.query == {}


def test_what_is_there_is_not_fetched_again(registry, puller):
    registry.push("app", "v1", [LAYER])
    registry.push("app", "v2", [LAYER, b"more"])
    puller(f"{registry.host}/app:v1")
    before = len(registry.asked)

    puller(f"{registry.host}/app:v2")

    later = registry.paths()[before:]
    assert f"/v2/app/blobs/{digest_of(LAYER)}" not in later
    assert f"/v2/app/blobs/{digest_of(b'more')}" in later


def test_progress_tells_of_every_blob_to_its_end(registry, puller):
    registry.push("app", "v1", [LAYER])
    told = []

    puller(f"{registry.host}/app:v1", progress=lambda *call: told.append(call))

    of_layer = [done for digest, done, total in told if digest == digest_of(LAYER) and total == len(LAYER)]
    assert of_layer[0] == 0
    assert of_layer[-1] == len(LAYER)
    assert of_layer == sorted(of_layer)


class TestStop:
    def test_a_pull_that_is_stopped_ends_at_once_and_leaves_nothing(self, registry, puller):
        registry.push("app", "v1", [LAYER])
        stop = Stop()
        puller.patience = Patience()  # it would wait for half a minute

        def never_end(handler):
            handler.answer(200, LAYER[:1000], length=len(LAYER))
            stop.set()
            threading.Event().wait(5)

        registry.behave(f"/blobs/{digest_of(LAYER)}", never_end)

        error = puller.refusal(f"{registry.host}/app:v1", stop=stop)

        assert error.failure.kind == "stopped"

    def test_a_pull_that_was_stopped_before_it_began(self, registry, puller):
        stop = Stop()
        stop.set()

        assert puller.refusal(f"{registry.host}/app:v1", stop=stop).failure.kind == "stopped"
        assert registry.asked == []


class TestLimits:
    def test_a_layer_that_is_too_large_by_its_own_word(self, registry, puller):
        registry.push("app", "v1", [LAYER])

        error = puller.refusal(f"{registry.host}/app:v1", limits=PullLimits(blob_bytes_max=1000))

        assert "layer 1 of 1 has 4194304 bytes, 1000 are taken" in str(error)
        assert not any("/blobs/" in path for path in registry.paths())

    def test_an_image_that_is_too_large_altogether(self, registry, puller):
        registry.push("app", "v1", [LAYER, LAYER[::-1]])

        error = puller.refusal(f"{registry.host}/app:v1", limits=PullLimits(image_bytes_max=5_000_000))

        assert "are taken" in str(error)
        assert error.failure.kind == "too-large"

    def test_more_than_the_disk_holds(self, registry, puller):
        manifest = as_json(
            {
                "schemaVersion": 2,
                "config": {"mediaType": "x", "digest": digest_of(b"c"), "size": 1},
                "layers": [{"mediaType": "x", "digest": digest_of(b"l"), "size": 2**60}],
            }
        )
        registry.put("app", "v1", manifest, OCI_MANIFEST)
        endless = PullLimits(blob_bytes_max=2**62, image_bytes_max=2**62)

        error = puller.refusal(f"{registry.host}/app:v1", limits=endless)

        assert error.failure.kind == "storage"
        assert "has room for" in str(error)


class TestStorage:
    def test_a_directory_that_cannot_be_made(self, registry, tmp_path):
        registry.push("app", "v1")
        (tmp_path / "file").write_text("")

        with pytest.raises(RegistryError) as caught:
            pull(parse_reference(f"{registry.host}/app:v1"), into=BlobDirectory(tmp_path / "file" / "store"))

        assert caught.value.failure.kind == "storage"
        assert caught.value.step == "store"
        assert registry.asked == []

    def test_a_place_that_is_taken_by_something_else(self, registry, puller):
        """What was given its place before goes again."""
        registry.push("app", "v1", [LAYER])
        puller.into.path.mkdir()
        (puller.into.path / "blobs").write_text("")

        error = puller.refusal(f"{registry.host}/app:v1")

        assert error.failure.kind == "storage"

    def test_blobs_that_are_there_keep_their_inode(self, registry, puller):
        """Somebody may be reading them."""
        manifest = registry.push("app", "v1", [LAYER])
        puller(f"{registry.host}/app:v1")
        place = puller.into.path / "blobs" / "sha256" / digest_of(manifest).removeprefix("sha256:")
        before = place.stat()

        puller(f"{registry.host}/app:v1")

        assert place.stat().st_ino == before.st_ino

    def test_what_a_killed_pull_left_is_swept(self, tmp_path):
        (tmp_path / ".incoming-1" / "blobs").mkdir(parents=True)
        (tmp_path / "blobs").mkdir()

        sweep_incoming(tmp_path)

        assert [one.name for one in tmp_path.iterdir()] == ["blobs"]


class TestImages:
    def test_an_image_can_be_read(self, registry, into):
        push_busybox(registry, "app", "v1", files={"/etc/hello": b"hello"}, user="7")

        image = pull_image(parse_reference(f"{registry.host}/app:v1"), into=into)

        assert image.references == (f"{registry.host}/app:v1",)
        assert image.config.user == "7"
        assert image.tree.resolve("/etc/hello").node.content == b"hello"

    @pytest.mark.parametrize(
        ("diff_ids", "said"),
        [
            ([], "0 diff_ids, but the manifest has 1 layers"),
            ([digest_of(b"no tar at all")], "the archive is truncated within a header"),
        ],
    )
    def test_one_that_cannot_be_opened_leaves_nothing(self, registry, into, diff_ids, said):
        rootfs = {"type": "layers", "diff_ids": diff_ids}
        registry.push("app", "v1", [b"no tar at all"], config={"rootfs": rootfs})

        with pytest.raises(RegistryError) as caught:
            pull_image(parse_reference(f"{registry.host}/app:v1"), into=into)

        assert caught.value.step == "content"
        assert caught.value.failure.kind == "malformed"
        assert said in str(caught.value)
        assert into.digests() == []

    def test_one_that_cannot_be_opened_leaves_what_was_there(self, registry, into):
        push_busybox(registry, "app", "v1", files={"/n": b"1"})
        pull_image(parse_reference(f"{registry.host}/app:v1"), into=into)
        before = into.digests()
        layers = [blob for blob in registry.blobs.values() if not blob.startswith(b"{")]
        registry.push("app", "v2", layers)

        with pytest.raises(RegistryError):
            pull_image(parse_reference(f"{registry.host}/app:v2"), into=into)

        assert into.digests() == before
