"""The images that ship with the package, and the example pods that use them."""

from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.images import fixtures
from kubesim.images.catalogue import Catalogue
from kubesim.images.fixtures import builtin_fixtures_dir, load_catalogue
from kubesim.images.image import Image
from kubesim.images.programs import BUSYBOX_APPLETS, PROGRAMS, SCRIPT_PREFIX
from kubesim.model.convert import convert
from kubesim.model.frozen_records import replace
from kubesim.model.k8s_v1 import Pod
from kubesim.model.yaml_text import load_documents

AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"
NGINX = "registry.k8s.io/e2e-test-images/nginx:1.14-2"
ECHOSERVER = "registry.k8s.io/e2e-test-images/echoserver:2.3"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
STAGING = "gcr.io/k8s-staging-cri-tools"
BUSYBOXES = (
    *(f"{STAGING}/test-image-{name}:latest" for name in ("1", "2", "3", "latest", "predefined-group")),
    *(f"{STAGING}/test-image-user-{name}:latest" for name in ("uid", "uid-group", "username", "username-group")),
    *(f"{STAGING}/test-image-tags:{tag}" for tag in "123"),
    f"{STAGING}/test-image-tag:test",
    f"{STAGING}/test-image-tag:all",
    f"{STAGING}/test-image-digest@sha256:9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf",
)
OLD_PAUSE = "k8s.gcr.io/pause:3.9"
PAUSE = tuple(f"registry.k8s.io/pause:{tag}" for tag in ("3.6", "3.8", "3.9", "3.10", "3.10.1", "3.10.2"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue([])


def image(catalogue: Catalogue, reference: str) -> Image:
    found = catalogue.find(reference)
    assert found is not None, f"{reference} is not built in"
    return found


def text(catalogue: Catalogue, reference: str, path: str) -> str:
    node = image(catalogue, reference).tree.get(path)
    assert node is not None, f"{reference} has no {path}"
    return node.content.decode()


def program(catalogue: Catalogue, reference: str, path: str) -> str:
    node = image(catalogue, reference).tree.get(path)
    assert node is not None, f"{reference} has no {path}"
    assert node.mode & 0o111 == 0o111
    return node.program


def test_exactly_these_images_are_built_in(catalogue: Catalogue) -> None:
    assert set(catalogue.references()) == {
        AGNHOST,
        NGINX,
        ECHOSERVER,
        BUSYBOX,
        "docker.io/library/busybox:latest",
        "docker.io/library/httpd:latest",
        "docker.io/library/nginx:latest",
        "gcr.io/k8s-staging-cri-tools/hostnet-nginx-amd64:latest",
        "gcr.io/k8s-staging-cri-tools/hostnet-nginx-arm64:latest",
        "quay.io/crio/artifact:v1",
        "registry.example/artifact-titles:v1",
        "registry.example/flaky-web:v1",
        *PAUSE,
        OLD_PAUSE,
        "registry.k8s.io/e2e-test-images/httpd:2.4.39-4",
        "registry.k8s.io/e2e-test-images/nonewprivs:1.3",
        *BUSYBOXES,
    }


def test_agnhost_has_the_users_of_the_example(catalogue: Catalogue) -> None:
    assert text(catalogue, AGNHOST, "/etc/passwd") == (
        "root:x:0:0::/:/bin/sh\nuser-defined-in-image:x:1000:1000::/:/bin/sh\n"
    )
    assert text(catalogue, AGNHOST, "/etc/group") == (
        "user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
    )
    assert program(catalogue, AGNHOST, "/agnhost") == "agnhost"
    assert program(catalogue, AGNHOST, "/bin/id") == "numeric-id"
    config = image(catalogue, AGNHOST).config
    assert (config.entrypoint, config.cmd, config.user) == (("/agnhost",), ("pause",), "")


@pytest.mark.parametrize("reference", [AGNHOST, ECHOSERVER, BUSYBOX, *BUSYBOXES])
def test_the_shell_images_have_every_applet_on_their_path(catalogue: Catalogue, reference: str) -> None:
    for applet in set(BUSYBOX_APPLETS) - {"id"}:
        assert program(catalogue, reference, f"/bin/{applet}") == f"busybox:{applet}"
    assert "/bin" in dict(image(catalogue, reference).config.env)["PATH"].split(":")


def test_busybox_is_one_image_under_two_names(catalogue: Catalogue) -> None:
    busybox = image(catalogue, BUSYBOX)

    assert busybox is catalogue.find("docker.io/library/busybox:latest")
    assert busybox.config.cmd == ("sh",)
    assert program(catalogue, BUSYBOX, "/bin/id") == "busybox:id"
    assert program(catalogue, BUSYBOX, "/bin/busybox") == "busybox"
    assert "nobody:x:65534:65534:nobody:/home:/bin/false\n" in text(catalogue, BUSYBOX, "/etc/passwd")
    assert "wheel:x:10:root\n" in text(catalogue, BUSYBOX, "/etc/group")
    tmp = busybox.tree.get("/tmp")
    assert tmp is not None
    assert tmp.mode == 0o1777


def test_echoserver_runs_its_server(catalogue: Catalogue) -> None:
    (command,) = image(catalogue, ECHOSERVER).config.cmd

    assert program(catalogue, ECHOSERVER, command) == "echoserver"


def test_the_artifact_is_an_image_under_one_name_and_an_artifact_under_the_other(catalogue: Catalogue) -> None:
    mounted = image(catalogue, "quay.io/crio/artifact:v1")
    titled = image(catalogue, "registry.example/artifact-titles:v1")

    assert mounted.artifact is None
    assert [path for path, _ in mounted.tree.walk()] == ["/", "/dir", "/dir/file", "/file"]
    assert text(catalogue, "quay.io/crio/artifact:v1", "/dir/file") == "1\n"
    assert text(catalogue, "quay.io/crio/artifact:v1", "/file") == "2\n"
    assert titled.artifact is not None
    assert [(blob.title, blob.content) for blob in titled.artifact.blobs] == [("dir/file", b"1\n"), ("file", b"2\n")]


@pytest.mark.parametrize("reference", PAUSE)
def test_pause_is_on_the_node_and_pinned(catalogue: Catalogue, reference: str) -> None:
    pause = image(catalogue, reference)

    assert (pause.pinned, pause.is_present) == (True, True)
    assert (pause.config.entrypoint, pause.config.user) == (("/pause",), "65535:65535")
    assert program(catalogue, reference, "/pause") == "pause"


def test_only_pause_is_on_the_node_at_first(catalogue: Catalogue) -> None:
    assert {name for built_in in catalogue.images() if built_in.is_present for name in built_in.references} == set(
        PAUSE
    )


def test_each_image_has_an_id_of_its_own_and_a_size(catalogue: Catalogue) -> None:
    images = catalogue.images()

    assert len({built_in.id for built_in in images}) == len(images) - 1, "one is in two registries"
    assert all(built_in.size_bytes > 0 for built_in in images)


def test_one_pause_image_is_in_two_registries(catalogue: Catalogue) -> None:
    new, old = image(catalogue, "registry.k8s.io/pause:3.9"), image(catalogue, OLD_PAUSE)

    assert (old.id, old.digest) == (new.id, new.digest)
    assert (old.pinned, old.is_present) == (False, False)


def test_an_image_that_is_named_by_its_digest_has_it(catalogue: Catalogue) -> None:
    assert image(catalogue, BUSYBOXES[-1]).digest == BUSYBOXES[-1].partition("@")[2]


def test_users_in_every_form(catalogue: Catalogue) -> None:
    users = {name: image(catalogue, name).config.user for name in BUSYBOXES if "-user-" in name or "-group" in name}

    assert sorted(users.values()) == ["1000", "1002", "1003:1004", "www-data", "www-data:1004"]
    predefined = f"{STAGING}/test-image-predefined-group:latest"
    assert "default-user:x:1000:1000:" in text(catalogue, predefined, "/etc/passwd")
    assert "group-defined-in-image:x:50000:default-user\n" in text(catalogue, predefined, "/etc/group")


def test_every_program_is_one_that_userland_has_to_know(catalogue: Catalogue) -> None:
    used = {node.program for built_in in catalogue.images() for _, node in built_in.tree.walk()} - {""}

    assert {name for name in used if not name.startswith(SCRIPT_PREFIX)} == PROGRAMS


def test_ids_do_not_depend_on_who_loads_them(catalogue: Catalogue) -> None:
    again = fixtures.load_images([builtin_fixtures_dir() / "images"])

    assert {built_in.id for built_in in again} == {built_in.id for built_in in catalogue.images()}


def test_each_catalogue_is_its_own() -> None:
    one, two = load_catalogue([]), load_catalogue([])
    busybox = image(one, BUSYBOX)
    one.add(replace(busybox, references=("x",)))

    assert one.find("x") is not None
    assert two.find("x") is None


def test_nothing_is_built_in_when_the_caller_says_so() -> None:
    assert load_catalogue([], builtin=False).images() == ()


def test_a_missing_fixtures_directory_is_said_clearly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fixtures.importlib.resources, "files", lambda package: tmp_path / package)

    with pytest.raises(InputError) as raised:
        builtin_fixtures_dir()
    assert str(raised.value) == (
        f"the built-in fixtures are in neither {tmp_path}/kubesim/_fixtures nor {tmp_path}/fixtures; "
        "install kubesim again from a wheel, or run it from its checkout"
    )


@pytest.mark.parametrize("place", ["kubesim/_fixtures", "fixtures"])
def test_the_fixtures_of_a_wheel_and_of_a_checkout_are_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    (tmp_path / place / "images").mkdir(parents=True)
    monkeypatch.setattr(fixtures.importlib.resources, "files", lambda package: tmp_path / package)

    assert builtin_fixtures_dir() == tmp_path / place


def example_pods() -> dict[str, Pod]:
    pods = {}
    for file in sorted((builtin_fixtures_dir() / "pods").glob("*.yaml")):
        for document in load_documents(file.read_bytes(), name=file.name):
            pod = convert(document, Pod)
            pods[pod.metadata.name] = pod
    return pods


def test_the_example_pods_are_pods_of_built_in_images(catalogue: Catalogue) -> None:
    pods = example_pods()

    assert set(pods) == {
        "implicit-groups",
        "strict-supplementalgroups-policy",
        "pod",
        "web",
        "batch",
        "cache",
        "cluster-critical",
        "node-critical",
    }
    for pod in pods.values():
        for container in pod.spec.containers:
            assert container.image is not None
            assert catalogue.find(container.image) is not None
        for volume in pod.spec.volumes or []:
            assert volume.image is not None
            assert volume.image.reference is not None
            assert catalogue.find(volume.image.reference) is not None


def test_the_shutdown_pods_have_the_priorities_of_the_scenario() -> None:
    pods = example_pods()

    assert {
        name: (pods[name].spec.priority, pods[name].spec.termination_grace_period_seconds)
        for name in ("web", "batch", "cache", "cluster-critical", "node-critical")
    } == {
        "web": (0, 30),
        "batch": (0, 5),
        "cache": (0, 10),
        "cluster-critical": (2_000_000_000, 30),
        "node-critical": (2_000_001_000, 60),
    }
