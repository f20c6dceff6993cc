"""Deviations in mounts whose source is an image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import CriError, api
from kubesim.images.image import Artifact, ArtifactBlob, Declared, make_artifact

BUSYBOX, DATA = "registry.example/busybox:1", "registry.example/data:v1"
Check = Callable[[str, Callable[[str], bool]], None]


@pytest.fixture
def with_data(new_node: Any, new_image: Any) -> Callable[[str], Any]:
    data = new_image(DATA, files={"/dir/file": b"inner", "/file": b"outer"}, marker="data")
    return lambda profile: new_node(profile, images=(new_image(BUSYBOX), data))


def create(node: Any, *, userns: api.UserNamespace | None = None, **changes: Any) -> str | CriError:
    """A container with an image volume, or the refusal."""
    fields: dict[str, Any] = {"container_path": "/volume", "image": api.ImageSpec(image=DATA), "readonly": True}
    options = api.NamespaceOption(userns_options=userns)
    pod = node.pod_config()
    pod.linux.security_context.namespace_options.CopyFrom(options)
    config = node.container_config("sleep", "100", mounts=[api.Mount(**(fields | changes))])
    config.linux.security_context.namespace_options.CopyFrom(options)
    try:
        container: str = node.create(node.run_pod(pod), config, pod)
    except CriError as error:
        return error
    return container


def takes_image_volumes(node: Any) -> bool:
    return bool(node.runtime.profile.image_volumes.mounts == "mounted")


def test_image_volume_image_ref_missing(with_data: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = with_data(profile)
        container = create(node)
        return isinstance(container, str) and not node.status(container).mounts[0].image.image_ref

    shown_exactly_where_listed("image-volume-image-ref-missing", shows)


def test_artifact_folder_writable(new_node: Any, new_image: Any, shown_exactly_where_listed: Check) -> None:
    blobs = (ArtifactBlob("dir/file", b"inner"), ArtifactBlob("file", b"outer"))
    artifact = make_artifact(Declared(references=(DATA,), is_present=True), Artifact(artifact_type="a/b", blobs=blobs))

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(new_image(BUSYBOX), artifact))
        if not node.runtime.profile.image_volumes.artifacts:
            return False
        container = create(node)
        assert isinstance(container, str), container
        node.do(node.starting(container))
        assert node.do(node.execing(container, "cat", "/volume/dir/file")).stdout == b"inner"
        assert node.do(node.execing(container, "sh", "-c", "echo > /volume/file")).exit_code != 0
        codes = {node.do(node.execing(container, "touch", f"/volume/{name}")).exit_code for name in ("new", "dir/new")}
        assert len(codes) == 1
        return codes == {0}

    shown_exactly_where_listed("artifact-folder-writable", shows)


def test_image_volume_sub_path_ignored(with_data: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = with_data(profile)
        container = create(node, image_sub_path="dir")
        if isinstance(container, CriError):
            return False
        node.do(node.starting(container))
        return bool(node.do(node.execing(container, "cat", "/volume/file")).stdout == b"outer")

    shown_exactly_where_listed("image-volume-sub-path-ignored", shows)


def test_image_volume_sub_path_file(with_data: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = with_data(profile)
        return takes_image_volumes(node) and isinstance(create(node, image_sub_path="file"), CriError)

    shown_exactly_where_listed("image-volume-sub-path-file", shows)


def test_image_volume_error_prefix(with_data: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = with_data(profile)
        refusal = create(node, image=api.ImageSpec(image="registry.example/absent:1"))
        assert isinstance(refusal, CriError)
        return takes_image_volumes(node) and not refusal.message.startswith("ImageVolumeMountFailed")

    shown_exactly_where_listed("image-volume-error-prefix", shows)


def test_image_volume_read_write_accepted(with_data: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = with_data(profile)
        container = create(node, readonly=False)
        if isinstance(container, CriError):
            return False
        node.do(node.starting(container))
        touched = node.do(node.execing(container, "touch", "/volume/new"))
        assert (touched.exit_code, b"Read-only file system" in touched.stderr) == (1, True)
        return True

    shown_exactly_where_listed("image-volume-read-write-accepted", shows)


def test_image_volume_user_namespace(with_data: Any, shown_exactly_where_listed: Check) -> None:
    ids = [api.IDMapping(host_id=65536, container_id=0, length=65536)]
    own = api.UserNamespace(mode=api.POD, uids=ids, gids=ids)

    def shows(profile: str) -> bool:
        node = with_data(profile)
        container = create(node, userns=own)
        if isinstance(container, CriError):
            assert not takes_image_volumes(node)
            return False
        try:
            node.do(node.starting(container))
        except CriError as error:
            return "MOUNT_ATTR_IDMAP" in error.message
        return False

    shown_exactly_where_listed("image-volume-user-namespace", shows)


def test_image_volume_removed_by_id(with_data: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = with_data(profile)
        image_id = node.image_of(DATA).id
        if isinstance(create(node), CriError) or node.runtime.profile.images.remove_in_use == "allowed":
            return False
        with contextlib.suppress(CriError):
            node.do(node.removing_image(image_id))
        return node.image_of(DATA) is None

    shown_exactly_where_listed("image-volume-removed-by-id", shows)


def test_image_volume_short_name(new_node: Any, new_image: Any, shown_exactly_where_listed: Check) -> None:
    name = "docker.io/library/data:latest"

    def shows(profile: str) -> bool:
        node = new_node(profile, images=(new_image(BUSYBOX), new_image(name, marker="data")))
        container = create(node, image=api.ImageSpec(image="data"))
        return takes_image_volumes(node) and isinstance(container, CriError)

    shown_exactly_where_listed("image-volume-short-name", shows)


def test_image_volume_below_bind(with_data: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = with_data(profile)
        if not takes_image_volumes(node):
            return False
        node.files.make_dirs("/host/inner")
        mounts = [
            api.Mount(container_path="/outer/inner", image=api.ImageSpec(image=DATA), readonly=True),
            api.Mount(container_path="/outer", host_path="/host"),
        ]
        container = node.start(node.run_pod(), "sleep", "100", mounts=mounts)
        assert [mount.container_path for mount in node.status(container).mounts].count("/outer/inner") == 1
        listed = node.do(node.execing(container, "ls", "/outer/inner")).stdout
        return b"file" not in listed.split()

    shown_exactly_where_listed("image-volume-below-bind", shows)
