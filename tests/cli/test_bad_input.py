"""Bad input: one line that says where, what, and what would be right; exit code 2; nothing left behind."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kubesim.cli import main
from kubesim.errors import InputError
from kubesim.node.node import Node

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: a
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    livenesProbe: {}
"""


VALID_POD = POD.replace("    livenesProbe: {}\n", "")


def kubesim(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "kubesim", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def in_process(arguments: list[str]) -> int:
    """The exit code. Cheaper than a process of its own where only the message counts."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else -1


def refused(*arguments: str, cwd: Path) -> str:
    """The one line on stderr; asserts the exit code and that nothing was printed or left."""
    before = sorted(path.name for path in cwd.iterdir())
    code, stdout, stderr = kubesim(*arguments, cwd=cwd)

    assert (code, stdout) == (2, ""), stderr
    assert stderr.count("\n") == 1, stderr
    assert sorted(path.name for path in cwd.iterdir()) == before
    return stderr.removeprefix("kubesim: ").rstrip("\n")


def test_an_unknown_field_of_a_pod(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)

    assert refused("run", "pod.yaml", cwd=tmp_path) == (
        "pod.yaml:8:5: $.spec.containers[0]: unknown field 'livenesProbe', did you mean 'livenessProbe'?"
    )


def test_an_image_fixture_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(VALID_POD)
    line = refused("run", "pod.yaml", "--images", "images.yaml", cwd=tmp_path)

    assert line == "images.yaml: no such image fixture; name a file or folder of image fixtures"


def test_an_unknown_profile(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(VALID_POD)
    line = refused("run", "pod.yaml", "--profile", "containerd-2.33", cwd=tmp_path)

    assert line.startswith(
        "--profile: unknown profile 'containerd-2.33', did you mean 'containerd-2.3'?; known profiles: "
    )


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    assert refused("run", "pod.yaml", cwd=tmp_path).startswith("pod.yaml: cannot be read: No such file or directory")


def test_a_socket_path_in_use(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "k.sock"))
        server.listen()
        line = refused("serve", "--socket", f"unix://{tmp_path}/k.sock", cwd=tmp_path)

    assert (
        line
        == f"{tmp_path}/k.sock: the socket is already in use; stop the server that listens there or name another path"
    )


def test_a_socket_path_that_is_too_long(tmp_path: Path) -> None:
    path = f"/{'a' * 107}"

    assert refused("serve", "--socket", f"unix://{path}", cwd=tmp_path) == (
        f"{path}: the socket path has 108 bytes, the kernel takes 107; use a shorter one"
    )


def with_image(folder: Path, passwd: str) -> None:
    """A pod, and the fixture of its image."""
    (folder / "image.yaml").write_text(
        f"""\
apiVersion: kubesim/v1
kind: Image
metadata: {{name: "example.com/broken:1"}}
spec:
  user: someone
  files:
    /bin/: {{userland: busybox}}
    /etc/passwd: "{passwd}"
"""
    )
    pod = VALID_POD.replace("registry.k8s.io/e2e-test-images/busybox:1.29-2", "example.com/broken:1")
    (folder / "pod.yaml").write_text(pod)


@pytest.mark.parametrize(
    "command",
    [["explain", "identity", "pod.yaml"], ["run", "pod.yaml"], ["serve", "--socket", "unix:///k.sock"]],
    ids=["explain", "run", "serve"],
)
@pytest.mark.parametrize(
    ("passwd", "mistake"),
    [
        ("someone:x:one:1:::", "the uid of 'someone' is 'one', not a number"),
        ("someone:x:1", "'someone:x:1' has 3 fields, not 7"),
        ("x" * 70_000, "the line has 70000 bytes, runtimes read 65535"),
    ],
)
def test_a_malformed_passwd(passwd: str, mistake: str, command: list[str], tmp_path: Path) -> None:
    with_image(tmp_path, passwd)

    assert refused(*command, "--images", "image.yaml", cwd=tmp_path) == (
        f"image example.com/broken:1: /etc/passwd:1: {mistake}; a line is name:password:uid:gid:comment:home:shell"
    )
    assert not Path("/k.sock").exists()


def test_a_user_that_passwd_does_not_have_is_refused_in_the_runtimes_words(tmp_path: Path) -> None:
    with_image(tmp_path, "root:x:0:0:::")
    code, stdout, stderr = kubesim("explain", "identity", "pod.yaml", "--images", "image.yaml", cwd=tmp_path)

    assert (code, stderr) == (0, "")
    assert "refused by the runtime (CreateContainerError): " in stdout
    assert "no users found" in stdout


def test_several_mistakes_have_a_line_each(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD.replace("kind: Pod", "kind: Pod\nspecs: {}"))
    code, stdout, stderr = kubesim("run", "pod.yaml", cwd=tmp_path)

    assert (code, stdout) == (2, "")
    assert [line.removeprefix("kubesim: ")[:12] for line in stderr.splitlines()] == ["pod.yaml:3:1", "pod.yaml:9:5"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nonsense"], "kubesim: argument COMMAND: invalid choice: 'nonsense'"),
        (["serve"], "kubesim serve: one of the arguments --socket --node is required; see kubesim serve"),
        (["serve", "--socket"], "kubesim serve: argument --socket: expected one argument"),
        (["serve", "--socket", "unix:///k", "--state-dir", ""], "kubesim serve: argument --state-dir: a path is empty"),
        (
            ["serve", "--socket", "unix:///k.sock", "--pod-ipv6-cidr", "10.0.0.0/8"],
            'kubesim: --pod-ipv6-cidr: "10.0.0.0/8" is IPv4, which pods have anyway; name an IPv6 network for pods',
        ),
        (["serve", "--socket", "tcp://0.0.0.0:1"], "kubesim: --socket: tcp://0.0.0.0:1 can be reached from other"),
        (
            ["serve", "--socket", "unix://k.sock"],
            'kubesim: --socket: "unix://k.sock" has no absolute path; use unix:///',
        ),
        (["serve", "--socket", "unix:///k.sock", "--images", "q"], "kubesim: q: no such image fixture; name a file"),
        (["serve", "--socket", "unix:///k.sock", "--profile", "q"], "kubesim: --profile: unknown profile 'q'; known"),
        (["serve", "--socket", "unix:///k.sock", "--journal", "no/j"], "kubesim: no/j: cannot write the journal: No"),
        (["replay"], "kubesim: no scenario is named; kubesim replay SCENARIO.yaml"),
        (["replay", "nothing.yaml"], "kubesim: nothing.yaml: cannot be read: No such file or directory; name a"),
        (["replay", "pod.yaml", "--seed", "x"], "kubesim replay: argument --seed: invalid int value: 'x'; see"),
        (["run", "nothing.yaml"], "kubesim: nothing.yaml: cannot be read: No such file or directory; name a"),
        (["run", "."], "kubesim: .: cannot be read: Is a directory; name a readable file"),
        (["run", "binary"], "kubesim: binary:1:1: byte 0xff is not UTF-8; YAML files are UTF-8"),
        (["run", "pod.yaml", "--kubelet-version", "1.99"], "kubesim: --kubelet-version: unknown kubelet version"),
        (["run", "pod.yaml", "--for", "soon"], 'kubesim: --for: invalid duration "soon"; expected e.g. "30s"'),
        (["run", "pod.yaml", "--for=-1s"], "kubesim: --for: -1s is negative; time only goes forward"),
        (["run", "pod.yaml", "--for", "10000h"], "kubesim: --for: 10000h is too long; at most 168h are run"),
        (["run", "pod.yaml", "empty.yaml"], "kubesim: empty.yaml: no pod in it; give manifests of kind Pod"),
        (["run", "list.yaml"], "kubesim: list.yaml: no pod in it; give manifests of kind Pod"),
        (["run", "pod.yaml", "--images", "empty.yaml"], "kubesim: empty.yaml: no image in it; expected a YAML file"),
        (["serve", "--socket", "unix:///k.sock", "--images", "empty.yaml"], "kubesim: empty.yaml: no image in it; "),
        (["serve", "--socket", "unix:///no/k.sock"], "kubesim: --socket: the socket's folder /no does not exist; name"),
        (["replay", "empty.yaml"], "kubesim: empty.yaml: no scenario in it; expected YAML documents of kind Scenario"),
        (["replay", "idle.yaml"], "kubesim: idle.yaml:1:87: scenario 's' has no steps; give at least one step"),
        (["explain", "identity", "pod.yaml", "--profile", "q"], "kubesim: --profile: unknown profile 'q'; known"),
        (["serve", "--faults", "f"], "kubesim: --faults: fault rules are not available yet; "),
        (["serve", "--control", "s"], "kubesim: --control: control sockets are not available yet; "),
        (["replay", "s.yaml", "--html", "f"], "kubesim: --html: HTML reports are not available yet; "),
        (["record", "--upstream", "u"], "kubesim: record: not available yet; "),
        (["logind", "--bus", "unix:path=b"], "kubesim: logind: not available yet; "),
        (["ctl"], "kubesim: ctl: not available yet; "),
        (["explain", "shutdown", "pod.yaml"], "kubesim: explain shutdown: not available yet; "),
        (["run", "pod.yaml", "--node-config", "no.yaml"], "kubesim: no.yaml: cannot be read: No such file or"),
        (["run", "pod.yaml", "--node-config", "pod.yaml"], "kubesim: pod.yaml:"),
        (["run", "pod.yaml", "--os", "plan9"], "kubesim run: argument --os: invalid choice: 'plan9'"),
        (["run", "pod.yaml", "--cri", "tcp://h:1"], 'kubesim: "tcp://h:1" has no IP address; use tcp://'),
        (["explain"], "kubesim explain: the following arguments are required: SUBJECT; see kubesim explain --help"),
        (["explain", "identity"], "kubesim: nothing to explain; give POD.yaml or --image REFERENCE"),
        (["explain", "identity", "pod.yaml", "--container", "b"], 'kubesim: pod.yaml: no container "b"; containers: a'),
        (["explain", "identity", "--image", "example.com/no:1"], "kubesim: example.com/no:1: no fixture holds this"),
        (["profiles", "q"], "kubesim: unknown profile 'q'; known profiles: "),
        (["images"], "kubesim images: the following arguments are required: ACTION; see kubesim images --help"),
        (["images", "ls", "--images", "q"], "kubesim: q: no such image fixture; name a file"),
        (["images", "inspect", "i"], "kubesim: no image 'i'; see kubesim images ls"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_line_and_exit_code_2(
    arguments: list[str],
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "pod.yaml").write_text(VALID_POD)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty.yaml").write_text("---\n")
    (tmp_path / "list.yaml").write_text("{apiVersion: v1, kind: List, items: []}")
    (tmp_path / "idle.yaml").write_text(
        "{apiVersion: kubesim/v1, kind: Scenario, metadata: {name: s}, spec: {node: {}, steps: []}}"
    )
    before = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    code = in_process(arguments)
    stdout, stderr = capsys.readouterr()

    assert (code, stdout) == (2, "")
    assert stderr.startswith(text)
    if arguments[-2:] != ["--node-config", "pod.yaml"]:  # a Pod is wrong in several lines
        assert stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not Path("/k.sock").exists()
    assert not Path("/k.sock.lock").exists()


@pytest.mark.parametrize("source", ["", " ", "\n", "# nothing\n"])
def test_an_empty_text_has_no_pods(source: str) -> None:
    with Node() as node, pytest.raises(InputError, match=r"^<text>: no pod in it; give manifests of kind Pod$"):
        node.apply(source)


def test_a_folder_may_hold_an_empty_file_beside_fixtures(tmp_path: Path) -> None:
    with_image(tmp_path, "")
    (tmp_path / "pod.yaml").unlink()
    (tmp_path / "empty.yaml").write_text("")

    assert in_process(["images", "ls", "--images", str(tmp_path)]) == 0
