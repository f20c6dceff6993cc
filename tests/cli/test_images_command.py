"""`kubesim images`: the store from the command line, and the commands that find its images."""

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from kubesim.cli import main

DOCUMENT = """\
apiVersion: kubesim/v1
kind: Image
metadata: {name: %s}
spec:
  user: app
  env: {A: b}
  cmd: [id]
  files:
    /etc/passwd: "app:x:7:8::/home:/bin/sh\\n# nobody\\n\\nroot:x:0:0::/:/bin/sh\\n"
    /etc/group: "app:x:8:\\nextra:x:9:app\\n"
    /bin/: {userland: busybox}
"""

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  restartPolicy: Never
  containers: [{name: c, image: %s}]
"""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBESIM_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(DOCUMENT % "registry.example/own:1")
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    answered = main([str(word) for word in arguments])
    captured = capsys.readouterr()
    assert answered == code, captured.err
    return captured.err if code else captured.out


def rows(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    return json.loads(said(capsys, "images", *arguments, "-o", "json"))


def in_store(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [row["references"] for row in rows(capsys, "ls") if row["source"] == "store"]


def test_a_document_is_kept_as_its_bytes(capsys: pytest.CaptureFixture[str], document: Path) -> None:
    (added,) = rows(capsys, "add", document)
    document.unlink()

    (listed,) = [row for row in rows(capsys, "ls") if row["source"] == "store"]
    assert (listed["references"], listed["id"], listed["user"]) == (["registry.example/own:1"], added["id"], "app")
    (found,) = rows(capsys, "inspect", "registry.example/own:1")
    assert found["config"]["env"] == ["A=b"]
    assert found["passwd"] == ["app:x:7:8::/home:/bin/sh", "root:x:0:0::/:/bin/sh"]
    assert found["group"] == ["app:x:8:", "extra:x:9:app"]
    assert found["layers"][0]["entries"] > 100


def test_commands_find_images_of_the_store(capsys: pytest.CaptureFixture[str], document: Path, tmp_path: Path) -> None:
    said(capsys, "images", "add", document)
    document.unlink()
    pod = tmp_path / "pod.yaml"
    pod.write_text(POD % "registry.example/own:1")

    assert "uid=7 gid=8 groups=8,9" in said(capsys, "explain", "identity", pod)
    assert "Succeeded" in said(capsys, "run", pod, "--for", "10s")
    assert "ErrImagePull" in said(capsys, "run", pod, "--for", "10s", "--store", tmp_path)


VOLUME_POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - {name: c, image: "registry.k8s.io/e2e-test-images/busybox:1.29-2", volumeMounts: [{name: v, mountPath: /mnt}]}
  volumes: [{name: v, image: {reference: "registry.example/own:1"}}]
"""


def test_an_image_volume_of_the_store_is_explained(
    capsys: pytest.CaptureFixture[str], document: Path, tmp_path: Path
) -> None:
    said(capsys, "images", "add", document)
    pod = tmp_path / "pod.yaml"
    pod.write_text(VOLUME_POD)

    assert "mounted read-only: / of the image" in said(capsys, "explain", "image-volume", pod)
    assert "no fixture holds this image" in said(capsys, "explain", "image-volume", pod, "--store", tmp_path, code=2)


def archive(path: Path, name: str) -> Path:
    """A docker save file, by hand: one empty layer and a name."""
    layer = bytes(10240)
    config: dict[str, Any] = {"os": "linux", "architecture": "amd64", "config": {"User": "7"}}
    config["rootfs"] = {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}"]}
    files = {"layer.tar": layer, "config.json": json.dumps(config).encode()}
    manifest = [{"Config": "config.json", "RepoTags": [name] if name else None, "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        for file, content in {**files, "manifest.json": json.dumps(manifest).encode()}.items():
            info = tarfile.TarInfo(file)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def sha256(content: bytes) -> str:
    import hashlib

    return hashlib.sha256(content).hexdigest()


def test_an_archive_is_added_under_its_own_name_or_another(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar", "a:1")

    assert rows(capsys, "add", path)[0]["references"] == ["docker.io/library/a:1"]
    assert rows(capsys, "add", path, "--name", "b")[0]["references"] == ["docker.io/library/b:latest"]
    assert rows(capsys, "add", f"{path}:a:1")[0]["references"] == ["docker.io/library/a:1"]
    assert in_store(capsys) == [["docker.io/library/a:1", "docker.io/library/b:latest"]]


def test_an_image_without_a_name_is_called_by_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (row,) = rows(capsys, "add", archive(tmp_path / "My x.tar", ""))

    assert row["references"] == [f"localhost/my-x@{row['digest']}"]
    assert rows(capsys, "inspect", row["references"][0])[0]["id"] == row["id"]


def test_images_are_removed_by_name_or_id(
    capsys: pytest.CaptureFixture[str], document: Path, tmp_path: Path, store: Path
) -> None:
    said(capsys, "images", "add", document, archive(tmp_path / "x.tar", "a:1"))
    (other,) = [row["id"] for row in rows(capsys, "ls") if row["references"] == ["docker.io/library/a:1"]]

    assert rows(capsys, "rm", "registry.example/own:1") == [{"name": "registry.example/own:1"}]
    assert in_store(capsys) == [["docker.io/library/a:1"]]
    said(capsys, "images", "rm", other.removeprefix("sha256:")[:12])
    assert in_store(capsys) == []
    assert list(store.glob("blobs/*/*")) == []


def test_a_table_for_people(capsys: pytest.CaptureFixture[str], document: Path, store: Path) -> None:
    assert said(capsys, "images", "add", document).splitlines()[0].split() == ["ADDED", "ID"]

    lines = said(capsys, "images", "inspect", "registry.example/own:1").splitlines()
    assert lines[0].split() == ["name", "registry.example/own:1"]
    assert "  app:x:7:8::/home:/bin/sh" in lines
    assert "user      app" in lines
    assert said(capsys, "images", "rm", "registry.example/own:1") == "removed registry.example/own:1\n"


def test_what_is_shown_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text('apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: x:1}\nspec: {labels: {a: "\\e[2Jb"}}\n')

    assert "label     a=\\x1b[2Jb" in said(capsys, "images", "inspect", "x:1", "--images", path)


def test_what_the_store_cannot_keep_is_said(capsys: pytest.CaptureFixture[str], document: Path) -> None:
    document.write_text(DOCUMENT % "registry.example/own:1" + "  pull: {duration: 5s}\n  pinned: true\n")

    assert main(["images", "add", str(document)]) == 0
    assert "own.yaml:1:1: note: the store does not keep pull, pinned" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["add", "gone.tar"], "gone.tar: no such file; expected PATH or PATH:REF of an OCI layout"),
        (["add", "{tmp}/x.tar:v9"], "no image 'v9' in {tmp}/x.tar; there are: docker.io/library/a:1"),
        (["add", "{tmp}/own.yaml:v9"], "'v9' is behind a path that is no layout and no archive"),
        (["add", "{tmp}/x.tar", "--name", "UPPER"], "--name: 'UPPER' is no image name"),
        (["add", "{tmp}/x.tar", "{tmp}/own.yaml", "--name", "x"], "--name: the sources have 2 images; name one of"),
        (["add", "{tmp}/x.tar", "--platform", "arm64"], "--platform: 'arm64' is no platform; expected e.g. linux"),
        (["add", "{tmp}/declared.yaml"], "declared.yaml:1:1: an image of a declared digest or id"),
        (["add", "{tmp}/empty"], "{tmp}/empty: no image in this directory"),
        (["add", "{tmp}/x.tar", "--store", "{tmp}"], "{tmp}: no image store: it holds 'declared.yaml'"),
        (["rm", "gone:1"], "no image 'gone:1' in {tmp}/store; see kubesim images ls"),
        (["rm", "abc"], "no image 'abc' in {tmp}/store"),
        (["inspect", "gone:1"], "no image 'gone:1'; see kubesim images ls"),
        (["ls", "--store", "{tmp}/none"], "--store {tmp}/none: no such directory; kubesim images add --store"),
        (["ls", "--store", "{tmp}/x.tar"], "--store {tmp}/x.tar: is not a directory"),
    ],
)  # fmt: skip
def test_bad_arguments_are_said_in_one_line(
    capsys: pytest.CaptureFixture[str], document: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    archive(tmp_path / "x.tar", "a:1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "declared.yaml").write_text(DOCUMENT % f"registry.example/own@sha256:{'1' * 64}")

    answer = said(capsys, "images", *(word.replace("{tmp}", str(tmp_path)) for word in arguments), code=2)

    assert answer.count("\n") == 1
    assert message.replace("{tmp}", str(tmp_path)) in answer
    assert in_store(capsys) == []


def test_a_damaged_image_is_told_of_and_can_be_removed(
    capsys: pytest.CaptureFixture[str], document: Path, tmp_path: Path, store: Path
) -> None:
    (added,) = rows(capsys, "add", document)
    said(capsys, "images", "add", archive(tmp_path / "x.tar", "a:1"))
    (store / "blobs" / added["id"].replace(":", "/")).write_bytes(b"{}")

    assert main(["images", "ls", "-o", "json"]) == 0
    captured = capsys.readouterr()
    listed = [row["references"] for row in json.loads(captured.out) if row["source"] == "store"]
    assert listed == [["docker.io/library/a:1"]]
    assert captured.err.startswith(f"kubesim: damaged: {store}: {added['id']}: ")
    assert f"remove it: kubesim images rm {added['digest']}" in captured.err
    said(capsys, "images", "rm", added["digest"])
    assert in_store(capsys) == [["docker.io/library/a:1"]]


def test_a_bar_is_drawn_on_a_terminal_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    from kubesim.cli.progress import progress_bar

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_bar("registry.example/a:1") as tell:
        for done in range(0, 2_000_001, 1000):
            tell(done, 2_000_000)

    drawn = terminal.getvalue()
    assert drawn.count("\r") == 102  # 0 to 100 percent, and the end
    assert "\rregistry.example/a:1 [###############               ]  50% 1.0 of 2.0 MB" in drawn
    assert drawn.endswith("\r\033[K")


def test_no_bar_is_drawn_into_a_file(capsys: pytest.CaptureFixture[str], document: Path) -> None:
    assert main(["images", "add", str(document)]) == 0
    assert capsys.readouterr().err == ""


def test_a_source_without_an_image_is_refused_and_changes_nothing(
    tmp_path: Path, store: Path, document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.yaml").write_text("")
    os.mkfifo(tmp_path / "pipe.tar")
    for name in ("empty.yaml", "pipe.tar"):
        error = said(capsys, "images", "add", document, tmp_path / name, code=2)
        assert f"{tmp_path / name}: no image in it; expected PATH" in error
    assert not store.exists()
