"""Several image volumes: which mount is refused first, what hides what, and by which names an image is mounted."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.images.tree import symlink_node

BUSYBOX, DATA, SHORT = "registry.example/busybox:1", "registry.example/data:v1", "docker.io/library/short:latest"
MOUNTING = ["containerd-2.1", "containerd-2.2", "containerd-2.3", "cri-o-1.31", "cri-o-1.33", "cri-o-1.36", "ideal"]


def volume(path: str, image: str = DATA, **changes: Any) -> api.Mount:
    return api.Mount(container_path=path, image=api.ImageSpec(image=image), readonly=True, **changes)


@pytest.fixture
def nodes(new_node: Any, new_image: Any) -> Any:
    """A maker of nodes with an image of two directories, and one whose name can be short."""
    data = new_image(DATA, files={"/inner/file": b"data", "/file": b"data"}, marker="data")
    short = new_image(SHORT, files={"/file": b"short"}, marker="short")
    return lambda profile: new_node(profile, images=(new_image(BUSYBOX), data, short))


def cat(node: Any, container: str, path: str) -> str:
    return bytes(node.do(node.execing(container, "cat", path)).stdout).decode()


@pytest.mark.parametrize("profile", MOUNTING)
def test_one_image_twice_and_another_within(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    mounts = [volume("/v/inner", SHORT), volume("/v"), volume("/w")]
    container = node.start(node.run_pod(), "sleep", "100", mounts=mounts)
    assert [cat(node, container, f"{path}/file") for path in ("/v", "/v/inner", "/w", "/w/inner")] == [
        "data", "short", "data", "data"
    ]  # fmt: skip
    paths = {mount.container_path: mount.host_path for mount in node.status(container).mounts}
    assert paths["/v"] == paths["/w"] != paths["/v/inner"]


@pytest.mark.parametrize("profile", MOUNTING)
def test_containers_of_a_pod_have_one_path_for_an_image(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    pod, other = node.run_pod(), node.run_pod(node.pod_config("b"))
    created = [node.create(pod, node.container_config("true", name=name, mounts=[volume("/v")])) for name in "ab"]
    config = node.container_config("true", mounts=[volume("/v")])
    created.append(node.create(other, config, node.pod_config("b")))
    first, second, third = (node.status(container).mounts[0].host_path for container in created)
    assert first == second
    assert (first == third) is (node.runtime.profile.image_volumes.mounted_for == "node")


@pytest.mark.parametrize("profile", MOUNTING)
def test_the_image_of_the_container_itself(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    container = node.start(node.run_pod(), "sleep", "100", image=BUSYBOX, mounts=[volume("/v", BUSYBOX)])
    assert node.do(node.execing(container, "/v/bin/echo", "runs")).stdout == b"runs\n"
    assert node.do(node.execing(container, "touch", "/new", "/v/new")).exit_code == 1
    assert node.do(node.execing(container, "ls", "/new")).exit_code == 0


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", 'failed to resolve image "registry.example/none:1": not found'),
        ("cri-o-1.36", "mount.HostPath is empty"),
    ],
)
def test_which_mount_is_refused_first(nodes: Any, profile: str, message: str) -> None:
    node = nodes(profile)
    mounts = [volume("/a/b", "registry.example/none:1"), api.Mount(container_path="/a")]
    pod = node.run_pod()
    for order in (mounts, mounts[::-1]):
        error = node.refused(node.creating(pod, node.container_config("true", mounts=order)))
        assert error.message.endswith(message)


@pytest.mark.parametrize(("profile", "content"), [("containerd-2.3", "short"), ("cri-o-1.36", "host")])
def test_a_bind_over_an_image_volume(nodes: Any, profile: str, content: str) -> None:
    """CRI-O mounts images first: whatever is mounted above one later hides it."""
    node = nodes(profile)
    node.files.make_dirs("/host/inner")
    node.files.write("/host/inner/file", b"host")
    mounts = [volume("/v/inner", SHORT), api.Mount(container_path="/v", host_path="/host")]
    container = node.start(node.run_pod(), "sleep", "100", mounts=mounts)
    assert cat(node, container, "/v/inner/file") == content


@pytest.mark.parametrize("profile", MOUNTING)
def test_a_bind_within_an_image_volume(nodes: Any, profile: str) -> None:
    node = nodes(profile)
    node.files.make_dirs("/host")
    node.files.write("/host/file", b"host")
    mounts = [api.Mount(container_path="/v/inner", host_path="/host"), volume("/v")]
    container = node.start(node.run_pod(), "sleep", "100", mounts=mounts)
    assert (cat(node, container, "/v/inner/file"), cat(node, container, "/v/file")) == ("host", "data")


@pytest.mark.parametrize("profile", ["containerd-2.1", "containerd-2.3"])
@pytest.mark.parametrize("form", ["short", "digits", "bare-id"])
def test_containerd_mounts_an_image_first_by_its_whole_name(nodes: Any, profile: str, form: str) -> None:
    node = nodes(profile)
    image_id = node.image_of(SHORT).id
    text = {"short": "short", "digits": image_id[7:20], "bare-id": image_id[7:]}[form]
    pod = node.run_pod()
    config = node.container_config("true", mounts=[volume("/v", text)])
    error = node.refused(node.creating(pod, config))
    assert error.code is Code.NOT_FOUND
    assert error.message.endswith(f'failed to get image volume ref "{text}": image "{text}": not found')
    for number, whole in enumerate((SHORT, image_id)):
        assert node.create(pod, node.container_config("true", name=f"whole{number}", mounts=[volume("/v", whole)]))
    assert node.create(pod, config), "the pod has it mounted"


@pytest.mark.parametrize(
    ("profile", "links_count", "is_mounted"),
    [
        ("containerd-2.3", 8, True),
        ("containerd-2.3", 9, False),
        ("cri-o-1.36", 9, True),
        ("cri-o-1.36", 40, True),
        ("cri-o-1.36", 41, False),
    ],
)
def test_how_many_links_lead_to_a_sub_path(
    new_node: Any, new_image: Any, profile: str, links_count: int, is_mounted: bool
) -> None:
    """containerd opens it with Go's os.Root, which follows 8, and CRI-O with openat2(2), which follows 40."""
    links = {f"/l{number}": symlink_node(f"l{number + 1}") for number in range(1, links_count)}
    files = {"/d/file": b"", **links, f"/l{links_count}": symlink_node("d")}
    node = new_node(profile, images=(new_image(BUSYBOX), new_image(DATA, files=files, marker="links")))
    creating = node.creating(node.run_pod(), node.container_config("true", mounts=[volume("/v", image_sub_path="l1")]))
    if is_mounted:
        assert node.do(creating).container_id
    else:
        assert node.refused(creating).message.endswith("too many levels of symbolic links")


def test_where_crio_has_an_image_mounted(nodes: Any) -> None:
    node = nodes("cri-o-1.36")
    container = node.create(node.run_pod(), node.container_config("true", mounts=[volume("/v")]))
    layer = node.catalogue.find(DATA).diff_ids[-1].partition(":")[2]
    path = node.status(container).mounts[0].host_path
    assert path.startswith("/var/lib/containers/storage/overlay/")
    assert path.endswith("/merged")
    assert (path.split("/")[-2] == layer) is (len(node.catalogue.find(DATA).diff_ids) == 1)


def test_a_pod_of_containerd_has_an_image_mounted_until_it_is_stopped(nodes: Any) -> None:
    """Whatever becomes of the container that mounted it first, as a real 2.3 showed."""
    node = nodes("containerd-2.3")
    digits = node.image_of(SHORT).id[7:20]
    pod = node.run_pod()
    node.do(node.removing(node.create(pod, node.container_config("true", mounts=[volume("/v", SHORT)]))))
    config = node.container_config("true", mounts=[volume("/v", digits)])
    assert node.create(pod, config)
    other = node.run_pod(node.pod_config("other"))
    assert node.refused(node.creating(other, config, node.pod_config("other"))).code is Code.NOT_FOUND
