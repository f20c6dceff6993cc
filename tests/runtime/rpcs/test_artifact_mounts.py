"""Artifacts as volumes, as CRI-O serves them. What a real 1.36.3 did with the same artifacts is in the expectations."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, Image, make_artifact
from kubesim.images.oci import sha256_digest

BUSYBOX, BLOBS = "registry.example/busybox:1", "registry.example/blobs:v1"
CRIO = "cri-o-1.36"
DOTS = "root path provided to SecureJoin contains '..' components"
CNCF, CNAI = "org.cncf.model.filepath", "org.cnai.model.filepath"


def artifact(*blobs: ArtifactBlob, name: str = BLOBS) -> Image:
    return make_artifact(
        Declared(references=(name,), is_present=True), Artifact(artifact_type="application/x", blobs=blobs)
    )


def mount(**changes: Any) -> api.Mount:
    fields: dict[str, Any] = {"container_path": "/vol", "image": api.ImageSpec(image=BLOBS), "readonly": True}
    return api.Mount(**(fields | changes))


@pytest.fixture
def with_artifact(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes that have busybox and one artifact of these blobs."""
    return lambda *blobs, profile=CRIO: new_node(profile, images=(new_image(BUSYBOX), artifact(*blobs)))


def run(node: Any, *mounts: api.Mount) -> str:
    container: str = node.start(node.run_pod(), "sleep", "100", mounts=list(mounts))
    return container


def sh(node: Any, container: str, script: str) -> tuple[str, str]:
    response = node.do(node.execing(container, "sh", "-c", script))
    return response.stdout.decode(), response.stderr.decode()


def test_each_blob_with_a_name_is_a_file_and_an_entry_of_the_status(with_artifact: Any) -> None:
    node = with_artifact(ArtifactBlob("dir/file", b"1\n"), ArtifactBlob("file", b"2\n"), ArtifactBlob(None, b"3\n"))
    container = run(node, mount(uidMappings=[api.IDMapping(length=1)], propagation=api.PROPAGATION_HOST_TO_CONTAINER))

    assert sh(node, container, "cd /vol; find . | sort; cat dir/file file") == (
        ".\n./dir\n./dir/file\n./file\n1\n2\n",
        "",
    )
    assert sh(node, container, "ls -ln /vol/file | cut -c1-24")[0] == "-rw-r--r--    1 0        0"[:24] + "\n"
    digest = node.catalogue.find(BLOBS).digest.partition(":")[2]
    blobs = "/var/lib/containers/storage/artifacts/blobs/sha256/"
    assert list(node.status(container).mounts) == [
        mount(
            host_path=blobs + sha256_digest(content).removeprefix("sha256:"),
            image=api.ImageSpec(image=digest),
            propagation=api.PROPAGATION_HOST_TO_CONTAINER,
        )
        for content in (b"1\n", b"2\n")
    ]


def test_the_files_are_read_only_and_the_directory_is_the_containers(with_artifact: Any) -> None:
    node = with_artifact(ArtifactBlob("file", b"2\n"))
    container = run(node, mount(readonly=False))
    script = "echo new > /vol/new; echo over > /vol/file; rm /vol/file; ls /vol"
    output, errors = sh(node, container, script)
    assert output == "file\nnew\n"
    assert errors == (
        "sh: can't create /vol/file: Read-only file system\nrm: can't remove '/vol/file': Device or resource busy\n"
    )
    assert not node.status(container).mounts[0].readonly, "shown as requested"


@pytest.mark.parametrize("blobs", [(), (ArtifactBlob(None, b"1"), ArtifactBlob("", b"2"))], ids=["none", "nameless"])
def test_without_a_name_nothing_is_mounted(with_artifact: Any, blobs: tuple[ArtifactBlob, ...]) -> None:
    node = with_artifact(*blobs)
    container = run(node, mount())
    assert sh(node, container, "ls /vol") == ("", "ls: /vol: No such file or directory\n")
    assert list(node.status(container).mounts) == []
    node.do(node.removing_image(BLOBS))
    assert node.image_of(BLOBS) is None, "nobody uses it"


def test_of_two_blobs_with_one_name_the_later_is_seen(with_artifact: Any) -> None:
    node = with_artifact(ArtifactBlob("same", b"1"), ArtifactBlob("same", b"2"))
    container = run(node, mount())
    assert sh(node, container, "cat /vol/same; ls /vol") == ("2same\n", "")
    assert len(node.status(container).mounts) == 2


def test_names_that_lead_out_stay_inside(with_artifact: Any) -> None:
    node = with_artifact(ArtifactBlob("../../etc/evil", b"e"), ArtifactBlob("/abs", b"a"))
    container = run(node, mount())
    assert sh(node, container, "cat /vol/etc/evil /vol/abs; ls /etc/evil") == (
        "ea",
        "ls: /etc/evil: No such file or directory\n",
    )


@pytest.mark.parametrize(("profile", "found"), [("cri-o-1.33", "cnai\n"), ("cri-o-1.34", "cncf\n"), (CRIO, "cncf\n")])
def test_the_files_of_a_model(with_artifact: Any, profile: str, found: str) -> None:
    blobs = [
        ArtifactBlob(None, key.encode(), "application/x", {key: name}) for key, name in ((CNCF, "cncf"), (CNAI, "cnai"))
    ]
    node = with_artifact(*blobs, profile=profile)
    assert sh(node, run(node, mount()), "ls /vol") == (found, "")


def test_a_sub_path_is_the_beginning_of_names(with_artifact: Any) -> None:
    node = with_artifact(ArtifactBlob("dir/file", b"1"), ArtifactBlob("dirty", b"2"), ArtifactBlob("dir/a/b", b"3"))
    container = run(node, mount(image_sub_path="dir"))
    assert sh(node, container, "cd /vol; find . | sort") == (".\n./a\n./a/b\n./file\n", "")
    assert [shown.image_sub_path for shown in node.status(container).mounts] == ["", ""]


@pytest.mark.parametrize(("profile", "prefix"), [("cri-o-1.33", ""), (CRIO, "ImageVolumeMountFailed: "), ("ideal", "")])
def test_a_sub_path_that_is_not_there(with_artifact: Any, profile: str, prefix: str) -> None:
    node = with_artifact(ArtifactBlob("file", b"2"), profile=profile)
    config = node.container_config("true", mounts=[mount(image_sub_path="file")])
    error = node.refused(node.creating(node.run_pod(), config))
    text = f'ImageVolumeMountFailed: sub path "file" does not exist in OCI artifact volume "{BLOBS}"'
    assert (error.code, error.message) == (Code.UNKNOWN, prefix + text)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("cri-o-1.33", f'ImageVolumeMountFailed: image "{BLOBS}" does not exist locally'),
        (
            CRIO,
            f'ImageVolumeMountFailed: failed to join container path "/a/../b" and artifact blob path "file": {DOTS}',
        ),
    ],
)
def test_a_container_path_that_goes_up(with_artifact: Any, profile: str, message: str) -> None:
    node = with_artifact(ArtifactBlob("file", b"2"), profile=profile)
    config = node.container_config("true", mounts=[mount(container_path="/a/../b")])
    assert node.refused(node.creating(node.run_pod(), config)).message == message


@pytest.mark.parametrize("key", ["{name}", "{repository}@{digest}", "{hex}"])
def test_an_artifact_that_is_mounted_cannot_be_removed(with_artifact: Any, key: str) -> None:
    node = with_artifact(ArtifactBlob("file", b"2"))
    container = node.create(node.run_pod(), node.container_config("true", mounts=[mount()]))
    digest = node.catalogue.find(BLOBS).digest
    text = key.format(name=BLOBS, repository=BLOBS.partition(":")[0], digest=digest, hex=digest.partition(":")[2])
    error = node.refused(node.removing_image(text))
    assert (error.code, error.message) == (Code.UNKNOWN, f"the image is in use by {container}")
    assert node.image_of(BLOBS) is not None
