"""What `--images` takes: documents, layouts, archives and folders that hold several; and documents over them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.images.fixtures import load_catalogue, load_images
from kubesim.images.image import Image

from .writing import busybox, digest_of, layout_files, saved_files, write_directory, write_tar

PARTS = busybox(run={"User": "app", "Env": ["PATH=/bin", "A=1"], "Entrypoint": ["/bin/sh"], "Cmd": ["-c", "id"]})
LAYOUT = layout_files([PARTS.entry(name="registry.example/busybox:1")], PARTS.blobs)

Document = Callable[..., Path]


@pytest.fixture
def document(tmp_path: Path) -> Document:
    """Writes a document with the lines of a spec."""

    def written(*spec: str, name: str = "own.yaml", image: str = "registry.example/own:1") -> Path:
        body = "".join(f"  {line}\n" for line in spec)
        path = tmp_path / name
        path.write_text(f"apiVersion: kubesim/v1\nkind: Image\nmetadata: {{name: {image}}}\nspec:\n{body or '  {}'}\n")
        return path

    return written


def only(path: Path) -> Image:
    (image,) = load_images([path])
    return image


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as raised:
        load_images([path])
    return str(raised.value).replace(f"{path.parent}/", "")


def test_a_folder_holds_documents_layouts_and_archives_beside_other_things(tmp_path: Path, document: Document) -> None:
    document("user: '7'")
    write_directory(tmp_path / "layout", LAYOUT)
    write_tar(tmp_path / "saved.bin", saved_files((PARTS, ["registry.example/saved:1"])))
    (tmp_path / "README.md").write_text("not an image")
    (tmp_path / "folder").mkdir()

    catalogue = load_catalogue([tmp_path], builtin=False)

    assert catalogue.references() == (
        "registry.example/busybox:1",
        "registry.example/own:1",
        "registry.example/saved:1",
    )
    one, two = (catalogue.find(f"registry.example/{name}:1") for name in ("busybox", "saved"))
    assert one is not None
    assert two is not None
    assert one.id == two.id == digest_of(PARTS.config)


def test_an_image_can_be_found_by_digest_too(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", LAYOUT)

    assert load_catalogue([path]).find(f"registry.example/busybox@{digest_of(PARTS.manifest)}") is not None


def test_an_image_of_an_archive_wins_over_a_built_in_one(tmp_path: Path) -> None:
    name = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
    path = write_tar(tmp_path / "x.tar", saved_files((PARTS, [name])))

    found = load_catalogue([path]).find(name)

    assert found is not None
    assert found.id == digest_of(PARTS.config)


def test_one_name_in_two_files_is_refused(tmp_path: Path, document: Document) -> None:
    path = write_tar(tmp_path / "x.tar", LAYOUT)
    own = document("user: a", image="registry.example/busybox:1")

    with pytest.raises(
        InputError, match=r"own.yaml:1:1: image 'registry.example/busybox:1' is already defined at .*x.tar"
    ):
        load_images([path, own])


def test_a_document_is_laid_over_an_image_of_a_file(tmp_path: Path, document: Document) -> None:
    write_directory(tmp_path / "lay", LAYOUT)
    image = only(
        document(
            "from: ./lay",
            "user: '7'",
            "env: {A: '2', B: '3'}",
            "labels: {a: b}",
            "files: {/etc/motd: mine, /new/: {}}",
            "programs: {/bin/busybox: busybox}",
        )
    )

    assert image.references == ("registry.example/own:1",)
    assert (image.config.user, image.config.env) == ("7", (("PATH", "/bin"), ("A", "2"), ("B", "3")))
    assert (image.config.entrypoint, image.config.cmd) == (("/bin/sh",), ("-c", "id"))
    nodes = dict(image.tree.walk())
    assert nodes["/etc/motd"].content == b"mine"
    assert nodes["/etc/passwd"].content == b"app:x:7:8::/:\n"
    assert nodes["/bin/busybox"].program == "busybox"
    assert nodes["/new"].is_directory
    config, manifest = json.loads(image.config_json), json.loads(image.manifest_json)
    below = json.loads(PARTS.manifest)["layers"]
    assert manifest["layers"][:2] == below
    assert list(image.diff_ids) == config["rootfs"]["diff_ids"]
    assert len(image.diff_ids) == len(manifest["layers"]) == 3
    assert [blob.digest for blob in image.blobs[2:]] == [layer["digest"] for layer in manifest["layers"]]


def test_an_entrypoint_without_a_cmd_takes_that_of_the_base_away(tmp_path: Path, document: Document) -> None:
    write_tar(tmp_path / "x.tar", LAYOUT)

    image = only(document("from: x.tar:registry.example/busybox:1", "entrypoint: [/pause]"))

    assert (image.config.entrypoint, image.config.cmd) == (("/pause",), ())


def test_an_image_without_changes_has_the_layers_of_its_base(tmp_path: Path, document: Document) -> None:
    write_tar(tmp_path / "x.tar", LAYOUT)

    image = only(document("from: x.tar"))

    assert list(image.diff_ids) == json.loads(PARTS.config)["rootfs"]["diff_ids"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["from: gone.tar"], "own.yaml:5:9: no such file 'gone.tar'; expected PATH or PATH:REF of an OCI layout"),
        (["from: x.tar:v9"], "own.yaml:5:9: no image 'v9' in x.tar; there are: registry.example/busybox:1"),
        (["from: x.tar", "architecture: arm64"], "own.yaml:6:3: $.spec: an image `from` another has no architecture"),
        (
            ["from: x.tar", "artifact: {type: a/b, blobs: []}"],
            "own.yaml:6:3: $.spec: an image `from` another has no a",
        ),
        (["from: own.yaml"], "own.yaml: the archive is truncated within a header"),
        (["from: 5"], "own.yaml:5:9: $.spec.from: found the number 5; expected a string"),
        (["from: x.tar", "programs: {/etc: pause}"], "own.yaml:6:20: /etc: a directory cannot run 'pause'"),
    ],
)
def test_a_wrong_base_is_refused_at_its_line(
    tmp_path: Path, document: Document, lines: list[str], message: str
) -> None:
    write_tar(tmp_path / "x.tar", LAYOUT)

    assert refusal(document(*lines)).startswith(message)


def test_a_file_of_an_image_can_be_one_of_this_machine(tmp_path: Path, document: Document) -> None:
    (tmp_path / "app.conf").write_text("a = 1\n")
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o700)
    image = only(
        document(
            "files:",
            "  /etc/app.conf: {file: ./app.conf, uid: 7}",
            "  /bin/run: {file: run}",
            '  /bin/secret: {file: run, mode: "0600"}',
        )
    )

    nodes = dict(image.tree.walk())
    assert [
        (nodes[path].content, nodes[path].mode, nodes[path].uid) for path in sorted(nodes) if nodes[path].content
    ] == [
        (b"#!/bin/sh\n", 0o755, 0),
        (b"#!/bin/sh\n", 0o600, 0),
        (b"a = 1\n", 0o644, 7),
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{file: gone}", "own.yaml:6:13: /etc/x: gone: no such file; a relative path starts at the fixture's own"),
        ("{file: own.yaml/x}", "own.yaml:6:13: /etc/x: own.yaml/x: no such file"),
        ("{file: below}", "own.yaml:6:13: /etc/x: below: is not a file"),
        ("{file: gone, text: x}", "own.yaml:6:13: $.spec.files['/etc/x']: more than one source: text, file"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, document: Document, entry: str, message: str) -> None:
    (tmp_path / "below").mkdir()

    assert refusal(document("files:", f"  /etc/x: {entry}")).startswith(message)


def test_a_base_that_was_written_anew_is_read_anew(tmp_path: Path, document: Document) -> None:
    write_tar(tmp_path / "x.tar", LAYOUT)
    path = document("from: x.tar")
    assert only(path).config.user == "app"
    other = busybox(run={"User": "other-user"})
    write_tar(tmp_path / "x.tar", layout_files([other.entry(name="registry.example/busybox:1")], other.blobs))

    assert only(path).config.user == "other-user"


def test_a_document_may_be_called_as_the_index_of_a_layout(tmp_path: Path, document: Document) -> None:
    own = document("user: '7'", name="index.json")
    own.write_text(json.dumps({"apiVersion": "kubesim/v1", "kind": "Image", "metadata": {"name": "a:1"}}))

    assert only(tmp_path).references == ("docker.io/library/a:1",)


def test_a_layout_without_its_mark_is_refused_as_one(tmp_path: Path) -> None:
    path = write_directory(tmp_path / "x", {name: content for name, content in LAYOUT.items() if name != "oci-layout"})

    assert refusal(path) == "x: index.json without oci-layout; a layout has both"
