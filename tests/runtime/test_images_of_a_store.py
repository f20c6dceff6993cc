"""Images of a store on a node: pulled, run, read on demand, found again; and a store that breaks under the node."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.cri.errors import Code
from kubesim.images.blobs.gathered import GatheredBlobs
from kubesim.images.documents import Descriptor
from kubesim.images.fixtures import fixtures_of, image_from_fixture, load_catalogue
from kubesim.images.oci import ImageConfig
from kubesim.images.store import ImageStore
from kubesim.model.frozen_records import replace
from kubesim.runtime.state_restore import ImageKey

NAME = "registry.example/stored:1"
DOCUMENT = f"""\
apiVersion: kubesim/v1
kind: Image
metadata: {{name: "{NAME}"}}
spec:
  env: {{PATH: /bin}}
  cmd: [sleep, "1000"]
  files:
    /etc/motd: hello from the store
    /bin/: {{userland: busybox}}
"""


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    file = tmp_path / "image.yaml"
    file.write_text(DOCUMENT)
    (fixture,) = fixtures_of(file)
    gathered = GatheredBlobs()
    image = image_from_fixture(fixture, directory=tmp_path, gathered=gathered)
    found = ImageStore(tmp_path / "store")
    with found.changing() as change:
        descriptor = Descriptor(digest=image.digest, size=len(image.manifest_json))
        change.enter(change.copy(gathered, descriptor, where="test"), (NAME,), where="test")
    return ImageStore(found.path)


def running(node: Any, store: ImageStore) -> str:
    """A container of the image."""
    node.catalogue._more = store
    node.do(node.cri.pull_image(api.PullImageRequest(image=api.ImageSpec(image=NAME))))
    pod = node.run_pod()
    config = node.container_config("sleep", "1000", image=NAME)
    ctr: str = node.create(pod, config)
    node.do(node.starting(ctr))
    return ctr


def output(node: Any, ctr: str, *command: str) -> tuple[str, str]:
    answer = node.do(node.cri.exec_sync(api.ExecSyncRequest(container_id=ctr, cmd=command)))
    return answer.stdout.decode(), answer.stderr.decode()


def damage(store: ImageStore, change: Callable[[Path], object]) -> None:
    for blob in (store.path / "blobs/sha256").iterdir():
        if blob.stat().st_size > 10_000:  # the layer
            change(blob)


def test_an_image_of_the_store_is_pulled_and_run(store: ImageStore, node: Any) -> None:
    ctr = running(node, store)

    assert output(node, ctr, "cat", "/etc/motd") == ("hello from the store", "")


def test_a_name_that_the_store_has_not_is_not_found(store: ImageStore, node: Any) -> None:
    node.catalogue._more = store
    request = api.PullImageRequest(image=api.ImageSpec(image="registry.example/none:1"))

    assert node.refused(node.cri.pull_image(request)).code is Code.NOT_FOUND


def test_a_damaged_image_is_a_pull_that_fails(store: ImageStore, node: Any) -> None:
    damage(store, lambda blob: blob.write_bytes(bytes(blob.stat().st_size)))
    node.catalogue._more = store

    error = node.refused(node.cri.pull_image(api.PullImageRequest(image=api.ImageSpec(image=NAME))))

    assert error.code is Code.UNKNOWN
    assert NAME in error.message
    assert "sha256:" in error.message


@pytest.mark.parametrize("change", [Path.unlink, lambda blob: blob.write_bytes(b"other")], ids=["gone", "changed"])
def test_a_file_whose_bytes_are_gone_is_on_a_broken_disk(
    store: ImageStore, node: Any, change: Callable[[Path], object]
) -> None:
    ctr = running(node, store)
    damage(store, change)

    out, err = output(node, ctr, "cat", "/etc/motd")
    assert (out, "Input/output error" in err) == ("", True)
    assert output(node, ctr, "echo", "still here") == ("still here\n", "")


def test_an_image_of_the_store_is_found_again_by_its_id(store: ImageStore) -> None:
    image = load_catalogue([], more=store).find(NAME)
    assert image is not None
    key = ImageKey(image.id, image.digest)

    again = load_catalogue([], more=ImageStore(store.path)).find_content(key.id, key.digest)

    assert again is not None
    assert (again.id, again.digest) == (image.id, image.digest)


INDEXED = "registry.example/indexed:1"
INSTANCE = "sha256:" + "1" * 64


def pull_indexed(driver: Any, new_image: Any) -> Any:
    """Pull an image of an index; how it is listed."""
    image = replace(new_image(INDEXED, config=ImageConfig(user="5")), instance_digest=INSTANCE)
    driver.catalogue.add(image)
    driver.do(driver.cri.pull_image(api.PullImageRequest(image=api.ImageSpec(image=INDEXED))))
    rows = driver.do(driver.cri.list_images(api.ListImagesRequest())).images
    return image, next(row for row in rows if INDEXED in row.repo_tags)


def by_digest(driver: Any, digest: str) -> bool:
    request = api.ImageStatusRequest(image=api.ImageSpec(image=f"registry.example/indexed@{digest}"))
    return bool(driver.do(driver.cri.image_status(request)).HasField("image"))


def test_containerd_knows_an_image_of_an_index_by_the_index_only(node: Any, new_image: Any) -> None:
    image, row = pull_indexed(node, new_image)

    assert list(row.repo_digests) == [f"registry.example/indexed@{image.digest}"]
    assert (by_digest(node, image.digest), by_digest(node, INSTANCE)) == (True, False)


def test_crio_knows_it_by_its_manifest_too(crio: Any, new_image: Any) -> None:
    image, row = pull_indexed(crio, new_image)

    assert sorted(row.repo_digests) == sorted(f"registry.example/indexed@{one}" for one in (image.digest, INSTANCE))
    assert (by_digest(crio, image.digest), by_digest(crio, INSTANCE)) == (True, True)
