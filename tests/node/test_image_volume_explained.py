"""What becomes of an image volume, and why; tried against what a node makes of the same pod."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubesim.errors import InputError
from kubesim.images.fixtures import load_catalogue
from kubesim.node.explained_container import ImageNotAtHand
from kubesim.node.image_volume_explained import explain_image_volumes
from kubesim.node.image_volume_trial import SANDBOX
from kubesim.node.node import Node
from kubesim.node.sources import pod_manifests
from tests.node.image_volume_pods import IMAGES, explain, node, pod, rules

PROFILES = ["containerd-2.0", "containerd-2.1", "containerd-2.3", "cri-o-1.30", "cri-o-1.32", "cri-o-1.36", "ideal"]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The fixtures of these tests."""
    file = tmp_path / "images.yaml"
    file.write_text(IMAGES)
    return file


def test_the_whole_image(images: Path) -> None:
    found = explain(pod(), images)

    assert (found.source, found.refusal, found.is_artifact, found.sub_path) == ("/", None, False, "")
    assert [(one.name, one.kind, one.target) for one in found.entries] == [
        ("abs", "symlink", "/usr"),
        ("dir", "directory", ""),
        ("lib", "symlink", "usr/lib"),
        ("loop", "symlink", "loop"),
        ("out", "symlink", "../../etc"),
        ("top", "file", ""),
        ("usr", "directory", ""),
    ]
    assert rules(found, "kubelet") == [
        ("pull-policy", "note"),
        ("pull", "note"),
        ("sub-path", "note"),
        ("read-only", "sent"),
        ("volume-status", "note"),
    ]
    assert rules(found, "runtime") == [("image-mount", "note"), ("mount", "mounted"), ("status", "note")]
    assert (found.status_image, found.status_image_ref) == (found.image_id, "")


def test_a_runtime_that_says_the_digest(images: Path) -> None:
    found = explain(pod(), images, node("ideal"))

    assert found.status_image_ref == found.image_id


@pytest.mark.parametrize(
    ("sub_path", "source", "links", "entries"),
    [
        ("dir", "/dir", [], ["file"]),
        ("lib", "/usr/lib", [("/lib", "usr/lib")], ["a.so"]),
    ],
)
def test_a_sub_path_and_the_links_it_follows(
    sub_path: str, source: str, links: list[tuple[str, str]], entries: list[str], images: Path
) -> None:
    found = explain(pod(subPath=sub_path), images)

    assert found.source == source
    assert [(link.path, link.target) for link in found.links] == links
    assert [one.name for one in found.entries] == entries


@pytest.mark.parametrize(
    ("sub_path", "rest"),
    [
        ("top", 'only directory subpath is supported, subpath: "top", mountpoint: '),
        ("nope", "openat nope: no such file or directory"),
        ("abs", "openat abs: path escapes from parent"),
        ("out", "openat out: path escapes from parent"),
        ("loop", "openat loop: too many levels of symbolic links"),
        ("top/x", "openat top/x: not a directory"),
    ],
)
def test_a_sub_path_that_containerd_refuses(sub_path: str, rest: str, images: Path) -> None:
    found = explain(pod(subPath=sub_path), images)

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("runtime", "CreateContainerError")
    assert f"image-volumes/{SANDBOX}/" in found.refusal.message
    assert rest in found.refusal.message
    assert rules(found, "runtime") == [("image-mount", "note"), ("sub-path", "refused")]
    assert (found.source, found.entries, found.status_image) == ("", (), "")


def test_a_version_without_sub_paths_mounts_all(images: Path) -> None:
    found = explain(pod(subPath="nope"), images, node("containerd-2.1"))

    assert (found.source, found.sub_path) == ("/", "nope")
    assert ("sub-path", "left-out") in rules(found, "runtime")


def test_a_file_as_a_sub_path(images: Path) -> None:
    found = explain(pod(subPath="top"), images, node("ideal"))
    refused = explain(pod(subPath="top"), images, node("cri-o-1.36"))

    assert refused.refusal is not None
    assert ("sub-path", "refused") in rules(refused, "runtime")
    assert found.source == "/top"
    assert [(one.name, one.size_bytes) for one in found.entries] == [(".", 1)]


def test_a_link_that_leaves_the_image_is_rooted_by_crio(images: Path) -> None:
    found = explain(pod(subPath="abs/lib"), images, node("cri-o-1.36"))

    assert (found.source, [one.name for one in found.entries]) == ("/usr/lib", ["a.so"])
    assert [(link.path, link.target) for link in found.links] == [("/abs", "/usr")]


def test_a_version_that_knows_no_image_mounts(images: Path) -> None:
    found = explain(pod(), images, node("containerd-2.0"))

    assert found.refusal is not None
    assert found.refusal.message == (
        'failed to generate container "<container id>" spec: failed to generate spec: failed to mkdir "": mkdir : no '
        "such file or directory"
    )
    assert rules(found, "runtime") == [("image-mount", "left-out"), ("mount", "refused")]


def test_an_artifact_is_a_file_for_each_title(images: Path) -> None:
    found = explain(pod("example.com/art:1"), images, node("cri-o-1.36"))
    below = explain(pod("example.com/art:1", subPath="d"), images, node("cri-o-1.36"))
    nothing = explain(pod("example.com/art:1", subPath="x"), images, node("cri-o-1.36"))

    assert found.is_artifact
    assert [(one.name, one.size_bytes) for one in found.entries] == [("d/one", 1), ("two", 2)]
    assert [one.name for one in below.entries] == ["one"]
    assert nothing.refusal is not None
    assert 'sub path "x" does not exist in OCI artifact volume' in nothing.refusal.message
    assert rules(nothing, "runtime") == [("image-mount", "note"), ("artifact", "refused")]


def test_an_artifact_without_names_mounts_nothing(images: Path) -> None:
    found = explain(pod("example.com/nameless:1"), images, node("cri-o-1.36"))

    assert (found.refusal, found.source, found.entries, found.status_image) == (None, "", (), "")
    assert rules(found, "runtime") == [("image-mount", "note"), ("artifact", "note")]


def test_containerd_makes_an_image_without_files_of_an_artifact_that_older_ones_refuse(images: Path) -> None:
    found = explain(pod("example.com/art:1"), images)
    below = explain(pod("example.com/art:1", subPath="d"), images)

    assert (found.is_artifact, found.refusal, found.source, found.entries) == (False, None, "/", ())
    assert rules(found, "runtime")[:2] == [("image-mount", "note"), ("artifact", "note")]
    assert below.refusal is not None
    assert below.refusal.message.endswith("openat d: no such file or directory")


def test_an_artifact_that_does_not_come(images: Path) -> None:
    found = explain(pod("example.com/art:1"), images, node("cri-o-1.32"))

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("kubelet", "ErrImagePull")
    assert rules(found, "kubelet")[-1] == ("pull", "refused")
    assert rules(found, "runtime") == []


# -- the kubelet's part ---------------------------------------------------------------------------------------


def test_variables_of_the_container_count(images: Path) -> None:
    found = explain(pod(subPathExpr="$(WHERE)"), images)

    assert (found.sub_path, found.source) == ("dir", "/dir")


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ({"subPathExpr": "$(B)/$(A)"}, "missing value for A, B"),
        ({"subPathExpr": "$(UP)/x"}, "unable to provision SubPath `../x`: must not contain '..'"),
        ({"subPathExpr": "$(ROOT)"}, "error SubPath `/` must not be an absolute path"),
    ],
)
def test_a_sub_path_that_the_kubelet_refuses(mount: dict[str, Any], message: str, images: Path) -> None:
    found = explain(pod(**mount), images)

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("kubelet", "CreateContainerConfigError")
    assert found.refusal.message == message
    assert rules(found, "kubelet")[-1] == ("mount", "refused")


def test_a_variable_that_nobody_knows_is_no_empty_one(images: Path) -> None:
    with pytest.raises(InputError, match="the value of the variable 'IP' is not at hand"):
        explain(pod(subPathExpr="$(IP)"), images)


@pytest.mark.parametrize(
    ("image", "source", "reason", "message"),
    [
        (
            "example.com/vol:1",
            {"pullPolicy": "Never"},
            "ErrImageNeverPull",
            'Container image "example.com/vol:1" is not present with pull policy of Never',
        ),
        ("Not/A/Name", {}, "InvalidImageName", 'Failed to apply default image tag "Not/A/Name": '),
        ("example.com/broken:1", {}, "ErrImagePull", "failed to pull and unpack image "),
    ],
)
def test_an_image_that_does_not_come(
    image: str, source: dict[str, Any], reason: str, message: str, images: Path
) -> None:
    found = explain(pod(image, source=source), images)

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason, found.image_id) == ("kubelet", reason, "")
    assert found.refusal.message.startswith(message)


def test_the_gate_of_image_volumes_is_off(images: Path) -> None:
    found = explain(pod(), images, node(kubelet="1.33"))

    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == ("API server", "Dropped")
    assert found.refusal.message.endswith("dropped from the new pod: the feature gate ImageVolume is off")


def test_steps_name_the_lines_of_the_manifest(images: Path, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(yaml.safe_dump(pod(subPath="dir", readOnly=True, source={"pullPolicy": "Always"}), indent=2))
    (manifest,) = pod_manifests(file, kubelet_version="1.36")
    (found,) = explain_image_volumes(manifest, node(), load_catalogue([images]))

    lines = file.read_text().splitlines()
    written = {step.rule: lines[step.line - 1].strip() for step in found.steps if step.line is not None}
    assert written == {"pull-policy": "pullPolicy: Always", "sub-path": "subPath: dir", "read-only": "readOnly: true"}


def test_what_cannot_be_explained(images: Path) -> None:
    with pytest.raises(ImageNotAtHand, match=r"example\.com/none: no fixture holds this image"):
        explain(pod("example.com/none"), images)
    with pytest.raises(InputError, match="default/p: image volumes are explained for Linux nodes only"):
        explain(pod(), images, node(os="windows"))


@pytest.mark.parametrize(
    ("profile", "by", "reason", "text"),
    [
        ("containerd-2.3", "", "", ""),
        ("cri-o-1.36", "", "", ""),
        ("containerd-2.1.6", "runtime", "RunContainerError", "idmap"),
        (
            "containerd-1.6",
            "kubelet",
            "FailedCreatePodSandBox",
            "Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support user namespaces",
        ),
    ],
)
def test_a_pod_with_a_user_namespace(profile: str, by: str, reason: str, text: str, images: Path) -> None:
    one = pod()
    one["spec"]["hostUsers"] = False
    found = explain(one, images, node(profile))

    if not by:
        assert (found.refusal, found.source) == (None, "/")
        return
    assert found.refusal is not None
    assert (found.refusal.by, found.refusal.reason) == (by, reason)
    assert text in found.refusal.message
    assert found.steps[-1].outcome == "refused"
    assert found.source == ""


# -- the same as a node ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(
    "one",
    [
        pod(),
        pod(subPath="dir"),
        pod(subPath="lib"),
        pod(subPath="top"),
        pod(subPath="nope"),
        pod(subPath="abs"),
        pod(subPathExpr="$(WHERE)"),
        pod(subPathExpr="$(NO)"),
        pod("example.com/art:1"),
        pod("example.com/art:1", subPath="x"),
        pod("example.com/broken:1"),
        pod(source={"pullPolicy": "Never"}),
    ],
    ids=range(12),
)
def test_what_is_explained_is_what_a_pod_gets(profile: str, one: dict[str, Any], images: Path) -> None:
    found = explain(one, images, node(profile))
    with Node(profile=profile, images=[images]) as real:
        real.apply(one)
        real.advance("5s")
        (status,) = real.pod("default/p")["status"]["containerStatuses"]
        created = [entry for entry in real.journal if entry.method == "CreateContainer"]
        listed = real.exec("default/p", ["ls", "-A", "/v"]) if status["state"].get("running") else None

    if found.refusal is None:
        assert listed is not None
        names = listed.stdout.decode().split()
        expected = ["/v" if entry.name == "." else entry.name.partition("/")[0] for entry in found.entries]
        assert names == sorted(expected)
        return
    waiting = status["state"]["waiting"]
    assert (waiting["reason"], waiting["message"]) in {
        (found.refusal.reason, message) for message in _messages(found.refusal.message, created)
    } or waiting["reason"] == "ImagePullBackOff"


def _messages(message: str, created: list[Any]) -> set[str]:
    """A refusal with the ids that the calls to a node had."""
    texts = {message}
    for entry in created:
        error = str(entry.error or "")
        texts.add(message.replace(SANDBOX, entry.request.pod_sandbox_id))
        marker = 'failed to generate container "'
        if marker in error:
            texts.add(message.replace("<container id>", error.partition(marker)[2].partition('"')[0]))
    return texts
