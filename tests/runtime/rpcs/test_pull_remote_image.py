"""PullImage where real registries are asked: what each runtime says of their failures, and whose login they get."""

from __future__ import annotations

import base64
import json
from typing import Any, NamedTuple

import pytest

from kubesim.cri import Code, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, make_artifact
from kubesim.images.registry.errors import Failure, RegistryError
from kubesim.policy.registry_words import RegistryAnswer

NAME = "registry.example:5000/team/app:v1"
URL = "https://registry.example:5000/v2/team/app/manifests/v1"
DIGEST = f"sha256:{'1' * 64}"
BLOB_URL = f"https://registry.example:5000/v2/team/app/blobs/{DIGEST}"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

CONTAINERD = f'failed to pull and unpack image "{NAME}": '
RESOLVING = f'{CONTAINERD}failed to resolve reference "{NAME}": '
COPYING = f"{CONTAINERD}failed to copy: httpReadSeeker: failed open: "
DENIED = f"{RESOLVING}pull access denied, repository does not exist or may require authorization: "
AUTHORIZING = f"{RESOLVING}failed to authorize: failed to fetch"
READING = "reading manifest v1 in registry.example:5000/team/app: "
CRIO = f"initializing source docker://{NAME}: "

CONTAINERD_PROFILE = "containerd-2.0"
CRIO_PROFILE = "cri-o-1.28"


class Registries:
    """Stands for real registries."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.asked: list[str] = []
        self.hosts = ("registry.example:5000", "mirror.example")
        self.logins: list[tuple[str, str]] = []

    async def pull(self, reference: str, logins: Any) -> Any:
        self.asked.append(reference)
        self.logins = [logins(host) for host in self.hosts]
        if isinstance(self.outcome, Failure):
            raise RegistryError(reference, "a step", self.outcome)
        return self.outcome

    def kept(self, image_id: str, digest: str) -> None:
        """Nothing is."""


@pytest.fixture
def with_registries(new_node: Any) -> Any:
    def make(profile: str, outcome: Any) -> tuple[Any, Registries]:
        node = new_node(profile, images=())
        node.runtime.daemon.remote_images = registries = Registries(outcome)
        return node, registries

    return make


def pulling(node: Any, **auth: str) -> Any:
    return node.cri.pull_image(api.PullImageRequest(image=api.ImageSpec(image=NAME), auth=api.AuthConfig(**auth)))


def refusal(kind: Any, status: int, reason: str, **facts: Any) -> Failure:
    """An answer of the registry to a request for the manifest."""
    said = {name: facts.pop(name) for name in ("code", "message", "has_detail", "body") if name in facts}
    answer = RegistryAnswer(status=status, reason=reason, **said)
    return Failure(**{"kind": kind, "what": "x", "method": "GET", "url": URL, "answer": answer, **facts})


def broken(cause: Any, detail: str = "") -> Failure:
    return Failure(kind="unreachable", what="x", url=URL, cause=cause, address="10.0.0.1:5000", detail=detail)


def of_blob(kind: Any, **facts: Any) -> Failure:
    return Failure(
        **{"kind": kind, "what": "x", "method": "GET", "url": BLOB_URL, "digest": DIGEST, "media_type": LAYER, **facts}
    )


class Case(NamedTuple):
    """A failure, and what each runtime says of it."""

    failure: Failure
    code: Code
    containerd: str
    crio_code: Code
    crio: str


def case(
    failure: Failure, *, containerd: str, crio: str, code: Code = Code.UNKNOWN, crio_code: Code = Code.UNKNOWN
) -> Case:
    return Case(failure, code, containerd, crio_code, crio)


REFUSALS = {
    "not found": case(
        refusal("not-found", 404, "Not Found", code="MANIFEST_UNKNOWN", message="manifest unknown", has_detail=True),
        code=Code.NOT_FOUND,
        containerd=f"{RESOLVING}{NAME}: not found",
        crio=f"{CRIO}{READING}manifest unknown",
    ),
    "a login is missing": case(
        refusal("unauthorized", 401, "Unauthorized", challenge="basic"),
        containerd=f"{DENIED}authorization failed: no basic auth credentials",
        crio=f"{CRIO}{READING}authentication required",
    ),
    "a login is wrong": case(
        refusal(
            "unauthorized", 401, "Unauthorized", challenge="basic", had_login=True, code="UNAUTHORIZED", message="no"
        ),
        containerd=f"{RESOLVING}unexpected status from HEAD request to {URL}: 401 Unauthorized",
        crio=f"{CRIO}{READING}unauthorized: no",
    ),
    "a token is not enough": case(
        refusal(
            "unauthorized",
            401,
            "Unauthorized",
            challenge="bearer",
            challenge_error="insufficient_scope",
            code="DENIED",
            message="requested access to the resource is denied",
            has_detail=True,
        ),
        containerd=f"{DENIED}server message: insufficient_scope: authorization failed",
        crio=f"{CRIO}{READING}requested access to the resource is denied",
    ),
    "a token is not given": case(
        refusal(
            "unauthorized",
            401,
            "Unauthorized",
            challenge="bearer",
            url="https://auth.example/token?scope=x",
            is_token_service=True,
            code="UNAUTHORIZED",
            message="who are you",
        ),
        containerd=f"{AUTHORIZING} anonymous token: unexpected status from GET request to "
        "https://auth.example/token?scope=x: 401 Unauthorized",
        crio=f"{CRIO}unable to retrieve auth token: invalid username/password: unauthorized: who are you",
    ),
    "a token service is out of order": case(
        refusal("status", 500, "Oops", url="https://auth.example/t", is_token_service=True, had_login=True),
        containerd=f"{AUTHORIZING} oauth token: unexpected status from GET request to https://auth.example/t: 500 Oops",
        crio=f"{CRIO}Requesting bearer token: received unexpected HTTP status: 500 Oops",
    ),
    "out of order": case(
        refusal("status", 503, "Service Unavailable"),
        containerd=f"{RESOLVING}unexpected status from HEAD request to {URL}: 503 Service Unavailable",
        crio=f"{CRIO}{READING}received unexpected HTTP status: 503 Service Unavailable",
    ),
    "nobody listens": case(
        broken("refused", "connection refused"),
        containerd=f'{RESOLVING}failed to do request: Head "{URL}": '
        "dial tcp 10.0.0.1:5000: connect: connection refused",
        crio=f"RegistryUnavailable: {CRIO}pinging container registry registry.example:5000: "
        'Get "https://registry.example:5000/v2/": dial tcp 10.0.0.1:5000: connect: connection refused',
    ),
    "a certificate that nobody vouches for": case(
        broken("unknown-authority"),
        containerd=f'{RESOLVING}failed to do request: Head "{URL}": tls: failed to verify certificate: '
        "x509: certificate signed by unknown authority",
        crio=f"RegistryUnavailable: {CRIO}pinging container registry registry.example:5000: "
        'Get "https://registry.example:5000/v2/": tls: failed to verify certificate: '
        "x509: certificate signed by unknown authority",
    ),
    "no platform": case(
        Failure(kind="no-platform", what="x"),
        code=Code.NOT_FOUND,
        containerd=f"{CONTAINERD}no match for platform in manifest: not found",
        crio=f"choosing an image from manifest list docker://{NAME}: "
        'no image found in image index for architecture "amd64", variant "", OS "linux"',
    ),
    "a manifest that makes no sense": case(
        Failure(kind="malformed", what="it is odd"),
        containerd=f"{RESOLVING}it is odd",
        crio=f"{CRIO}it is odd",
    ),
    "a layer is lost": case(
        of_blob("not-found", answer=RegistryAnswer(status=404, reason="Not Found", code="BLOB_UNKNOWN")),
        code=Code.NOT_FOUND,
        containerd=f"{COPYING}could not fetch content descriptor {DIGEST} ({LAYER}) from remote: not found",
        crio=f"reading blob {DIGEST}: fetching blob: blob unknown",
    ),
    "a config is lost": case(
        of_blob(
            "not-found",
            media_type="application/vnd.docker.container.image.v1+json",
            is_of_index=True,
            answer=RegistryAnswer(status=404, body="gone"),
        ),
        code=Code.NOT_FOUND,
        containerd=f"{COPYING}could not fetch content descriptor {DIGEST} "
        "(application/vnd.docker.container.image.v1+json) from remote: not found",
        crio="copying system image from manifest list: parsing image configuration: fetching blob: "
        'StatusCode: 404, "gone"',
    ),
    "a layer cannot be had": case(
        of_blob("status", answer=RegistryAnswer(status=403, reason="Forbidden", code="DENIED", message="no")),
        containerd=f"{COPYING}unexpected status code {BLOB_URL}: 403 Forbidden - Server message: denied: no",
        crio=f"reading blob {DIGEST}: fetching blob: denied: no",
    ),
    "a transfer broke": case(
        of_blob("unreachable", cause="ended"),
        containerd=f'{COPYING}failed to do request: Get "{BLOB_URL}": EOF',
        crio=f'reading blob {DIGEST}: Get "{BLOB_URL}": EOF',
    ),
    "a transfer stalls": case(
        of_blob("too-slow", cause="timed-out"),
        code=Code.CANCELLED,
        containerd=f"{CONTAINERD}context canceled",
        crio_code=Code.CANCELLED,
        crio=f"reading blob {DIGEST}: context canceled",
    ),
    "an answer does not come": case(
        Failure(kind="too-slow", what="x", url=URL, cause="no-answer", address="10.0.0.1:5000"),
        containerd=f'{RESOLVING}failed to do request: Head "{URL}": net/http: timeout awaiting response headers',
        crio=f"RegistryUnavailable: {CRIO}pinging container registry registry.example:5000: "
        'Get "https://registry.example:5000/v2/": net/http: timeout awaiting response headers',
    ),
    "a wrong digest": case(
        of_blob("digest-mismatch", expected=DIGEST, found="sha256:2"),
        code=Code.FAILED_PRECONDITION,
        containerd=f'{CONTAINERD}failed commit on ref "layer-{DIGEST}": unexpected commit digest sha256:2, '
        f"expected {DIGEST}: failed precondition",
        crio='writing blob: storing blob to file "/var/tmp/container_images_storage1/1": '
        f"happened during read: Digest did not match, expected {DIGEST}, got sha256:2",
    ),
    "too long": case(
        of_blob("size-mismatch", expected="10", found="12"),
        code=Code.FAILED_PRECONDITION,
        containerd=f'{CONTAINERD}failed commit on ref "layer-{DIGEST}": "layer-{DIGEST}" failed size validation: '
        "12 != 10: failed precondition",
        crio='writing blob: storing blob to file "/var/tmp/container_images_storage1/1": happened during read: '
        "expected 10 bytes, got 12",
    ),
    "too short": case(
        of_blob("size-mismatch", expected="10", found="9"),
        containerd=f"{CONTAINERD}failed to read expected number of bytes: unexpected EOF",
        crio='writing blob: storing blob to file "/var/tmp/container_images_storage1/1": happened during read: '
        "expected 10 bytes, got 9",
    ),
    "a full disk": case(
        of_blob("storage", what="no space left on device"),
        containerd=f"{CONTAINERD}no space left on device",
        crio="no space left on device",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_runtimes_say(with_registries: Any, name: str) -> None:
    failure, code, containerd, crio_code, crio = REFUSALS[name]
    for profile, expected in ((CONTAINERD_PROFILE, (code, containerd)), (CRIO_PROFILE, (crio_code, crio))):
        node, _ = with_registries(profile, failure)
        error = node.refused(pulling(node))
        assert (error.code, error.message) == expected
        assert node.images() == []


def test_newer_versions_frame_it_their_way(with_registries: Any) -> None:
    failure = broken("refused", "connection refused")
    node, _ = with_registries("containerd-2.3", failure)
    assert node.refused(pulling(node)).message.startswith(
        f"{CONTAINERD}failed to resolve image: failed to do request: "
    )
    node, _ = with_registries("cri-o-1.36", failure)
    message = node.refused(pulling(node)).message
    assert message.startswith(f"RegistryUnavailable: unable to pull image: {CRIO}pinging container registry ")


AS_IMAGE = "; artifact err: image reference: reference is a container image, not an OCI artifact"
PULLING = "unable to pull image or OCI artifact: pull image err: "


@pytest.mark.parametrize(
    ("failure", "containerd", "crio"),
    [
        (
            of_blob("status", answer=RegistryAnswer(status=403, reason="Forbidden", code="DENIED")),
            f"{COPYING}unexpected status from GET request to {BLOB_URL}: 403 Forbidden\ndenied",
            f"{PULLING}reading blob {DIGEST}: fetching blob: denied{AS_IMAGE}",
        ),
        (
            of_blob("status", answer=RegistryAnswer(status=500, reason="Oops")),
            f"{COPYING}unexpected status from GET request to {BLOB_URL}: 500 Oops",
            f"{PULLING}reading blob {DIGEST}: fetching blob: received unexpected HTTP status: 500 Oops{AS_IMAGE}",
        ),
        (
            of_blob("size-mismatch", expected="10", found="9"),
            f"{CONTAINERD}short read: expected 10 bytes but got 9: unexpected EOF",
            (f'{PULLING}writing blob: storing blob to file "/var/tmp/container_images_storage1/1": '
            f"happened during read: expected 10 bytes, got 9{AS_IMAGE}"),
        ),
        (
            Failure(kind="no-platform", what="x", digest=DIGEST),
            f"{CONTAINERD}get image config descriptor: no match for platform in manifest {DIGEST}: not found",
            (f"{PULLING}choosing an image from manifest list docker://{NAME}: no image found in image index for "
            'architecture "amd64", variant "", OS "linux"; artifact err: image reference: choose manifest instance: '
            'no image found in image index for architecture "amd64", variant "", OS "linux"'),
        ),
    ],
    ids=["refused", "out of order", "too short", "no platform"],
)  # fmt: skip
def test_newer_versions_of_content(with_registries: Any, failure: Failure, containerd: str, crio: str) -> None:
    """As real ones of 2.3.4 and 1.36.3 said of the same registry."""
    for profile, expected in (("containerd-2.3", containerd), ("cri-o-1.36", crio)):
        node, _ = with_registries(profile, failure)
        assert node.refused(pulling(node)).message == expected


@pytest.mark.parametrize(
    ("profile", "details"), [("containerd-2.2", ""), ("containerd-2.3.2", ""), ("containerd-2.3.3", "\ndenied: no")]
)
def test_a_manifest_that_is_forbidden(with_registries: Any, profile: str, details: str) -> None:
    node, _ = with_registries(profile, refusal("unauthorized", 403, "Forbidden", code="DENIED", message="no"))
    message = node.refused(pulling(node)).message
    assert message.endswith(f"unexpected status from HEAD request to {URL}: 403 Forbidden{details}")


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.28", "cri-o-1.36"])
def test_an_image_comes_once_it_is_there(with_registries: Any, new_image: Any, profile: str) -> None:
    image = new_image(NAME, is_present=False)
    node, registries = with_registries(profile, image)
    answer = node.do(pulling(node))
    assert registries.asked == [NAME]
    assert answer.image_ref
    assert [list(one.repo_tags) for one in node.images()] == [[NAME]]


def test_a_fixture_is_not_asked_for(new_node: Any, new_image: Any) -> None:
    node = new_node(CONTAINERD_PROFILE, images=(new_image(NAME, is_present=False),))
    node.runtime.daemon.remote_images = registries = Registries(broken("refused"))
    assert node.do(pulling(node)).image_ref
    assert registries.asked == []


def test_the_login_goes_where_it_would_go_from_the_runtime(with_registries: Any, new_image: Any) -> None:
    image = new_image(NAME, is_present=False)
    auth = {"username": "me", "password": "p", "server_address": "https://registry.example:5000"}
    node, registries = with_registries(CONTAINERD_PROFILE, image)
    node.do(pulling(node, **auth))
    assert registries.logins == [("me", "p"), ("", "")], "containerd looks at the server address"
    node, registries = with_registries(CRIO_PROFILE, image)
    node.do(pulling(node, **auth))
    assert registries.logins == [("me", "p"), ("me", "p")], "CRI-O does not"


def test_a_login_that_cannot_be_read(with_registries: Any, new_image: Any) -> None:
    node, _ = with_registries(CONTAINERD_PROFILE, new_image(NAME, is_present=False))
    error = node.refused(pulling(node, auth=base64.b64encode(b"nobody").decode()))
    assert error.message == f'{RESOLVING}invalid decoded auth: "nobody"'
    assert node.images() == []


def test_an_artifact_is_an_image_without_files_to_containerd(with_registries: Any) -> None:
    artifact = Artifact(artifact_type="application/x", blobs=(ArtifactBlob("a", b"content"),))
    image = make_artifact(Declared(references=(NAME,)), artifact)
    node, _ = with_registries(CONTAINERD_PROFILE, image)
    assert node.do(pulling(node)).image_ref == json.loads(image.manifest_json)["config"]["digest"]
    node, _ = with_registries("cri-o-1.36", image)
    assert node.do(pulling(node)).image_ref == image.digest.partition(":")[2]
