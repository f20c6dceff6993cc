"""A fleet out of files and folders, and what another runtime makes of its identities."""

from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.images.fixtures import load_catalogue
from kubesim.node.explained_container import ExplainedNode
from kubesim.node.fleet import read_fleet
from kubesim.node.fleet_identity import FleetRow, FleetSummary, compare_fleet, summary_of
from kubesim.runtime.profiles import load_profile
from tests.images.sources.writing import busybox, layout_files, saved_files, write_directory, write_tar

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"


def image(name: str, user: str = "", passwd: str = "root:x:0:0:::") -> str:
    return (
        f"apiVersion: kubesim/v1\nkind: Image\nmetadata: {{name: {name}}}\n"
        f"spec: {{user: '{user}', files: {{/etc/passwd: '{passwd}'}}}}\n"
    )


def pod(name: str, *images: str, context: str = "{}") -> str:
    containers = ", ".join(f"{{name: c{index}, image: '{one}'}}" for index, one in enumerate(images))
    return (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"
        f"spec: {{securityContext: {context}, containers: [{containers}]}}\n"
    )


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        file = folder / name.replace("__", "/")
        file = file.with_name(f"{file.name}.yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def compared(folder: Path, before: str = "containerd-2.0.3", after: str = "containerd-2.3") -> list[FleetRow]:
    fleet = read_fleet([folder], kubelet_version="1.36")
    catalogue = load_catalogue([])
    for one in fleet.images:
        catalogue.add(one)
    nodes = [ExplainedNode(profile=load_profile(name)) for name in (before, after)]
    return list(compare_fleet(fleet, nodes[0], nodes[1], catalogue))


def test_folders_are_searched_and_the_kind_tells(tmp_path: Path) -> None:
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"
    write(
        tmp_path,
        b__pods=f"{pod('one', 'x')}---\n{service}---\n{image('x')}",
        a=image("other"),
        c__d__e=pod("two", "other"),
    )
    (tmp_path / "notes.txt").write_text("no YAML: {")
    fleet = read_fleet([tmp_path], kubelet_version="1.36")

    assert [one.key for one in fleet.pods] == ["default/one", "default/two"]
    names = [one.references[0] for one in fleet.images]
    assert names == ["docker.io/library/other:latest", "docker.io/library/x:latest"]
    assert fleet.others_count == 1


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a": image("x"), "b": image("x")}, "image 'docker.io/library/x:latest' is already defined at "),
        ({"a": "kind: Service\n"}, "no pod and no image in it; name manifests and image fixtures"),
        ({"a": "a: b: c\n"}, "a.yaml:1:5"),
        ({"a": image("x", passwd="bad")}, "'bad' has 1 field, not 7"),
        ({"a": pod("p", "x", context="{runAsUser: -1}")}, "runAsUser"),
    ],
)
def test_what_is_wrong_in_a_fleet(texts: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_fleet([write(tmp_path, **texts)], kubelet_version="1.36")

    assert message in str(caught.value)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        read_fleet([tmp_path / "nowhere"], kubelet_version="1.36")


def test_an_archive_goes_to_the_loader_of_images(tmp_path: Path) -> None:
    (tmp_path / "broken.tgz").write_bytes(b"\x1f\x8b\0")
    (tmp_path / "notes").write_bytes(b"something else")

    with pytest.raises(InputError, match=r"broken\.tgz"):
        read_fleet([tmp_path], kubelet_version="1.36")


def test_a_layout_goes_to_the_loader_of_images_as_a_whole(tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    (layout / "oci-layout").write_text("broken")
    (layout / "index.json").write_text("{}")

    with pytest.raises(InputError, match="layout"):
        read_fleet([tmp_path], kubelet_version="1.36")


def test_layouts_and_archives_are_found_beside_manifests(tmp_path: Path) -> None:
    one, other = busybox(), busybox(run={"User": "app:dev"})
    files = layout_files([one.entry(name="example.com/one:1")], one.blobs)
    write_directory(tmp_path / "layouts" / "one", files)
    write_tar(tmp_path / "saved.tar", saved_files((other, ["example.com/two:1"])))
    write(tmp_path, pods=f"{pod('p', 'example.com/one:1')}---\n{pod('q', 'example.com/two:1')}")
    rows = compared(tmp_path, before="containerd-2.3", after="cri-o-1.36")

    found = [one.compared.before.identity for one in rows if one.compared is not None]
    assert [(one.uid, one.gid) for one in found if one is not None] == [(7, 8), (7, 8)]
    assert [one.problem for one in rows] == ["", ""]


def test_each_container_and_each_image_that_no_pod_runs(tmp_path: Path) -> None:
    write(
        tmp_path,
        images=f"{image('used')}---\n{image('alone', user='4294967296')}",
        pods=f"{pod('p', 'used', 'missing', AGNHOST)}---\n{pod('q', 'Not A Name')}",
    )
    rows = compared(tmp_path)

    found = [(one.pod, one.container, one.compared.change if one.compared else one.problem) for one in rows]
    assert found == [
        ("default/p", "c0", "same"),
        ("default/p", "c1", "missing: no fixture holds this image; give it with --images"),
        ("default/p", "c2", "same"),
        ("default/q", "c0", "same"),
        ("", "", "refused"),
    ]
    assert rows[3].compared is not None
    assert rows[3].compared.before.refusal is not None
    assert rows[3].compared.before.refusal.reason == "InvalidImageName"
    assert rows[0].where == f"{tmp_path}/pods.yaml:1:1"
    assert rows[-1].image == "docker.io/library/alone:latest"
    assert summary_of(rows) == FleetSummary(
        compared=4, equal=3, reordered=0, different=1, refused_before=1, refused_after=2, failing=1
    )


def test_an_artifact_alone_runs_nowhere(tmp_path: Path) -> None:
    text = "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: model}\nspec: {artifact: {type: a/b, blobs: []}}\n"
    write(tmp_path, a=text, b=pod("p", "model"))

    (row,) = compared(tmp_path)
    assert "this is an artifact, no container image" in row.problem


def test_the_order_of_groups_is_counted_apart(tmp_path: Path) -> None:
    write(tmp_path, a=pod("p", AGNHOST, context="{runAsUser: 1000, fsGroup: 7}"))
    rows = compared(tmp_path, after="cri-o-1.36")

    assert summary_of(rows) == FleetSummary(
        compared=1, equal=1, reordered=1, different=0, refused_before=0, refused_after=0, failing=0
    )
