"""RemoveImage: the whole image or one of its names, in use or not, again and again."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, make_artifact

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
BUSYBOX = "registry.example/busybox:1"
APP = "registry.example/app:1"
NAMES = (APP, "registry.example/app:2", "mirror.example/app:1")


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with two images, one of which has three names."""
    return lambda profile: new_node(profile, images=(new_image(*NAMES, marker="app"), new_image(BUSYBOX)))


@pytest.mark.parametrize("key", [APP, "mirror.example/app:1", "{id}", "{hex:.12}", "registry.example/app@{digest}"])
def test_containerd_removes_an_image_with_all_its_names(nodes: Any, key: str) -> None:
    node = nodes(CONTAINERD)
    found = node.catalogue.find(APP)
    text = key.format(id=found.id, hex=found.id.removeprefix("sha256:"), digest=found.digest)
    node.do(node.removing_image(text))
    for name in (*NAMES, found.id, f"registry.example/app@{found.digest}"):
        assert node.image_of(name) is None
    assert [list(image.repo_tags) for image in node.images()] == [[BUSYBOX]]
    node.do(node.removing_image(text))


def test_crio_takes_one_name_away(nodes: Any) -> None:
    node = nodes(CRIO)
    found = node.catalogue.find(APP)
    bare_id = found.id.removeprefix("sha256:")
    node.do(node.removing_image("mirror.example/app:1"))
    shown = node.image_of(bare_id)
    assert list(shown.repo_tags) == [APP, "registry.example/app:2"]
    assert list(shown.repo_digests) == [f"registry.example/app@{found.digest}"]
    node.do(node.removing_image(bare_id[:12]))
    assert node.image_of(APP) is None


def test_crio_removes_an_image_with_its_last_name(nodes: Any) -> None:
    node = nodes(CRIO)
    bare_id = node.image_of(APP).id
    for name in NAMES:
        assert node.image_of(bare_id) is not None
        node.do(node.removing_image(name))
    assert node.image_of(bare_id) is None


@pytest.mark.parametrize("name", [BUSYBOX, APP])
def test_in_crio_a_digest_that_is_no_name_takes_nothing_away(nodes: Any, name: str) -> None:
    node = nodes(CRIO)
    before = node.image_of(name)
    repository = name.removesuffix(":1")
    node.do(node.removing_image(f"{repository}@{node.catalogue.find(name).digest}"))
    assert node.image_of(name) == before


def test_in_crio_an_image_pulled_by_digest_goes_by_digest(new_node: Any, new_image: Any) -> None:
    node = new_node(CRIO, images=(new_image(APP, is_present=False),))
    name = f"registry.example/app@{node.catalogue.find(APP).digest}"
    node.do(node.pulling(name))
    assert list(node.image_of(name).repo_tags) == []
    node.do(node.removing_image(name))
    assert node.images() == []


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_removing_what_is_not_there_is_fine(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    for _ in range(2):
        node.do(node.removing_image("0" * 64))
        node.do(node.removing_image("registry.example/none:1"))
    assert len(node.images()) == 2


def test_an_empty_name(nodes: Any, node: Any) -> None:
    error = nodes(CONTAINERD).refused(nodes(CONTAINERD).removing_image(""))
    assert (error.code, error.message) == (Code.UNKNOWN, 'can not resolve "" locally: ambiguous digest string')
    node.do(node.removing_image(""))
    assert node.images() == [], "the only image of a node"
    node.do(node.removing_image(""))
    error = nodes(CRIO).refused(nodes(CRIO).removing_image(""))
    assert (error.code, error.message) == (Code.UNKNOWN, "no image specified")


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_five_at_once_all_succeed(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    image_id = node.image_of(APP).id
    tasks = [node.spawn(node.removing_image(image_id)) for _ in range(5)]
    node.advance(0)
    assert [task.result() for task in tasks] == [api.RemoveImageResponse()] * 5
    assert node.image_of(image_id) is None


def test_containerd_removes_an_image_in_use(node: Any) -> None:
    pod = node.run_pod()
    container = node.start(pod, "sleep", "1000")
    image_id = node.images()[0].id
    assert node.status(container).image.image == BUSYBOX
    node.do(node.removing_image(BUSYBOX))
    assert node.images() == []
    status = node.status(container)
    assert (status.state, status.image_ref, status.image_id) == (api.CONTAINER_RUNNING, image_id, image_id)
    assert status.image == node.container_config(image=BUSYBOX).image
    assert node.do(node.execing(container, "true")).exit_code == 0
    assert node.refused(node.creating(pod, node.container_config("true", name="two"))).code is Code.NOT_FOUND


def test_crio_refuses_an_image_in_use(crio: Any) -> None:
    container = crio.create(crio.run_pod(), crio.container_config("true"))
    cause = f"image used by {container}: image is in use by a container"
    bare_id = crio.images()[0].id
    assert crio.refused(crio.removing_image(BUSYBOX)).message == cause
    assert crio.refused(crio.removing_image(bare_id)).message == f"delete image: {cause}"
    assert crio.refused(crio.removing_image(bare_id)).code is Code.UNKNOWN
    crio.do(crio.removing(container))
    crio.do(crio.removing_image(BUSYBOX))
    assert crio.images() == []


def with_pause_image(new_node: Any, new_image: Any, profile: str, **fields: Any) -> tuple[Any, str]:
    """A node whose registries have the profile's pause image; its name."""
    name = new_node(profile).runtime.profile.pause_image
    images = (new_image(BUSYBOX), new_image(name, marker="pause", **fields))
    return new_node(profile, images=images), name


@pytest.mark.parametrize("profile", ["containerd-1.6", CONTAINERD])
def test_the_pause_image_of_containerd_can_go_at_any_time(new_node: Any, new_image: Any, profile: str) -> None:
    node, name = with_pause_image(new_node, new_image, profile)
    pod = node.run_pod()
    node.do(node.removing_image(name))
    assert node.image_of(name) is None
    assert node.pod_status(pod).state == api.SANDBOX_READY


@pytest.mark.parametrize("profile", ["cri-o-1.28", CRIO])
def test_the_pause_image_of_crio_is_held_by_each_sandbox(new_node: Any, new_image: Any, profile: str) -> None:
    node, name = with_pause_image(new_node, new_image, profile)
    pod = node.run_pod()
    cause = f"image used by {pod}: image is in use by a container"
    assert node.refused(node.removing_image(name)).message == cause
    assert node.refused(node.removing_image(node.image_of(name).id)).message == f"delete image: {cause}"
    node.stop_pod(pod)
    assert node.refused(node.removing_image(name)).message == cause, "a stopped one, too"
    node.remove_pod(pod)
    node.do(node.removing_image(name))
    assert node.image_of(name) is None


def test_crio_takes_a_name_of_an_image_in_use_away(nodes: Any) -> None:
    node = nodes(CRIO)
    container = node.create(node.run_pod(), node.container_config("true", image=APP))
    node.do(node.removing_image(APP))
    assert node.image_of(APP) is None
    assert node.status(container).image.image in NAMES


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_an_image_that_is_a_volume(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    mount = api.Mount(container_path="/data", image=api.ImageSpec(image=APP), readonly=True)
    pod = node.run_pod()
    container = node.start(pod, "sleep", "1000", mounts=[mount])
    image_id = node.image_of(APP).id
    if profile == CRIO:
        for name in (APP, image_id):
            assert node.refused(node.removing_image(name)).message == f"the image is in use by {container}"
        assert node.image_of(APP) is not None, "not even one of its names goes"
        node.do(node.removing(container))
        node.do(node.removing_image(image_id))
    else:
        node.do(node.removing_image(APP))
        assert node.do(node.execing(container, "ls", "/data/marker")).exit_code == 0
        config = node.container_config("true", name="two", mounts=[mount])
        assert "not found" in node.refused(node.creating(pod, config)).message
    assert node.image_of(APP) is None


@pytest.mark.parametrize("profile", ["cri-o-1.31", "cri-o-1.32"])
def test_older_versions_look_for_volumes_by_name_only(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    mount = api.Mount(container_path="/data", image=api.ImageSpec(image=APP), readonly=True)
    container = node.start(node.run_pod(), "sleep", "1000", mounts=[mount])
    error = node.refused(node.removing_image(APP))
    assert error.message == f'image "{APP}" is mounted as volume to container with ID: {container}'
    node.do(node.removing_image(node.image_of(APP).id))
    assert node.image_of(APP) is None
    assert node.do(node.execing(container, "ls", "/data/marker")).exit_code == 0


@pytest.mark.parametrize(
    ("key", "goes"), [("registry.example/blobs:1", True), ("registry.example/blobs@{digest}", True), ("{hex}", False)]
)
def test_an_artifact_of_crio_does_not_go_by_its_id(new_node: Any, key: str, goes: bool) -> None:
    name = "registry.example/blobs:1"
    artifact = make_artifact(
        Declared(references=(name,), is_present=True),
        Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),)),
    )
    node = new_node(CRIO, images=(artifact,))
    node.do(node.removing_image(key.format(hex=artifact.id.removeprefix("sha256:"), digest=artifact.digest)))
    assert (node.image_of(name) is None) is goes
    ideal = new_node("ideal", images=(artifact,))
    ideal.do(ideal.removing_image(artifact.id))
    assert ideal.images() == []
