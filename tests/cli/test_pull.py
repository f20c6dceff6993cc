"""`--pull` of `run`, `explain`, `diff-identity`: what no fixture holds comes from its registry before all begins."""

import json
import subprocess
import sys

import pytest

from tests.images.real_image import BUSYBOX, push_busybox
from tests.images.registry_server import free_port, registry_server

PASSWD = b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
GROUP = b"app:x:1000:\nsecret:x:50000:app\n"


@pytest.fixture
def registry():
    with registry_server() as found:
        push_busybox(found, "team/app", "v1", files={"/etc/passwd": PASSWD, "/etc/group": GROUP}, user="app")
        yield found


@pytest.fixture
def kubesim(tmp_path, monkeypatch):
    """Runs a command and returns exit code, stdout and stderr."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("KUBESIM_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "kubesim", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        # What was pulled is gone with the command.
        assert list(tmp_path.glob("kubesim-images-*")) == []
        return done.returncode, done.stdout, done.stderr

    return run


def pod(*images, volume=None):
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    spec = {"containers": containers}
    if volume is not None:
        spec["volumes"] = [{"name": "content", "image": {"reference": volume}}]
        containers[0]["volumeMounts"] = [{"name": "content", "mountPath": "/content"}]
        containers[0]["command"] = ["cat", "/content/etc/passwd"]
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})


def test_explain_identity(kubesim, registry):
    code, stdout, stderr = kubesim(
        "explain", "identity", "--pull", "--image", f"{registry.host}/team/app:v1", "-o", "json"
    )

    assert code == 0, stderr
    [found] = json.loads(stdout)
    assert (found["uid"], found["gid"], found["supplementalGroups"]) == (1000, 1000, [1000, 50000])


def test_a_fleet_is_compared_although_one_image_cannot_be_had(kubesim, registry, tmp_path):
    there, gone = f"{registry.host}/team/app:v1", f"{registry.host}/team/app:v2"
    (tmp_path / "pod.yaml").write_text(pod(there, gone, there))
    profiles = ["--from", "containerd-2.3", "--to", "cri-o-1.36"]

    code, stdout, stderr = kubesim("diff-identity", "--pull", *profiles, "pod.yaml", "--all", "-o", "json")

    assert code == 0, stderr
    found = json.loads(stdout)
    assert (found["summary"]["compared"], found["summary"]["failing"]) == (2, 1)
    answers = [one["comparison"] and one["comparison"]["before"]["supplementalGroups"] for one in found["containers"]]
    assert answers == [[1000, 50000], None, [1000, 50000]]
    assert found["containers"][1]["problem"].startswith(f"{gone}: manifest: ")
    assert registry.paths().count("/v2/team/app/manifests/v1") == 1


def test_run_with_images_of_containers_and_volumes(kubesim, registry, tmp_path):
    push_busybox(registry, "content", "v1", files={"/etc/passwd": PASSWD})
    (tmp_path / "pod.yaml").write_text(
        pod(f"{registry.host}/team/app:v1", BUSYBOX, volume=f"{registry.host}/content:v1")
    )

    code, stdout, stderr = kubesim("run", "--pull", "pod.yaml", "--for", "20s", "-o", "json")

    assert code == 0, stderr
    status = json.loads(stdout)["items"][0]["status"]
    first = status["containerStatuses"][0]
    assert first["state"].get("waiting", {}).get("reason") != "ErrImagePull"
    assert first["lastState"]["terminated"]["exitCode"] == 0
    assert f"{registry.host}/team/app@sha256:" in first["imageID"] or first["imageID"].startswith("sha256:")
    asked = registry.paths()
    assert asked.count("/v2/team/app/manifests/v1") == 1
    assert "/v2/content/manifests/v1" in asked


def test_a_registry_that_has_it_not_is_an_error_with_the_reference_and_the_step(kubesim, registry, tmp_path):
    name = f"{registry.host}/team/app:v2"
    (tmp_path / "pod.yaml").write_text(pod(name))

    code, stdout, stderr = kubesim("run", "--pull", "pod.yaml")

    assert (code, stdout) == (2, "")
    url = f"{registry.url}/v2/team/app/manifests/v2"
    assert stderr == f"kubesim: {name}: manifest: {url}: 404 Not Found: manifest unknown\n"


def test_nobody_listens(kubesim):
    name = f"127.0.0.1:{free_port()}/app:v1"

    code, _, stderr = kubesim("explain", "identity", "--pull", "--image", name)

    assert code == 2
    assert f"kubesim: {name}: manifest: https://" in stderr
    assert "connection refused" in stderr


def test_a_name_without_a_registry_is_tried_where_the_profile_looks(kubesim, registry, tmp_path):
    (tmp_path / "registries.yaml").write_text(json.dumps({"registries": {"docker.io": {"mirrors": [registry.url]}}}))
    push_busybox(registry, "library/mine", "latest")
    (tmp_path / "pod.yaml").write_text(pod("mine"))

    code, _, stderr = kubesim(
        "run", "--pull", "--registries", "registries.yaml", "--profile", "cri-o-1.34", "pod.yaml", "--for", "5s"
    )

    assert code == 0, stderr
    assert "/v2/library/mine/manifests/latest" in registry.paths()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "pod.yaml", "--registries", "r.yaml"), "--registries: says how images are pulled, but none are"),
        (("run", "pod.yaml", "--pull", "--registries", "r.yaml"), "r.yaml: no such file"),
        (("run", "pod.yaml", "--pull", "--cri", "unix:///x"), "--pull says what the emulated runtime is like"),
    ],
)
def test_mistakes(kubesim, tmp_path, arguments, said):
    (tmp_path / "pod.yaml").write_text(pod(BUSYBOX))

    code, _, stderr = kubesim(*arguments)

    assert code == 2
    assert said in stderr


def test_nothing_is_asked_without_it(kubesim, registry, tmp_path):
    (tmp_path / "pod.yaml").write_text(pod(f"{registry.host}/team/app:v1"))

    code, stdout, _ = kubesim("run", "pod.yaml", "--for", "5s")

    assert code == 0
    assert "ErrImagePull" in stdout or "ImagePullBackOff" in stdout
    assert registry.asked == []
