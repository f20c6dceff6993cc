"""The bytes behind ids and digests: layer tars, configs, manifests."""

import hashlib
import io
import json
import tarfile

import pytest

from kubesim.images.oci import (
    CONFIG_MEDIA_TYPE,
    LAYER_MEDIA_TYPE,
    ImageConfig,
    chain_ids,
    config_json,
    descriptor,
    layer_tar,
    manifest_json,
    sha256_digest,
    storage_layer_ids,
)
from kubesim.images.programs import program_node
from kubesim.images.tree import NodeKind, TreeNode, directory_node, file_node, symlink_node
from kubesim.images.tree_builder import build_tree

TREE = build_tree(
    [
        ("/bin/cat", program_node("busybox:cat")),
        ("/etc/passwd", file_node(b"root:x:0:0\n", uid=1, gid=2)),
        ("/link", symlink_node("etc/passwd")),
        ("/tmp", directory_node(mode=0o1777)),
        ("/old", TreeNode(kind=NodeKind.FILE, mode=0o4755, data=b"x", mtime_ns=1_500_000_000_000_000_001)),
        ("/caf\udce9", file_node(b"not UTF-8")),
    ]
)


def read_back(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:", errors="surrogateescape") as archive:
        return {member.name: member for member in archive.getmembers()}


def test_a_layer_can_be_read_by_a_real_tar() -> None:
    members = read_back(layer_tar(TREE.walk()))

    assert list(members) == [path[1:] or "." for path, _ in TREE.walk()]
    passwd = members["etc/passwd"]
    assert (passwd.mode, passwd.uid, passwd.gid, passwd.size, passwd.mtime) == (0o644, 1, 2, 11, 0)
    assert (passwd.uname, passwd.gname) == ("", "")
    assert members["tmp"].isdir()
    assert members["tmp"].mode == 0o1777
    assert members["link"].issym()
    assert members["link"].linkname == "etc/passwd"
    assert members["old"].mode == 0o4755
    assert members["old"].pax_headers["mtime"] == "1500000000.000000001"


def test_a_program_travels_as_an_extended_attribute() -> None:
    members = read_back(layer_tar(TREE.walk()))

    assert members["bin/cat"].pax_headers["SCHILY.xattr.user.kubesim.program"] == "busybox:cat"
    assert "SCHILY.xattr.user.kubesim.program" not in members["etc/passwd"].pax_headers


def test_a_layer_is_the_same_bytes_every_time() -> None:
    assert layer_tar(TREE.walk()) == layer_tar(build_tree(TREE.walk()).walk())


def test_the_digest_of_a_layer_is_pinned() -> None:
    # A change of this digest changes the id of every image: nobody's recorded ids hold any more.
    assert (
        sha256_digest(layer_tar(TREE.walk()))
        == "sha256:75d02e1157441b4e41eddf2aba7106dac679d545adc9c69e94fcac41128585fa"
    )


def test_an_empty_config_has_nothing_but_its_platform() -> None:
    assert config_json(ImageConfig(), diff_ids=[]) == (
        b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
    )


def test_a_config_has_the_names_of_the_specification() -> None:
    config = ImageConfig(
        user="app:dev",
        exposed_ports=("80/tcp",),
        env=(("B", "2"), ("A", "x=y")),
        entrypoint=("/e",),
        cmd=("c", "d"),
        working_dir="/w",
        stop_signal="SIGQUIT",
        labels=(("z", "1"), ("a", "2")),
    )

    assert json.loads(config_json(config, diff_ids=["sha256:1"], architecture="arm64", os="windows")) == {
        "architecture": "arm64",
        "os": "windows",
        "config": {
            "User": "app:dev",
            "ExposedPorts": {"80/tcp": {}},
            "Env": ["B=2", "A=x=y"],
            "Entrypoint": ["/e"],
            "Cmd": ["c", "d"],
            "WorkingDir": "/w",
            "Labels": {"a": "2", "z": "1"},
            "StopSignal": "SIGQUIT",
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]},
    }


def test_a_manifest_names_its_blobs_by_digest_and_size() -> None:
    manifest = manifest_json(
        config=descriptor(b"{}", CONFIG_MEDIA_TYPE),
        layers=[descriptor(b"layer", LAYER_MEDIA_TYPE, annotations={"k": "v"})],
        annotations={"b": "2", "a": "1"},
    )

    assert json.loads(manifest) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}",
            "size": 2,
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": f"sha256:{hashlib.sha256(b'layer').hexdigest()}",
                "size": 5,
                "annotations": {"k": "v"},
            }
        ],
        "annotations": {"a": "1", "b": "2"},
    }


@pytest.mark.parametrize(
    ("diff_ids", "chain"),
    [
        ((), ()),
        (("sha256:a",), ("sha256:a",)),
        (("sha256:a", "sha256:b"), ("sha256:a", f"sha256:{hashlib.sha256(b'sha256:a sha256:b').hexdigest()}")),
    ],
)
def test_chain_ids(diff_ids: tuple[str, ...], chain: tuple[str, ...]) -> None:
    assert chain_ids(diff_ids) == chain


def test_the_names_of_layers_in_containers_storage() -> None:
    """The second one hashes the name of the first, a plus sign and its own digits."""
    first, second = "sha256:" + "1" * 64, "sha256:" + "2" * 64
    hashed = hashlib.sha256(f"{'1' * 64}+{'2' * 64}".encode()).hexdigest()
    assert storage_layer_ids([first, second]) == ("1" * 64, hashed)
    assert storage_layer_ids([]) == ()
