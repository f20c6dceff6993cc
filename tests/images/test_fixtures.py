"""Fixture files: what they become, and what is said about wrong ones."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.images.fixtures import load_catalogue, load_images
from kubesim.images.image import Credential, Image, PullError
from kubesim.images.tree import NodeKind

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes `name` with the spec given (indented by two), as a fixture of image `image`."""

    def written(spec: str = "", *, image: str = "quay.io/a/b:1", name: str = "images.yaml") -> Path:
        body = "".join(f"  {line}\n" for line in spec.splitlines())
        path = tmp_path / name
        path.write_text(f"apiVersion: kubesim/v1\nkind: Image\nmetadata: {{name: {image}}}\nspec:\n{body or '  {}'}\n")
        return path

    return written


def only(path: Path) -> Image:
    (image,) = load_images([path])
    return image


def test_every_kind_of_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_text("from the host")
    image = only(
        write(
            "files:\n"
            "  /etc/motd: hello\n"
            '  /etc/secret: {text: x, mode: "0600", uid: 1, gid: 2}\n'
            "  /logo: {base64: AP8=}\n"
            "  /bin/: {userland: busybox, uid: 5}\n"
            "  /data: {directory: ./data}\n"
            "  /usr/lib/link: {link: ../target}\n"
            '  /tmp/: {mode: "1777"}\n'
            "programs: {/pause: pause, /etc/motd: agnhost}\n"
        )
    )
    nodes = dict(image.tree.walk())

    assert nodes["/etc/motd"].content == b"hello"
    assert nodes["/etc/motd"].program == "agnhost"
    secret = nodes["/etc/secret"]
    assert (secret.content, secret.mode, secret.uid, secret.gid) == (b"x", 0o600, 1, 2)
    assert nodes["/logo"].content == b"\x00\xff"
    assert (nodes["/bin"].uid, nodes["/bin/cat"].uid, nodes["/bin/cat"].program) == (5, 5, "busybox:cat")
    assert nodes["/data/file"].content == b"from the host"
    assert (nodes["/usr/lib/link"].kind, nodes["/usr/lib/link"].target) == (NodeKind.SYMLINK, "../target")
    assert (nodes["/tmp"].kind, nodes["/tmp"].mode) == (NodeKind.DIRECTORY, 0o1777)
    assert (nodes["/pause"].program, nodes["/pause"].mode) == ("pause", 0o755)


def test_the_config_and_the_flags(write: Write) -> None:
    image = only(
        write(
            "user: app:dev\nenv: {A: '1'}\nentrypoint: [/e]\ncmd: [c]\nworkingDir: /w\nstopSignal: SIGQUIT\n"
            "exposedPorts: [80/tcp]\nlabels: {l: v}\nannotations: {a: b}\n"
            "pinned: true\npresent: true\nreferences: [busybox, quay.io/a/b:2]\nsize: 1Mi\n"
        )
    )

    assert image.config.user == "app:dev"
    assert image.config.env == (("A", "1"),)
    assert (image.config.entrypoint, image.config.cmd, image.config.working_dir) == (("/e",), ("c",), "/w")
    assert (image.config.stop_signal, image.config.exposed_ports) == ("SIGQUIT", ("80/tcp",))
    assert (image.config.labels, image.annotations) == ((("l", "v"),), (("a", "b"),))
    assert (image.pinned, image.is_present, image.size_bytes) == (True, True, 1024 * 1024)
    assert image.references == ("quay.io/a/b:1", "docker.io/library/busybox:latest", "quay.io/a/b:2")


def test_how_a_pull_goes(write: Write) -> None:
    pull = only(
        write(
            "pull:\n  duration: 1m30s\n  bandwidth: 10Mi\n  credentials: {username: u, password: p}\n"
            "  error: {message: m, code: Unavailable, times: 2}\n"
        )
    ).pull

    assert (pull.duration_ns, pull.bandwidth_bytes_per_second) == (90_000_000_000, 10 * 1024 * 1024)
    assert pull.credentials == Credential("u", "p")
    assert pull.error == PullError(message="m", code="Unavailable", times=2)
    assert pull.stall_after_bytes is None


def test_a_pull_that_stalls_or_fails_in_the_words_of_the_runtime(write: Write) -> None:
    image = only(
        write("size: 3Ki\nunpackedSize: 9Ki\npull: {stallsAfter: 2Ki, error: {kind: no-matching-platform, times: 1}}\n")
    )

    assert (image.size_bytes, image.unpacked_bytes, image.pull.stall_after_bytes) == (3 << 10, 9 << 10, 2 << 10)
    assert image.pull.error == PullError(kind="no-matching-platform", times=1)


def test_layers_add_up(write: Write) -> None:
    image = only(write("files: {/a: '1', /b: '1'}\nlayers:\n  - files: {/b: '2'}\n  - files: {/c/: {}}\n"))

    assert len(image.diff_ids) == 3
    assert [(path, node.content) for path, node in image.tree.walk()] == [
        ("/", b""),
        ("/a", b"1"),
        ("/b", b"2"),
        ("/c", b""),
    ]


def test_an_image_without_files_has_no_layer(write: Write) -> None:
    assert only(write("user: '0'\n")).diff_ids == ()


@pytest.mark.parametrize(
    "files", ["{/bin/cat: mine, /bin/: {userland: busybox}}", "{/bin/: {userland: busybox}, /bin/cat: mine}"]
)
def test_a_named_file_wins_over_a_userland_wherever_it_is_written(write: Write, files: str) -> None:
    node = only(write(f"files: {files}\n")).tree.get("/bin/cat")

    assert node is not None
    assert (node.content, node.program) == (b"mine", "")


def test_an_artifact(write: Write) -> None:
    image = only(write("artifact:\n  type: application/x\n  blobs:\n    - {title: dir/f, text: '1'}\n"))

    assert image.artifact is not None
    assert image.artifact.artifact_type == "application/x"
    assert [(blob.title, blob.content) for blob in image.artifact.blobs] == [("dir/f", b"1")]
    assert image.id == image.digest


@pytest.mark.parametrize("digest", [f"sha256:{'9' * 64}"])
@pytest.mark.parametrize("spec", ["", "digest: {}\n"])
def test_a_digest_in_the_name_is_the_digest(write: Write, digest: str, spec: str) -> None:
    path = write(spec.format(digest), image=f"quay.io/a/b@{digest}")
    image = only(path)

    assert (image.digest, image.references) == (digest, (f"quay.io/a/b@{digest}",))
    assert load_catalogue([path]).find(f"quay.io/a/b@{digest}") is not None


def test_a_name_with_another_digest_than_the_spec_is_refused(write: Write) -> None:
    one, two = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"

    assert refusal(write(f"digest: {two}\n", image=f"quay.io/a/b@{one}")) == (
        f"images.yaml:1:1: the name has digest {one}, the spec {two}; leave `spec.digest` out"
    )


def test_the_same_content_in_two_documents_has_one_id(write: Write) -> None:
    one, two = load_images([write("cmd: [sh]\n"), write("cmd: [sh]\n", image="other.io/c:1", name="b.yaml")])

    assert one.id == two.id
    assert one.references != two.references


def test_a_directory_is_read_in_order_of_names(write: Write, tmp_path: Path) -> None:
    write(image="a/b:1", name="b.yaml")
    write(image="a/b:2", name="a.yml")
    write(image="a/b:3", name="c.json")
    (tmp_path / "notes.txt").write_text("not a fixture")
    (tmp_path / "deep.yaml").mkdir()

    assert [image.references[0] for image in load_images([tmp_path])] == [
        "docker.io/a/b:2",
        "docker.io/a/b:1",
        "docker.io/a/b:3",
    ]


def test_a_document_of_the_user_wins_over_a_built_in_one(write: Write) -> None:
    catalogue = load_catalogue([write("user: mine\n", image="registry.k8s.io/e2e-test-images/busybox:1.29-2")])
    mine = catalogue.find("registry.k8s.io/e2e-test-images/busybox:1.29-2")
    theirs = catalogue.find("docker.io/library/busybox:latest")

    assert mine is not None
    assert theirs is not None
    assert (mine.config.user, theirs.config.user) == ("mine", "")
    assert theirs.references == ("docker.io/library/busybox:latest",)


def refusal(path: Path, *more: Path) -> str:
    """The message, which is one line, with the path of the file cut to its name."""
    with pytest.raises(InputError) as raised:
        load_catalogue([path, *more])
    message = str(raised.value)
    assert "\n" not in message
    return message.replace(f"{path.parent}/", "")


EXPECTED = (
    "expected a YAML file of kind Image or ImageList, an OCI layout or archive, what docker save wrote, "
    "or a directory of such"
)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "images.yaml") == f"images.yaml: no such file; {EXPECTED}"


def test_a_directory_without_fixtures(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert refusal(tmp_path / "empty") == f"empty: no image in this directory; {EXPECTED}"


def test_what_cannot_be_opened_as_a_file(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))

        assert refusal(tmp_path / "s") == f"s: No such device or address; {EXPECTED}"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("files: [", "images.yaml:7:1: not valid YAML: did not find expected node content"),
        ("fils: {}", "images.yaml:5:3: $.spec: unknown field 'fils'"),
        ("files: {etc/passwd: x}", "images.yaml:5:11: $.spec.files: 'etc/passwd' is no clean absolute path"),
        ("files: {/a: {userland: toybox}}", "images.yaml:5:15: /a: unknown userland 'toybox'; expected \"busybox\""),
        (
            "programs: {/x: puase}",
            "images.yaml:5:18: /x: unknown program 'puase'; expected one of",
        ),
        ("programs: {x: pause}", "images.yaml:5:17: x: no clean absolute path; expected e.g. /usr/bin/server"),
        ("programs: {/a/../x: pause}", "images.yaml:5:23: /a/../x: no clean absolute path"),
        (
            "files: {/x/: {}}\nprograms: {/x: pause}",
            "images.yaml:6:18: /x: a directory cannot run 'pause'; only a file is executed",
        ),
        (
            "files: {/x: a, /x/y: b}",
            "images.yaml:5:24: /x/y: 'x' on the way is a file; only a directory can hold it",
        ),
        ("files: {/x: {directory: none}}", "images.yaml:5:15: /x: none: no such directory; a relative path"),
        ("files: {/x: {directory: images.yaml}}", "images.yaml:5:15: /x: images.yaml: is not a directory;"),
        (
            f"digest: sha256:{'1' * 64}\nreferences: [quay.io/a/b@sha256:{'2' * 64}, 'x@md5:{'3' * 64}']",
            f"images.yaml:1:1: 'x@md5:{'3' * 64}' is no image name: unsupported digest algorithm; expected e.g.",
        ),
        ("references: [quay.io/a/B]", "images.yaml:5:16: $.spec.references[0]: 'quay.io/a/B' is no image name"),
    ],
)
def test_a_wrong_document(write: Write, spec: str, message: str) -> None:
    assert refusal(write(spec)).startswith(message)


@pytest.mark.parametrize("second", ["busybox:latest", "docker.io/library/busybox", "index.docker.io/library/busybox"])
def test_one_name_for_two_documents_is_refused_however_it_is_written(write: Write, tmp_path: Path, second: str) -> None:
    one, two = write(image="busybox", name="a.yaml"), write(image=second, name="b.yaml")

    assert refusal(one, two) == (
        "b.yaml:1:1: image 'docker.io/library/busybox:latest' is already defined at a.yaml:1:1; "
        "give each name to one document"
    )


def test_a_host_directory_gives_the_same_id_whoever_checked_it_out(write: Write, tmp_path: Path) -> None:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "sub" / "run").write_text("x")
    (tmp_path / "data" / "link").symlink_to("/etc/passwd")
    fixture = write("files: {/data: {directory: data, uid: 7, mode: '0700'}}\n")
    before = only(fixture)
    (tmp_path / "data" / "sub" / "run").chmod(0o600)
    (tmp_path / "data" / "sub").chmod(0o700)

    assert only(fixture).id == before.id
    nodes = dict(before.tree.walk())
    assert (nodes["/data"].mode, nodes["/data"].uid) == (0o700, 7)
    assert (nodes["/data/sub/run"].mode, nodes["/data/sub/run"].uid, nodes["/data/sub/run"].mtime_ns) == (0o644, 7, 0)
    assert (nodes["/data/link"].kind, nodes["/data/link"].target) == (NodeKind.SYMLINK, "/etc/passwd")
    (tmp_path / "data" / "sub" / "run").chmod(0o700)
    run = only(fixture).tree.get("/data/sub/run")
    assert run is not None
    assert run.mode == 0o755


def test_a_host_directory_may_not_hold_a_socket(write: Write, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "data" / "s"))

        assert refusal(write("files: {/data: {directory: data}}\n")) == (
            "images.yaml:5:18: /data: data/s: neither file, directory nor link; leave it out of the directory"
        )


def test_a_host_directory_has_a_bound(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).write_text(name)
    fixture = write("files: {/data: {directory: data}}\n")
    monkeypatch.setattr("kubesim.images.host_directory.ENTRIES_MAX", 3)
    assert [path for path, _ in only(fixture).tree.walk()] == ["/", "/data", "/data/a", "/data/b", "/data/c"]
    monkeypatch.setattr("kubesim.images.host_directory.ENTRIES_MAX", 2)

    assert refusal(fixture) == "images.yaml:5:18: /data: data: more than 2 entries; name a part of it"


def test_a_file_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kubesim.images.fixtures.DOCUMENTS_BYTES_MAX", 1000)

    with pytest.raises(InputError, match=r"^/dev/zero: documents of more than 1000 bytes; expected a YAML file"):
        load_images(["/dev/zero"])
