"""PullImage: what is fetched, under which names, how long it takes, and how it fails."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Artifact, ArtifactBlob, Credential, Declared, PullBehaviour, PullError, make_artifact
from kubesim.runtime.timings import Timings

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
APP = "registry.example/app:1"


def pulling(node: Any, name: str = APP, **auth: str) -> Any:
    request = api.PullImageRequest(image=api.ImageSpec(image=name), auth=api.AuthConfig(**auth) if auth else None)
    return node.cri.pull_image(request)


def images(node: Any) -> list[api.Image]:
    return list(node.do(node.cri.list_images(api.ListImagesRequest())).images)


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with an image in the registry only; `pull` is how it is given out."""

    def make(profile: str = CONTAINERD, pull: PullBehaviour | None = None, **options: Any) -> Any:
        found = new_image(APP, "registry.example/app:2", is_present=False, pull=pull)
        return new_node(profile, images=(found,), **options)

    return make


@pytest.mark.parametrize(
    ("profile", "answer"),
    [
        (CONTAINERD, "{id}"),
        ("cri-o-1.34", "registry.example/app@{digest}"),
        ("cri-o-1.35.1", "registry.example/app@{digest}"),
        ("cri-o-1.35.2", "{hex}"),
        (CRIO, "{hex}"),
    ],
)
def test_the_answer_names_the_image_for_create_container(nodes: Any, profile: str, answer: str) -> None:
    node = nodes(profile)
    found = node.catalogue.find(APP)
    reference = node.do(pulling(node)).image_ref
    assert reference == answer.format(id=found.id, hex=found.id.partition(":")[2], digest=found.digest)
    assert node.create(node.run_pod(), node.container_config("true", image=reference))


def test_a_pull_gives_a_tag_and_a_digest(nodes: Any) -> None:
    node = nodes()
    assert images(node) == []
    node.do(pulling(node))
    digest = f"registry.example/app@{node.catalogue.find(APP).digest}"
    assert (list(images(node)[0].repo_tags), list(images(node)[0].repo_digests)) == ([APP], [digest])
    node.do(pulling(node, "registry.example/app:2"))
    assert len(images(node)) == 1
    assert list(images(node)[0].repo_tags) == [APP, "registry.example/app:2"]


def test_a_pull_by_digest_gives_no_tag(nodes: Any) -> None:
    node = nodes()
    digest = f"registry.example/app@{node.catalogue.find(APP).digest}"
    node.do(pulling(node, digest))
    assert (list(images(node)[0].repo_tags), list(images(node)[0].repo_digests)) == ([], [digest])


def test_a_tag_that_moved(nodes: Any, new_image: Any) -> None:
    for profile, tags_of_old, has_digest in ((CONTAINERD, [], True), (CRIO, [], True)):
        node = nodes(profile)
        first = node.do(pulling(node)).image_ref
        old_digest = node.catalogue.find(APP).digest
        node.runtime.add_image(new_image("registry.example/new:1", marker="new"), is_present=False)
        node.runtime.tag_image(APP, "registry.example/new:1")
        second = node.do(pulling(node)).image_ref
        assert first != second
        old = next(image for image in images(node) if image.id == first)
        assert list(old.repo_tags) == tags_of_old
        assert (f"registry.example/app@{old_digest}" in old.repo_digests) is has_digest
        new = next(image for image in images(node) if image.id == second)
        assert list(new.repo_tags) == [APP]


@pytest.mark.parametrize(
    ("pull", "timings", "took_ns"),
    [
        (None, Timings.instant(), 0),
        (None, Timings.measured(), 62_000_000),
        (PullBehaviour(duration_ns=5), Timings.measured(), 5),
        (None, Timings.served(), 5_000_000),
        (PullBehaviour(bandwidth_bytes_per_second=1), Timings.instant(), None),
    ],
)
def test_how_long_it_takes(nodes: Any, pull: PullBehaviour | None, timings: Timings, took_ns: int | None) -> None:
    node = nodes(pull=pull, timings=timings)
    start_ns = node.kernel.now_ns
    node.do(pulling(node), at_most_seconds=10**6)
    size = node.catalogue.find(APP).size_bytes
    assert node.kernel.now_ns - start_ns == (size * 10**9 if took_ns is None else took_ns)
    start_ns = node.kernel.now_ns
    node.do(pulling(node, "registry.example/app:2"))
    assert node.kernel.now_ns - start_ns == timings.resolve_image_ns, "every layer is there already"


def test_a_cancelled_pull_leaves_nothing(nodes: Any) -> None:
    node = nodes(pull=PullBehaviour(duration_ns=10**10))
    task = node.spawn(pulling(node))
    node.advance(5)
    assert images(node) == []
    task.cancel()
    node.advance(20)
    assert images(node) == []


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        (
            CONTAINERD,
            Code.NOT_FOUND,
            'failed to pull and unpack image "{name}": failed to resolve image: {name}: not found',
        ),
        (
            CRIO,
            Code.UNKNOWN,
            "initializing source docker://{name}: reading manifest 9 in registry.example/none: manifest unknown",
        ),
    ],
)
def test_not_found(nodes: Any, profile: str, code: Code, message: str) -> None:
    node = nodes(profile)
    name = "registry.example/none:9"
    error = node.refused(pulling(node, name))
    assert (error.code, error.message) == (code, message.format(name=name))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"),
        ("a b", "invalid reference format"),
        ("", "invalid reference format"),
        ("f" * 64, f"invalid repository name ({'f' * 64}), cannot specify 64-byte hexadecimal strings"),
    ],
)
def test_names_that_are_none(nodes: Any, name: str, reason: str) -> None:
    node = nodes()
    error = node.refused(pulling(node, name))
    assert error.code is Code.UNKNOWN
    assert error.message.startswith(f'failed to parse image reference "{name}": ')
    assert error.message.endswith(reason)
    crio = nodes(CRIO)
    assert crio.refused(pulling(crio, name)).code is Code.UNKNOWN


def test_a_fixture_can_fail(nodes: Any) -> None:
    broken = PullError(message="dial tcp 10.0.0.1:443: connect: connection refused", code="Unavailable", times=2)
    node = nodes(pull=PullBehaviour(error=broken))
    for _ in range(2):
        error = node.refused(pulling(node))
        assert error.code is Code.UNAVAILABLE
        assert error.message == f'failed to pull and unpack image "{APP}": {broken.message}'
    node.do(pulling(node))
    crio = nodes(CRIO, pull=PullBehaviour(error=broken))
    assert crio.refused(pulling(crio)).message.startswith("RegistryUnavailable: ")


BASIC = base64.b64encode(b"user:secret\0\0").decode()


@pytest.mark.parametrize(
    ("auth", "in_containerd", "in_crio"),
    [
        ({}, False, False),
        ({"username": "user", "password": "secret"}, True, True),
        ({"username": "user", "password": "wrong"}, False, False),
        ({"auth": BASIC}, True, True),
        ({"auth": BASIC, "username": "user", "password": "wrong"}, False, True),
        ({"username": "user", "password": "secret", "server_address": "https://registry.example"}, True, True),
        ({"username": "user", "password": "secret", "server_address": "other.example"}, False, True),
        ({"registry_token": "user:secret"}, False, False),
    ],
)
def test_credentials(nodes: Any, auth: dict[str, str], in_containerd: bool, in_crio: bool) -> None:
    pull = PullBehaviour(credentials=Credential("user", "secret"))
    for profile, is_fine in ((CONTAINERD, in_containerd), (CRIO, in_crio)):
        node = nodes(profile, pull=pull)
        if is_fine:
            assert node.do(pulling(node, **auth)).image_ref
        else:
            error = node.refused(pulling(node, **auth))
            assert error.code is Code.UNKNOWN
            assert "401 Unauthorized" in error.message or "unauthorized" in error.message


@pytest.mark.parametrize(
    ("text", "message"),
    [("?", "invalid decoded auth"), (base64.b64encode(b"nocolon").decode(), 'invalid decoded auth: "nocolon"')],
)
def test_credentials_that_are_none(nodes: Any, text: str, message: str) -> None:
    node = nodes(pull=PullBehaviour(credentials=Credential("user", "secret")))
    assert message in node.refused(pulling(node, auth=text)).message


def test_artifacts(new_node: Any) -> None:
    name = "registry.example/blobs:1"
    artifact = make_artifact(
        Declared(references=(name,)), Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),))
    )
    crio = new_node(CRIO, images=(artifact,))
    reference = crio.do(pulling(crio, name)).image_ref
    assert reference == artifact.id.partition(":")[2]
    shown = images(crio)[0]
    assert (shown.size, list(shown.repo_tags), shown.HasField("spec")) == (1, [name], False)
    error = crio.refused(crio.creating(crio.run_pod(), crio.container_config("true", image=reference)))
    assert error.code is Code.UNKNOWN
    node = new_node(images=(artifact,))
    assert node.refused(pulling(node, name)).code is Code.NOT_FOUND
