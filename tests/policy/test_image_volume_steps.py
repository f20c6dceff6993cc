"""The sentences about an image volume: one for each decision."""

import pytest
from msgspec import structs

from kubesim.policy.image_volume import ImageMountStatus
from kubesim.policy.image_volume_steps import (
    FollowedLink,
    artifact_step,
    image_mount_step,
    mounted_step,
    pull_policy_step,
    pull_step,
    sent_read_only_step,
    sent_sub_path_step,
    status_step,
    sub_path_step,
    volume_status_step,
)
from kubesim.runtime.profiles import load_profile

DIALECT = load_profile("containerd-2.3").image_volumes
IGNORES_SUB_PATHS = load_profile("containerd-2.1").image_volumes
OLD = load_profile("containerd-2.0").image_volumes


@pytest.mark.parametrize(
    ("policy", "is_written", "tag", "text"),
    [
        ("Always", True, "v1", "pullPolicy is Always, as the manifest says: every sync of the pod pulls"),
        (
            "Always",
            False,
            "latest",
            "pullPolicy is Always, which the API server fills in, for the tag is latest: every sync of the pod pulls",
        ),
        (
            "IfNotPresent",
            False,
            "v1",
            (
                "pullPolicy is IfNotPresent, which the API server fills in, for the tag is not latest: "
                "it is pulled when the node lacks it"
            ),
        ),
        ("Never", True, None, "pullPolicy is Never, as the manifest says: it must be on the node"),
    ],
)  # fmt: skip
def test_the_pull_policy(policy, is_written, tag, text):
    assert pull_policy_step(policy, is_written=is_written, tag=tag).text == text


def test_how_the_image_came_to_the_node():
    assert pull_step(is_pulled=True, image_ref="abc").text == "PullImage answers abc"
    assert pull_step(is_pulled=False, image_ref="abc").text == "the image is on the node: ImageStatus says abc"


@pytest.mark.parametrize(
    ("sub_path", "expression", "outcome", "text"),
    [
        ("", "", "note", "the manifest sets no sub path: the whole image"),
        ("etc", "", "sent", "subPath is 'etc': image_sub_path"),
        ("a/b", "a/$(V)", "sent", "subPathExpr 'a/$(V)' with the container's variables is 'a/b': image_sub_path"),
    ],
)
def test_what_the_kubelet_sends_of_a_sub_path(sub_path, expression, outcome, text):
    step = sent_sub_path_step(sub_path, expression=expression)

    assert (step.by, step.outcome, step.text) == ("kubelet", outcome, text)


def test_read_only_is_sent_whatever_the_manifest_says():
    assert sent_read_only_step(is_read_only=True).text.endswith("readOnly of the mount is true")
    assert sent_read_only_step(is_read_only=False).text.endswith("readOnly of the mount is not set")


def test_a_version_that_does_not_know_image_mounts():
    assert (image_mount_step(OLD).outcome, image_mount_step(DIALECT).outcome) == ("left-out", "note")


@pytest.mark.parametrize(
    ("found", "resolved", "links", "is_refused", "text"),
    [
        ("directory", "/usr/lib", (("/lib", "usr/lib"),), False,
         "'p' leads to the directory /usr/lib, by the link /lib -> usr/lib"),
        ("file", "/f", (), False, "'p' leads to the file /f"),
        ("file", "/f", (), True, "'p' leads to the file /f; only a directory can be mounted"),
        ("missing", "/x", (), True, "'p' ends at /x, which is not there"),
        ("escape", "/x", (), True, "'p' would leave the image at /x"),
        ("loop", "/x", (), True, "'p' follows more than 8 links"),
        ("name-too-long", "/x", (), True, "'p' has a name of more than 255 bytes"),
        ("not-a-directory", "/x", (), True, "'p' goes on behind /x, which is no directory"),
    ],
)  # fmt: skip
def test_where_a_sub_path_leads(found, resolved, links, is_refused, text):
    followed = [FollowedLink(path=path, target=target) for path, target in links]
    step = sub_path_step("p", DIALECT, found=found, resolved=resolved, links=followed, is_refused=is_refused)

    assert (step.outcome, step.text) == ("refused" if is_refused else "note", text)


def test_a_version_that_ignores_sub_paths():
    step = sub_path_step("p", IGNORES_SUB_PATHS, found="directory", resolved="/", links=(), is_refused=False)

    assert (step.outcome, step.text) == (
        "left-out",
        "this version ignores the sub path 'p': the whole image is mounted",
    )


def test_what_is_mounted():
    assert "mounted once for all containers of the pod: /x" in mounted_step(DIALECT, host_path="/x").text
    on_node = structs.replace(DIALECT, mounted_for="node")
    assert "mounted once on the node: /x" in mounted_step(on_node, host_path="/x").text


def test_the_files_of_an_artifact():
    assert artifact_step(["a", "b"], blobs_count=3, sub_path="").text.endswith("file: 2 of 3")
    assert "names begin with 'd', which is cut off" in artifact_step(["a"], blobs_count=3, sub_path="d").text


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            {"image": "sha256:1", "has_request_spec": True, "image_ref": "", "sub_path": "d"},
            "as the request has it: sha256:1, no image_ref, so no digest (KEP-5365), image_sub_path 'd'",
        ),
        ({"image": "1", "has_request_spec": False, "image_ref": "1", "sub_path": ""}, "as the bare id: 1, image_ref 1"),
    ],
)
def test_what_the_runtime_shows(status, text):
    assert status_step(ImageMountStatus(**status)).text == f"ContainerStatus shows the image {text}"


def test_a_runtime_that_shows_no_image():
    status = ImageMountStatus(image="", has_request_spec=False, image_ref="", sub_path="")

    assert status_step(status).text.startswith("ContainerStatus shows no image")


def test_what_the_kubelet_shows():
    assert volume_status_step(is_gate_on=False).text.endswith("the feature gate ImageVolumeWithDigest is off")
    assert "kubernetes#142120" in volume_status_step(is_gate_on=True).text
