"""Bad input: one line that says where, what, and what would be right; exit code 2; nothing left behind."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

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


def kubesim(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "kubesim", *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


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
    (tmp_path / "pod.yaml").write_text(POD.replace("    livenesProbe: {}\n", ""))
    line = refused("run", "pod.yaml", "--images", "images.yaml", cwd=tmp_path)

    assert line == "images.yaml: no such image fixture; name a file or folder of image fixtures"


def test_an_unknown_profile(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD.replace("    livenesProbe: {}\n", ""))
    line = refused("run", "pod.yaml", "--profile", "containerd-2.33", cwd=tmp_path)

    assert line.startswith("unknown profile 'containerd-2.33', did you mean 'containerd-2.3'?; known profiles: ")


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


def test_a_malformed_passwd_is_refused_in_the_runtimes_words(tmp_path: Path) -> None:
    long = "x" * 70_000
    (tmp_path / "image.yaml").write_text(
        f"""\
apiVersion: kubesim/v1
kind: Image
metadata: {{name: "example.com/broken:1"}}
spec:
  user: someone
  files:
    /bin/: {{userland: busybox}}
    /etc/passwd: "{long}"
"""
    )
    (tmp_path / "pod.yaml").write_text(
        POD.replace("    livenesProbe: {}\n", "").replace(
            "registry.k8s.io/e2e-test-images/busybox:1.29-2", "example.com/broken:1"
        )
    )
    code, stdout, stderr = kubesim("explain", "identity", "pod.yaml", "--images", "image.yaml", cwd=tmp_path)

    assert (code, stderr) == (0, "")
    assert "token too long" in stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["serve"], "--socket"),
        (["replay"], "no scenario is named"),
        (["replay", "nothing.yaml"], "nothing.yaml: cannot be read: No such file or directory"),
        (["run", "x.yaml", "--kubelet-version", "1.99"], "1.99"),
        (["serve", "--socket", "tcp://0.0.0.0:1"], "is not a unix socket"),
    ],
)
def test_wrong_arguments_exit_with_2(arguments: list[str], text: str, tmp_path: Path) -> None:
    code, stdout, stderr = kubesim(*arguments, cwd=tmp_path)

    assert (code, stdout) == (2, "")
    assert text in stderr
