"""PullImage: what is fetched, under which names, how long it takes, and how it fails."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kubesim.cri import Code, CriError
from kubesim.images.image import Artifact, ArtifactBlob, Credential, Declared, PullBehaviour, PullError, make_artifact
from kubesim.runtime.timings import Timings

CONTAINERD, CRIO = "containerd-2.3", "cri-o-1.36"
APP = "registry.example/app:1"
REFUSED = "dial tcp 192.0.2.1:443: connect: connection refused"


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
    reference = node.do(node.pulling(APP)).image_ref
    assert reference == answer.format(id=found.id, hex=found.id.partition(":")[2], digest=found.digest)
    assert node.do(node.pulling(APP)).image_ref == reference, "and again"
    assert node.create(node.run_pod(), node.container_config("true", image=reference))


def test_a_pull_gives_a_tag_and_a_digest(nodes: Any) -> None:
    node = nodes()
    assert node.images() == []
    node.do(node.pulling(APP))
    digest = f"registry.example/app@{node.catalogue.find(APP).digest}"
    assert (list(node.images()[0].repo_tags), list(node.images()[0].repo_digests)) == ([APP], [digest])
    node.do(node.pulling("registry.example/app:2"))
    assert len(node.images()) == 1
    assert list(node.images()[0].repo_tags) == [APP, "registry.example/app:2"]


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_pull_by_digest_gives_no_tag(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    digest = f"registry.example/app@{node.catalogue.find(APP).digest}"
    node.do(node.pulling(f"registry.example/app:1@{digest.partition('@')[2]}"))
    assert (list(node.images()[0].repo_tags), list(node.images()[0].repo_digests)) == ([], [digest])


@pytest.mark.parametrize("profile", [CONTAINERD, CRIO])
def test_a_tag_that_moved(nodes: Any, new_image: Any, profile: str) -> None:
    node = nodes(profile)
    first = node.do(node.pulling(APP)).image_ref
    old_digest = node.catalogue.find(APP).digest
    node.runtime.add_image(new_image("registry.example/new:1", marker="new"), is_present=False)
    node.runtime.tag_image(APP, "registry.example/new:1")
    assert node.image_of(APP).id == first, "until it is pulled again"
    second = node.do(node.pulling(APP)).image_ref
    assert first != second
    old = next(image for image in node.images() if image.id == first)
    assert list(old.repo_tags) == []
    assert list(old.repo_digests) == [f"registry.example/app@{old_digest}"]
    new = next(image for image in node.images() if image.id == second)
    assert list(new.repo_tags) == [APP]


def test_one_content_under_two_manifests(new_node: Any, new_image: Any) -> None:
    """The id is the config's digest, so it is one image with the digests of both."""
    digests = [f"sha256:{digit * 64}" for digit in "12"]
    images = tuple(
        new_image(f"{host}.example/app:1", is_present=False, digest=digest)
        for host, digest in zip("ab", digests, strict=True)
    )
    for profile, expected in (
        (CONTAINERD, ["a.example/app@{0}", "b.example/app@{1}"]),
        (CRIO, ["a.example/app@{0}", "a.example/app@{1}", "b.example/app@{0}", "b.example/app@{1}"]),
    ):
        node = new_node(profile, images=images)
        for image in images:
            node.do(node.pulling(image.references[0]))
        (shown,) = node.images()
        assert list(shown.repo_digests) == [text.format(*digests) for text in expected]
        for name in shown.repo_digests:
            assert node.image_of(name).id == shown.id


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
    node.do(node.pulling(APP), at_most_seconds=10**6)
    size = node.catalogue.find(APP).size_bytes
    assert node.kernel.now_ns - start_ns == (size * 10**9 if took_ns is None else took_ns)
    for name in ("registry.example/app:2", f"registry.example/app@{node.catalogue.find(APP).digest}"):
        start_ns = node.kernel.now_ns
        node.do(node.pulling(name))
        least_ns = timings.resolve_image_ns
        most_ns = int(least_ns * (1 + timings.resolve_spread))
        assert least_ns <= node.kernel.now_ns - start_ns <= most_ns, "every layer is there already"


def test_no_two_questions_to_a_registry_take_the_same_time(nodes: Any) -> None:
    """What a kubelet says of a pull names its milliseconds, so it says something new each time."""
    node = nodes(pull=None, timings=Timings.measured())
    took_ms = []
    for _ in range(8):
        start_ns = node.kernel.now_ns
        node.do(node.pulling(APP))
        took_ms.append((node.kernel.now_ns - start_ns) // 10**6)
    assert len(set(took_ms[1:])) > 3


def test_not_found(nodes: Any) -> None:
    name = "registry.example/none:9"
    unknown = "reading manifest 9 in registry.example/none: manifest unknown"
    unpack = f'failed to pull and unpack image "{name}": '
    source = f"initializing source docker://{name}: {unknown}"
    both = "unable to pull image or OCI artifact: pull image err: "
    expected = {
        "containerd-2.0": (Code.NOT_FOUND, f'{unpack}failed to resolve reference "{name}": {name}: not found'),
        CONTAINERD: (Code.NOT_FOUND, f"{unpack}failed to resolve image: {name}: not found"),
        "cri-o-1.32": (Code.UNKNOWN, source),
        "cri-o-1.33": (
            Code.UNKNOWN,
            f"{both}{source}; artifact err: get manifest: build image source: {unknown}",
        ),
        CRIO: (
            Code.UNKNOWN,
            f"{both}{source}; artifact err: image reference: get manifest from ref: create image source: {unknown}",
        ),
    }
    for profile, answer in expected.items():
        node = nodes(profile)
        error = node.refused(node.pulling(name))
        assert (error.code, error.message) == answer, profile


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
    error = node.refused(node.pulling(name))
    assert error.code is Code.UNKNOWN
    assert error.message == f'failed to parse image reference "{name}": {reason}'
    crio = nodes(CRIO)
    assert crio.refused(crio.pulling(name)).code is Code.UNKNOWN


def test_short_names(new_node: Any, new_image: Any) -> None:
    hub = new_image("docker.io/library/hub:latest", is_present=False)
    for profile in (CONTAINERD, CRIO):
        node = new_node(profile, images=(hub,))
        node.do(node.pulling("hub"))
        assert list(node.images()[0].repo_tags) == ["docker.io/library/hub:latest"]


def test_a_fixture_can_fail(nodes: Any) -> None:
    broken = PullError(message="dial tcp 10.0.0.1:443: connect: connection refused", code="Unavailable", times=2)
    node = nodes(pull=PullBehaviour(error=broken))
    for _ in range(2):
        error = node.refused(node.pulling(APP))
        assert error.code is Code.UNAVAILABLE
        assert error.message == f'failed to pull and unpack image "{APP}": {broken.message}'
    node.do(node.pulling(APP))
    crio = nodes(CRIO, pull=PullBehaviour(error=broken))
    assert crio.refused(crio.pulling(APP)).message.startswith("RegistryUnavailable: ")


@pytest.mark.parametrize(
    ("kind", "code", "containerd", "crio"),
    [
        ("not-found", Code.NOT_FOUND, "{app}: not found", "manifest unknown"),
        (
            "registry-unavailable",
            Code.UNKNOWN,
            'resolve image: failed to do request: Head "https://registry.example/v2/app/manifests/1": ' + REFUSED,
            'Get "https://registry.example/v2/": ' + REFUSED,
        ),
        ("unauthorized", Code.UNKNOWN, "401 Unauthorized", "unauthorized: access to the requested resource is not"),
        (
            "no-matching-platform",
            Code.NOT_FOUND,
            "get image config descriptor: no match for platform in manifest {digest}: not found",
            'no image found in image index for architecture "amd64", variant "", OS "linux"',
        ),
    ],
)
def test_kinds_of_failure(nodes: Any, kind: Any, code: Code, containerd: str, crio: str) -> None:
    node = nodes(pull=PullBehaviour(error=PullError(kind=kind)))
    error = node.refused(node.pulling(APP))
    assert error.code is code
    assert error.message.startswith(f'failed to pull and unpack image "{APP}": ')
    digest = node.runtime.daemon.catalogue.find(APP).digest
    assert error.message.endswith(containerd.format(app=APP, digest=digest))
    other = nodes(CRIO, pull=PullBehaviour(error=PullError(kind=kind)))
    error = other.refused(other.pulling(APP))
    assert (error.code, crio in error.message) == (Code.UNKNOWN, True)
    assert error.message.startswith("RegistryUnavailable: ") is (kind == "registry-unavailable")


def test_a_registry_out_of_reach_is_not_asked_for_an_artifact(nodes: Any) -> None:
    pull = PullBehaviour(error=PullError(kind="registry-unavailable"))
    for profile, beginning in (
        ("cri-o-1.32", "RegistryUnavailable: initializing source"),
        ("cri-o-1.33.3", "RegistryUnavailable: unable to try pulling possible OCI artifact: get manifest: build"),
        ("cri-o-1.33.4", "RegistryUnavailable: unable to pull image or OCI artifact: pull image err: init"),
        ("cri-o-1.35.0", "RegistryUnavailable: unable to pull image or OCI artifact: pull image err: init"),
        ("cri-o-1.35.1", "RegistryUnavailable: unable to pull image: initializing source"),
    ):
        node = nodes(profile, pull=pull)
        assert node.refused(node.pulling(APP)).message.startswith(beginning)


def test_only_crio_looks_at_signatures(nodes: Any) -> None:
    pull = PullBehaviour(error=PullError(kind="signature-invalid"))
    rejected = "Source image rejected: A signature was required, but no signature exists"
    both = "unable to pull image or OCI artifact: pull image err: "
    is_image = "provided artifact is a container image"
    for profile, message in (
        ("cri-o-1.32", f"SignatureValidationFailed: {rejected}"),
        ("cri-o-1.33.3", f"SignatureValidationFailed: {rejected}"),
        ("cri-o-1.34", f"SignatureValidationFailed: {both}{rejected}; artifact err: {is_image}"),
    ):
        crio = nodes(profile, pull=pull)
        assert crio.refused(crio.pulling(APP)).message == message
        assert crio.images() == []
    node = nodes(pull=pull)
    node.do(node.pulling(APP))
    assert len(node.images()) == 1


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
        ({"username": "user", "password": "secret", "server_address": "https://registry.example/v1/"}, True, True),
        ({"username": "user", "password": "secret", "server_address": "https://other.example"}, False, True),
        ({"username": "user", "password": "secret", "server_address": "registry.example"}, False, True),
        ({"registry_token": "user:secret"}, False, False),
        ({"identity_token": "secret"}, False, False),
    ],
)
def test_credentials(nodes: Any, auth: dict[str, str], in_containerd: bool, in_crio: bool) -> None:
    pull = PullBehaviour(credentials=Credential("user", "secret"))
    for profile, is_fine in ((CONTAINERD, in_containerd), (CRIO, in_crio)):
        node = nodes(profile, pull=pull)
        if is_fine:
            assert node.do(node.pulling(APP, **auth)).image_ref
        else:
            error = node.refused(node.pulling(APP, **auth))
            assert error.code is Code.UNKNOWN
            assert "401 Unauthorized" in error.message or "authoriz" in error.message
            assert node.images() == []


def test_an_identity_token(nodes: Any) -> None:
    node = nodes(pull=PullBehaviour(credentials=Credential("", "token")))
    assert node.do(node.pulling(APP, identity_token="token")).image_ref


def test_the_host_of_docker_hub(new_node: Any, new_image: Any) -> None:
    pull = PullBehaviour(credentials=Credential("user", "secret"))
    node = new_node(images=(new_image("docker.io/library/hub:latest", is_present=False, pull=pull),))
    auth = {"username": "user", "password": "secret"}
    error = node.refused(node.pulling("hub", **auth, server_address="https://index.docker.io/v1/"))
    assert "no basic auth credentials" in error.message
    assert node.do(node.pulling("hub", **auth, server_address="https://registry-1.docker.io")).image_ref


def test_what_a_registry_says_to_strangers_and_to_impostors(nodes: Any) -> None:
    node = nodes(pull=PullBehaviour(credentials=Credential("user", "secret")))
    prefix = f'failed to pull and unpack image "{APP}": failed to resolve image: '
    assert node.refused(node.pulling(APP)).message == (
        f"{prefix}pull access denied, repository does not exist or may require authorization: authorization failed: "
        "no basic auth credentials"
    )
    assert node.refused(node.pulling(APP, username="user", password="wrong")).message == (
        f"{prefix}unexpected status from HEAD request to https://registry.example/v2/app/manifests/1: 401 Unauthorized"
    )


@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ({"auth": "?"}, "illegal base64 data at input byte 0"),
        ({"auth": base64.b64encode(b"nocolon").decode()}, r'invalid decoded auth: "nocolon\x00\x00"'),
        (
            {"username": "u", "server_address": "1.2.3.4:5000"},
            'parse server address: parse "1.2.3.4:5000": first path segment in URL cannot contain colon',
        ),
    ],
)
def test_credentials_that_are_none(nodes: Any, auth: dict[str, str], reason: str) -> None:
    for profile, asked in (
        ("containerd-2.0", f'failed to resolve reference "{APP}": '),
        (CONTAINERD, 'failed to resolve image: failed to get credentials for "registry.example": '),
    ):
        node = nodes(profile, pull=PullBehaviour(credentials=Credential("user", "secret")))
        message = f'failed to pull and unpack image "{APP}": {asked}{reason}'
        assert node.refused(node.pulling(APP, **auth)).message == message
        open_to_all = nodes(profile)
        assert open_to_all.do(open_to_all.pulling(APP, **auth)).image_ref, "nobody asks for them"


def test_crio_reads_credentials_before_anything_else(nodes: Any) -> None:
    crio = nodes(CRIO)
    error = crio.refused(crio.pulling("a b", auth="?"))
    assert (error.code, error.message) == (Code.UNKNOWN, "illegal base64 data at input byte 0")
    nocolon = base64.b64encode(b"nocolon").decode()
    assert crio.do(crio.pulling(APP, auth=nocolon, username="u", password="p")).image_ref, "skipped"


def test_artifacts(new_node: Any) -> None:
    name = "registry.example/blobs:1"
    artifact = make_artifact(
        Declared(references=(name,)), Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"1"),))
    )
    crio = new_node(CRIO, images=(artifact,))
    reference = crio.do(crio.pulling(name)).image_ref
    assert reference == artifact.id.partition(":")[2]
    shown = crio.images()[0]
    assert (shown.size, list(shown.repo_tags), shown.HasField("spec")) == (1, [name], False)
    error = crio.refused(crio.creating(crio.run_pod(), crio.container_config("true", image=reference)))
    assert error.code is Code.UNKNOWN


def test_an_error_of_a_candidate_is_not_the_last_word(new_node: Any, new_image: Any, monkeypatch: Any) -> None:
    node = new_node(CRIO, images=(new_image("b.example/app:latest", is_present=False),))
    monkeypatch.setattr(
        "kubesim.runtime.image_pull.pull_candidates", lambda *_: ("a.example/app:latest", "b.example/app:latest")
    )
    assert node.do(node.pulling("app")).image_ref
    node = new_node(CRIO, images=())
    with pytest.raises(CriError, match=r"docker://b\.example/app:latest"):
        node.do(node.pulling("app"))
