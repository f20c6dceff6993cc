"""`kubesim explain image-volume`: what is mounted, or why nothing is, and what differs between two profiles."""

import json
from pathlib import Path

import pytest

from kubesim.cli import main

POD = Path(__file__).parents[2] / "fixtures" / "pods" / "image-volume.yaml"
ID = "sha256:9f7c32dab1ce646fa49ee5118387b92c75bf1b838f968b077379c8f9b6cdffaa"
DIGEST = "a7c14674756e231b5008dd6f002984e931dd73368c36f51331edde3df424916b"
TARGET = f"/run/containerd/io.containerd.grpc.v1.cri/image-volumes/<sandbox id>/{DIGEST}"
WHO = "default/pod container test, volume volume at /volume, image quay.io/crio/artifact:v1"

MOUNTED = f"""\
{WHO}, containerd-2.3, kubelet 1.36
mounted read-only: / of the image; digest in the runtime's status: none

MODE   OWNER  BYTES  NAME
d0755  0:0    0      dir
-0644  0:0    2      file

BY       RULE           OUTCOME  FROM                  WHY
kubelet  pull-policy    note     image-volume.yaml:17  pullPolicy is IfNotPresent, as the manifest says: it is pulled when the node lacks it
kubelet  pull           note     -                     PullImage answers {ID}
kubelet  sub-path       note     -                     the manifest sets no sub path: the whole image
kubelet  read-only      sent     -                     readonly is true: an image volume always is; readOnly of the mount is not set
runtime  image-mount    note     -                     this version knows Mount.image
runtime  mount          mounted  -                     read-only, and programs run from it; the image is mounted once for all containers of the pod: {TARGET}
runtime  status         note     -                     ContainerStatus shows the image as the request has it: {ID}, no image_ref, so no digest (KEP-5365)
kubelet  volume-status  note     -                     volumeMounts[].volumeStatus of the pod's status stays empty: the feature gate ImageVolumeWithDigest is off
"""  # noqa: E501  a table as it is printed

COMPARED = f"""\
{WHO}, kubelet 1.36
containerd-2.0  refused by the runtime (CreateContainerError): failed to generate container "<container id>" spec: failed to generate spec: failed to mkdir "": mkdir : no such file or directory
containerd-2.3  mounted read-only: / of the image; digest in the runtime's status: none

only containerd-2.0:
BY       RULE         OUTCOME   FROM  WHY
runtime  image-mount  left-out  -     this version does not know Mount.image: what is left is a bind mount without a host path
runtime  mount        refused   -     a bind mount needs a host path, and an image volume has none

only containerd-2.3:
BY       RULE           OUTCOME  FROM  WHY
runtime  image-mount    note     -     this version knows Mount.image
runtime  mount          mounted  -     read-only, and programs run from it; the image is mounted once for all containers of the pod: {TARGET}
runtime  status         note     -     ContainerStatus shows the image as the request has it: {ID}, no image_ref, so no digest (KEP-5365)
kubelet  volume-status  note     -     volumeMounts[].volumeStatus of the pod's status stays empty: the feature gate ImageVolumeWithDigest is off

decided by imageVolumes.mounts
  containerd-2.0  ignored: Mount.image is younger than this version and ignored; what is left is a bind mount without a source (KEP-4639, containerd-1.6)
  containerd-2.3  mounted: images can be mounted (KEP-4639, containerd#10579, containerd-2.1)
"""  # noqa: E501


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", "image-volume", *arguments]) == 0
    return capsys.readouterr().out


def test_what_is_mounted_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(capsys, str(POD)) == MOUNTED


def test_two_profiles_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    options = [str(POD), "--profile", "containerd-2.0", "--compare", "containerd-2.3"]

    assert explain(capsys, *options) == COMPARED
    (found,) = json.loads(explain(capsys, *options, "-o", "json"))
    assert (found["change"], found["before"]["refusal"]["by"], found["after"]["source"]) == ("allowed", "runtime", "/")
    assert [one["key"] for one in found["switches"]] == ["imageVolumes.mounts"]


def test_the_same_under_two_profiles_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explain(capsys, str(POD), "--compare", "containerd-2.2").splitlines()

    assert lines[1] == (
        "the same under containerd-2.3 and containerd-2.2: mounted read-only: / of the image; digest in the runtime's "
        "status: none"
    )


def test_the_same_content_with_another_status(capsys: pytest.CaptureFixture[str]) -> None:
    lines = explain(capsys, str(POD), "--compare", "ideal").splitlines()

    assert "the same content, which the status shows otherwise" in lines
    assert "decided by imageVolumes.statusHasImageRef" in lines


def test_json_has_the_keys_that_the_help_lists(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = json.loads(explain(capsys, str(POD), "--container", "test", "-o", "json"))
    (compared,) = json.loads(explain(capsys, str(POD), "--compare", "ideal", "-o", "json"))
    with pytest.raises(SystemExit):
        main(["explain", "image-volume", "--help"])
    help_text = capsys.readouterr().out

    assert [key for key in (*found, *compared) if key not in help_text] == []
    assert found["entries"][1] == {
        "name": "file",
        "kind": "file",
        "mode": "0644",
        "uid": 0,
        "gid": 0,
        "sizeBytes": 2,
        "target": None,
    }
    assert (found["imageID"], found["status"]) == (ID, {"image": ID, "imageRef": None})
    assert found["trace"][0]["line"] == 17


def test_a_long_listing_is_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, pod = tmp_path / "image.yaml", tmp_path / "pod.yaml"
    files = ", ".join(f"/f{number:02}: x" for number in range(25))
    image.write_text(
        "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: example.com/x:1}\n"
        f"spec: {{files: {{{files}, /l: {{link: f00}}}}}}\n"
    )
    pod.write_text(POD.read_text().replace("quay.io/crio/artifact:v1", "example.com/x:1"))
    out = explain(capsys, str(pod), "--images", str(image))

    assert "... and 6 more" in out.splitlines()
    (found,) = json.loads(explain(capsys, str(pod), "--images", str(image), "-o", "json"))
    assert (len(found["entries"]), found["entries"][-1]["target"]) == (26, "f00")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([str(POD.with_name("implicit-groups.yaml"))], "no mount is of an image volume; see spec.volumes[].image"),
        ([str(POD), "--container", "x"], "no mount of container 'x' is of an image volume"),
        ([str(POD), "--profile", "docker"], "--profile: unknown profile 'docker'"),
        ([str(POD), "--compare", "docker"], "--compare: unknown profile 'docker'"),
        ([str(POD), "--os", "windows"], "default/pod: image volumes are explained for Linux nodes only"),
    ],
)
def test_wrong_arguments(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "image-volume", *arguments]) == 2
    assert text in capsys.readouterr().err
