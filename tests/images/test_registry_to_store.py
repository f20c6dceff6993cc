"""`kubesim images add --pull`: an image of a registry comes into the store whole, or not at all."""

import hashlib
import json

import pytest

from kubesim.cli import main
from kubesim.images.store import ImageStore

from .registry_server import registry_server
from .sources.writing import tar_of


@pytest.fixture
def registry():
    with registry_server() as found:
        yield found


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBESIM_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return ImageStore(tmp_path / "store")


def push(registry, name, layer, *, diff_id=""):
    digest = diff_id or f"sha256:{hashlib.sha256(layer).hexdigest()}"
    rootfs = {"type": "layers", "diff_ids": [digest]}
    config = {"config": {"User": "7"}, "rootfs": rootfs}
    return registry.push(name, "v1", [layer], config=config)


def test_an_image_of_a_registry_is_kept(registry, store, capsys):
    push(registry, "app", tar_of({"etc/motd": b"hello"}))
    name = f"{registry.host}/app:v1"

    assert main(["images", "add", "--pull", name, "-o", "json"]) == 0

    (row,) = json.loads(capsys.readouterr().out)
    assert row["references"] == [name]
    image = store.find(name)
    assert image is not None
    assert image.tree.get("/etc/motd").content == b"hello"
    assert not list(store.path.glob(".incoming*"))


def test_an_image_that_cannot_be_opened_leaves_nothing(registry, store, capsys):
    push(registry, "app", tar_of({"x": b"1"}))
    push(registry, "bad", tar_of({"x": b"2"}), diff_id=f"sha256:{'0' * 64}")
    assert main(["images", "add", "--pull", f"{registry.host}/app:v1"]) == 0
    before = sorted(store.path.rglob("*"))

    assert main(["images", "add", "--pull", f"{registry.host}/bad:v1"]) == 2

    assert f"{registry.host}/bad:v1: layer sha256:" in capsys.readouterr().err
    assert sorted(store.path.rglob("*")) == before


def test_a_name_without_pull_asks_nobody(registry, store, capsys):
    assert main(["images", "add", f"{registry.host}/app:v1"]) == 2

    assert "no such file; expected PATH" in capsys.readouterr().err
    assert registry.asked == []


def test_what_is_no_name_is_refused(store, capsys):
    assert main(["images", "add", "--pull", "UPPER:1"]) == 2

    assert "UPPER:1: neither a file nor an image name" in capsys.readouterr().err
