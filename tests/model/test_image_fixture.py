"""Image fixtures: what they describe, and every mistake with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.model.image_document import FileSpec, PullErrorSpec
from kubesim.model.image_fixture import FileEntry, FileKind, ImageFixture, image_fixtures, is_image_document
from kubesim.model.yaml_text import Document, load_documents

FIXTURES = Path(__file__).parents[2] / "fixtures" / "images"
NO_MODE = 'is no file mode; expected octal permission bits, e.g. "0755"'
NO_SOURCE = (
    "no source; expected one of text, base64, file, directory, userland, link, "
    "or a path that ends in / for an empty directory"
)
HEAD = "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: a}\n"


def images_of(text: str) -> list[ImageFixture]:
    return image_fixtures(load_documents(text, name="i.yaml"))


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        images_of(text)
    return str(caught.value).splitlines()


def test_the_document_of_the_design() -> None:
    [image] = images_of("""\
apiVersion: kubesim/v1
kind: Image
metadata: {name: registry.k8s.io/e2e-test-images/agnhost:2.45}
spec:
  user: ""
  env: {PATH: /bin}
  entrypoint: [/pause]
  files: {/etc/passwd: "...", /etc/group: "...", /bin/: {userland: busybox}, /data: {directory: ./data}}
""")
    assert image.name == "registry.k8s.io/e2e-test-images/agnhost:2.45"
    assert image.references == (image.name,)
    assert (image.spec.entrypoint, image.spec.env) == (["/pause"], {"PATH": "/bin"})
    assert image.entries == (
        FileEntry(path="/etc/passwd", kind=FileKind.FILE, content=b"..."),
        FileEntry(path="/etc/group", kind=FileKind.FILE, content=b"..."),
        FileEntry(path="/bin", kind=FileKind.USERLAND, source="busybox", mode=0o755),
        FileEntry(path="/data", kind=FileKind.HOST_DIRECTORY, source="./data", mode=0o755),
    )
    assert (image.size_bytes, image.pull_duration_ns, image.pull_bytes_per_second) == (None, 0, None)
    assert image.where == "i.yaml:1:1"


def test_every_kind_of_entry() -> None:
    [image] = images_of(
        HEAD
        + """\
spec:
  files:
    /text: {text: hi, mode: "0600", uid: 1, gid: 2}
    /octal: {text: "", mode: 04755}
    /bytes: {base64: "aG\\nk="}
    /link: {link: ../target}
    /tmp/: {mode: "1777"}
    /: {userland: busybox}
  layers:
  - files: {/text: new}
"""
    )
    assert image.entries == (
        FileEntry(path="/text", kind=FileKind.FILE, content=b"hi", mode=0o600, uid=1, gid=2),
        FileEntry(path="/octal", kind=FileKind.FILE, mode=0o4755),
        FileEntry(path="/bytes", kind=FileKind.FILE, content=b"hi"),
        FileEntry(path="/link", kind=FileKind.LINK, source="../target", mode=0o755),
        FileEntry(path="/tmp", kind=FileKind.EMPTY_DIRECTORY, mode=0o1777),
        FileEntry(path="/", kind=FileKind.USERLAND, source="busybox", mode=0o755),
        FileEntry(path="/text", kind=FileKind.FILE, content=b"new", layer=1),
    )


def test_names_size_and_pull() -> None:
    digest = "sha256:" + "a" * 64
    [image] = images_of(
        HEAD
        + f"""\
spec:
  digest: {digest}
  id: {digest}
  references: [a:1, "b.io/a@{digest}"]
  pinned: true
  size: 10Mi
  programs: {{/pause: pause}}
  pull:
    duration: 1.5s
    bandwidth: 1Mi
    credentials: {{username: u, password: p}}
    error: {{message: gone, times: 2}}
"""
    )
    assert image.references == ("a", "a:1", f"b.io/a@{digest}")
    assert (image.size_bytes, image.pull_duration_ns, image.pull_bytes_per_second) == (10 << 20, 1_500_000_000, 1 << 20)
    assert image.spec.pull is not None
    assert image.spec.pull.error == PullErrorSpec(message="gone", code="Unknown", times=2)


def test_a_pull_that_goes_wrong_and_a_size_on_the_disk() -> None:
    pull = "{bandwidth: 1Ki, stallsAfter: 2Ki, error: {kind: signature-invalid}}"
    [image] = images_of(f"{HEAD}spec: {{size: 3Ki, unpackedSize: 9Ki, pull: {pull}}}\n")
    assert (image.size_bytes, image.unpacked_bytes) == (3 << 10, 9 << 10)
    assert image.pull_stall_bytes == 2 << 10
    assert image.spec.pull is not None
    assert image.spec.pull.error == PullErrorSpec(kind="signature-invalid")


def test_an_artifact() -> None:
    [image] = images_of(
        HEAD
        + """\
spec:
  artifact:
    type: application/vnd.example
    blobs:
    - {title: dir/file, text: "1"}
    - {title: raw, base64: AAE=, mediaType: application/x}
"""
    )
    assert [(blob.title, blob.media_type, content) for blob, content in image.blobs] == [
        ("dir/file", "application/octet-stream", b"1"),
        ("raw", "application/x", b"\x00\x01"),
    ]


def test_lists_and_several_documents() -> None:
    found = images_of(
        HEAD
        + """\
---
apiVersion: kubesim/v1
kind: ImageList
items:
- metadata: {name: b}
- {apiVersion: kubesim/v1, kind: Image, metadata: {name: c}, spec: {cmd: [sh]}}
"""
    )
    assert [(image.name, image.where) for image in found] == [
        ("a", "i.yaml:1:1"),
        ("b", "i.yaml:8:3"),
        ("c", "i.yaml:9:3"),
    ]


@pytest.mark.parametrize(
    ("spec", "mistake"),
    [
        ("{user: 1000}", 'i.yaml:4:14: $.spec.user: found the number 1000; expected a string, write "1000" in quotes'),
        ("{entrypont: [a]}", "i.yaml:4:8: $.spec: unknown field 'entrypont', did you mean 'entrypoint'?"),
        ("{env: {A: on}}",
         'i.yaml:4:17: $.spec.env.A: found the boolean true; expected a string, write "on" in quotes'),
        ("{files: {/a: {txt: x}}}", "i.yaml:4:21: $.spec.files['/a']: unknown field 'txt', did you mean 'text'?"),
        ("{files: {/a: {}}}",
         f"i.yaml:4:20: $.spec.files['/a']: {NO_SOURCE}"),
        ("{files: {/a: {text: x, link: z}}}",
         "i.yaml:4:20: $.spec.files['/a']: more than one source: text, link; keep one of them"),
        ("{files: {a: x}}", "i.yaml:4:16: $.spec.files: 'a' is no clean absolute path; expected e.g. /etc/passwd"),
        ("{files: {/a/../b: x}}",
         "i.yaml:4:16: $.spec.files: '/a/../b' is no clean absolute path; expected e.g. /etc/passwd"),
        ("{files: {//a: x}}", "i.yaml:4:16: $.spec.files: '//a' is no clean absolute path; expected e.g. /etc/passwd"),
        ("{files: {/a/: x}}", "i.yaml:4:16: $.spec.files: text makes no directory, but the path ends in /"),
        ("{files: {/a: {directory: d}, /a/: {}}}",
         "i.yaml:4:36: $.spec.files: '/a/' is the same path as '/a'"),
        ("{files: {/a: {text: x, mode: '888'}}}", f"i.yaml:4:36: $.spec.files['/a'].mode: '888' {NO_MODE}"),
        ("{files: {/a: {text: x, mode: 755}}}", f"i.yaml:4:36: $.spec.files['/a'].mode: '755' {NO_MODE}"),
        ("{files: {/a: {text: x, mode: 010000}}}", f"i.yaml:4:36: $.spec.files['/a'].mode: '010000' {NO_MODE}"),
        ("{files: {/a: {base64: '#'}}}", "i.yaml:4:29: $.spec.files['/a'].base64: not base64: "),
        ("{digest: sha256:12}",
         "i.yaml:4:16: $.spec.digest: 'sha256:12' is no digest; expected sha256: and 64 hex digits"),
        ("{references: [A]}",
         "i.yaml:4:21: $.spec.references[0]: 'A' is no image name; expected e.g. registry.k8s.io/pause:3.10"),
        ("{references: [a]}", "i.yaml:1:1: image 'a' is already defined at i.yaml:1:1"),
        ("{size: 10x}", "i.yaml:4:14: $.spec.size: quantities must match the regular expression"),
        ("{size: -1}", "i.yaml:4:14: $.spec.size: -1 is negative"),
        ("{pull: {duration: 5}}",
         'i.yaml:4:25: $.spec.pull.duration: found the number 5; expected a string, write "5" in quotes'),
        ("{pull: {duration: 5x}}", 'i.yaml:4:25: $.spec.pull.duration: time: unknown unit "x" in duration "5x"'),
        ("{pull: {bandwidth: 0}}",
         "i.yaml:4:26: $.spec.pull.bandwidth: 0 bytes per second; for a pull that hangs: stallsAfter: 0"),
        ("{pull: {stallsAfter: -1}}", "i.yaml:4:28: $.spec.pull.stallsAfter: -1 is negative"),
        ("{unpackedSize: 1x}", "i.yaml:4:22: $.spec.unpackedSize: quantities must match the regular expression"),
        ("{pull: {error: {}}}", "i.yaml:4:22: $.spec.pull.error: an error needs either a message or a kind"),
        ("{pull: {error: {message: m, kind: not-found}}}",
         "i.yaml:4:22: $.spec.pull.error: an error needs either a message or a kind"),
        ("{pull: {error: {kind: not-found, code: NotFound}}}",
         "i.yaml:4:46: $.spec.pull.error.code: a kind has the code of the runtime; leave out code"),
        ("{pull: {error: {message: m, code: NotFoud}}}",
         "i.yaml:4:41: $.spec.pull.error.code: 'NotFoud' is no gRPC status code of an error; expected"),
        ("{artifact: {type: t, blobs: [{title: a}]}}",
         "i.yaml:4:36: $.spec.artifact.blobs[0]: a blob needs either text or base64"),
        ("{files: {/a: x}, artifact: {type: t, blobs: []}}",
         "i.yaml:4:34: $.spec.artifact: an artifact has blobs and no files; leave out files and layers"),
    ],
)  # fmt: skip
def test_mistakes(spec: str, mistake: str) -> None:
    found = mistakes_of(f"{HEAD}spec: {spec}\n")
    assert len(found) == 1
    assert found[0].startswith(mistake)


def test_a_dict_may_give_a_mode_as_a_number() -> None:
    value = {"apiVersion": "kubesim/v1", "kind": "Image", "metadata": {"name": "a"}}
    document = Document(value={**value, "spec": {"files": {"/a": {"text": "", "mode": 0o755}}}}, name="<dict>")
    assert image_fixtures([document])[0].entries[0].mode == 0o755


def test_mistakes_of_all_documents_come_at_once() -> None:
    assert mistakes_of("""\
kind: Pod
---
- a
---
apiVersion: kubesim/v1
kind: ImageList
itms: []
---
apiVersion: kubesim/v1
kind: ImageList
items: [{}, {metadata: {name: ok}}]
""") == [
        "i.yaml:1:7: kind 'Pod' in an image fixture; expected Image or ImageList",
        "i.yaml:3:1: no kind in an image fixture; expected Image or ImageList",
        "i.yaml:7:1: unknown field 'itms', did you mean 'items'?",
        "i.yaml:5:1: $.items: expected a list of images",
        "i.yaml:11:9: $.items[0]: missing required field 'metadata'",
    ]


def test_one_name_for_two_images() -> None:
    assert mistakes_of(f"{HEAD}---\n{HEAD}spec: {{references: [b]}}\n---\n{HEAD.replace('name: a', 'name: b')}") == [
        "i.yaml:5:1: image 'a' is already defined at i.yaml:1:1",
        "i.yaml:10:1: image 'b' is already defined at i.yaml:5:1",
    ]


def test_documents_are_told_apart() -> None:
    documents = load_documents("kind: Image\n---\nkind: ImageList\n---\nkind: Pod\n---\n- kind\n", name="f")
    assert [is_image_document(document) for document in documents] == [True, True, False, False]


def test_a_file_spec_has_only_its_sources() -> None:
    assert FileSpec(text="").text == ""
    assert FileSpec().mode is None


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_built_in_images_are_right(path: Path) -> None:
    assert image_fixtures(load_documents(path.read_bytes(), name=path.name))
