"""What an image name in a request may mean, for both runtimes."""

import pytest
from msgspec import structs

from kubesim.policy.image_lookup import ImageKey, absence, image_key, pull_candidates
from kubesim.policy.image_reference import InvalidReference
from kubesim.policy.runtime_profile import ImageSwitches

HEX = "0123456789abcdef" * 4
STORAGE = "[overlay@/var/lib/containers/storage+/run/containers/storage]"
CONTAINERD = ImageSwitches(
    id_form="sha256-prefixed",
    pull_returns="id",
    short_id_length_min=1,
    empty_key="prefix",
    short_names="docker-hub",
    search_registries=(),
    hex_names="refused",
    list_filter="ignored",
    remove_by_name="all-references",
    remove_in_use="allowed",
    remove_volume="allowed",
    spec_annotations=False,
    size="compressed",
    stores_artifacts=False,
    artifact_lookup="as-images",
    artifact_pinning="by-name",
    artifact_pull="unpacked-on-use",
    pinning="at-pull",
    pinned_images=(),
    filesystem_usage="snapshots",
    image_store="",
    pull_auth="for-host",
    concurrent_pulls="share-content",
    pull_error="image",
    forbidden_details=True,
    verifies_signatures=False,
    container_filesystems=False,
    filesystem_path="/images",
    moved_tag_digests="kept",
    pull_progress_timeout_seconds=300,
    info_keys=(),
)
CRIO = structs.replace(
    CONTAINERD,
    short_names="search-registries",
    short_id_length_min=3,
    search_registries=("docker.io", "quay.io"),
)


@pytest.mark.parametrize(
    ("text", "id_prefix", "references"),
    [
        (f"sha256:{HEX}", HEX, ()),
        (f"sha512:{HEX}{HEX}", None, ()),
        ("sha256:abc", "abc", ("docker.io/library/sha256:abc",)),
        ("sha256:xyz", None, ("docker.io/library/sha256:xyz",)),
        ("sha256:", None, ()),
        (HEX, HEX, ()),
        ("a", "a", ("docker.io/library/a:latest",)),
        ("ABC", None, ()),
        ("busybox", None, ("docker.io/library/busybox:latest",)),
        ("quay.io/a/b:t", None, ("quay.io/a/b:t",)),
        (f"quay.io/a/b@sha256:{HEX}", None, (f"quay.io/a/b@sha256:{HEX}",)),
        ("", "", ()),
        (":abc", None, ()),
        ("a b", None, ()),
    ],
)
def test_containerd_tries_references_before_ids(text, id_prefix, references):
    assert image_key(text, CONTAINERD) == ImageKey(id_prefix=id_prefix, references=references, order="references-first")


@pytest.mark.parametrize(
    ("text", "id_prefix", "references"),
    [
        (HEX, HEX, ()),
        ("abc", "abc", ("docker.io/library/abc:latest", "quay.io/abc:latest")),
        ("ab", None, ("docker.io/library/ab:latest", "quay.io/ab:latest")),
        (
            f"sha256:{HEX}",
            None,
            (f"docker.io/library/sha256:{HEX}", f"quay.io/sha256:{HEX}"),
        ),
        ("docker.io/x", None, ("docker.io/library/x:latest",)),
        ("localhost/x:1", None, ("localhost/x:1",)),
        ("localhost:5000/x", None, ("localhost:5000/x:latest",)),
        (f"quay.io/a/b:t@sha256:{HEX}", None, (f"quay.io/a/b@sha256:{HEX}",)),
        ("a/b", None, ("docker.io/a/b:latest", "quay.io/a/b:latest")),
    ],
)
def test_crio_tries_ids_before_references(text, id_prefix, references):
    assert image_key(text, CRIO) == ImageKey(id_prefix=id_prefix, references=references, order="id-first")


@pytest.mark.parametrize(
    ("text", "images", "refusal"),
    [
        ("a b", CRIO, 'cannot parse input: "a b": invalid reference format'),
        ("Busybox", CRIO, 'cannot parse input: "Busybox": repository name must be lowercase'),
        (
            "quay.io/" + "a" * 256,
            CRIO,
            f'cannot parse input: "quay.io/{"a" * 256}": repository name must not be more than 255 characters',
        ),
        (
            "docker.io/" + "a" * 250,
            CRIO,
            f'cannot normalize input: "docker.io/{"a" * 250}": repository name must not be more than 255 characters',
        ),
        (
            "a" * 250,
            structs.replace(CRIO, search_registries=("Docker.IO", "docker.io")),
            (
                'creating reference with unqualified-search registry "docker.io": '
                "repository name must not be more than 255 characters"
            ),
        ),
        (
            "busybox",
            structs.replace(CRIO, search_registries=()),
            (
                'short-name "busybox" did not resolve to an alias and no unqualified-search registries are defined in '
                '"/etc/containers/registries.conf"'
            ),
        ),
    ],
)
def test_crio_refuses_names_it_cannot_resolve(text, images, refusal):
    key = image_key(text, images)

    assert (key.references, key.refusal) == ((), refusal)
    with pytest.raises(InvalidReference) as error:
        pull_candidates(text, images)
    assert str(error.value) == refusal


@pytest.mark.parametrize(
    ("text", "is_unknown_id"), [("ABC", True), ("Abc0", True), ("AB", False), ("Abcx", False), ("A:b", False)]
)
def test_crio_takes_hex_digits_that_are_no_name_for_an_unknown_id(text, is_unknown_id):
    key = image_key(text, structs.replace(CRIO, hex_names="not-found"))

    assert (key.refusal != "", key.is_unknown_id) == (True, is_unknown_id)
    assert not image_key(text, CRIO).is_unknown_id


def test_what_a_pull_tries():
    assert pull_candidates("busybox", CONTAINERD) == ("docker.io/library/busybox:latest",)
    assert pull_candidates("busybox", CRIO) == ("docker.io/library/busybox:latest", "quay.io/busybox:latest")
    with pytest.raises(InvalidReference, match="cannot specify 64-byte hexadecimal strings"):
        pull_candidates(HEX, CONTAINERD)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "CreateContainerRequest.ContainerConfig.Image.Image is empty"),
        ("0" * 64, f'reading image "{"0" * 64}": locating image with ID "{"0" * 64}": image not known'),
        ("0" * 12, f'reference "{STORAGE}docker.io/library/000000000000:latest" does not resolve to an image ID'),
        ("none", f'reference "{STORAGE}docker.io/library/none:latest" does not resolve to an image ID'),
        ("quay.io/a/b:1", f'reference "{STORAGE}quay.io/a/b:1" does not resolve to an image ID'),
        ("UPPER", 'cannot parse input: "UPPER": repository name must be lowercase'),
        ("a b", 'cannot parse input: "a b": invalid reference format'),
    ],
)
def test_why_crio_makes_no_container_of_an_image_that_is_not_there(text, words):
    """As a real CRI-O 1.36 said it."""
    assert absence(text, structs.replace(CRIO, search_registries=("docker.io",))) == words
