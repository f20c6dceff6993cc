"""Malformed passwd and group files of fixtures."""

from pathlib import Path

import pytest
import yaml

from kubesim.errors import InputError
from kubesim.images.fixtures import builtin_fixtures_dir
from kubesim.node.account_files import check_account_files

ROOT = "root:x:0:0:root:/root:/bin/sh\n"


def fixture(folder: Path, files: dict[str, object]) -> Path:
    path = folder / "image.yaml"
    document = {
        "apiVersion": "kubesim/v1",
        "kind": "Image",
        "metadata": {"name": "example.com/own:1"},
        "spec": {"files": files},
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.mark.parametrize(
    "passwd",
    ["", ROOT, f"# users\n\n{ROOT}+::::::\n-nobody\n", ROOT.removesuffix("\n"), "big:x:4294967296:0:::\n"],
)
def test_what_a_runtime_reads_as_it_is_meant_passes(passwd: str, tmp_path: Path) -> None:
    check_account_files([fixture(tmp_path, {"/etc/passwd": passwd, "/etc/group": "root:x:0:\nall:x:7:root,web\n"})])


@pytest.mark.parametrize(
    ("path", "text", "mistake"),
    [
        ("/etc/passwd", f"{ROOT}web:x:zero:0:::\n", ":2: the uid of 'web' is 'zero', not a number; a line is name:"),
        ("/etc/passwd", "web:x:1:-:::\n", ":1: the gid of 'web' is '-', not a number"),
        ("/etc/passwd", "web:x:1:1\n", ":1: 'web:x:1:1' has 4 fields, not 7; a line is name:password:uid:gid:"),
        ("/etc/passwd", "w" * 61 + "\n", f":1: '{'w' * 60}...' has 1 field, not 7; a line is"),
        ("/etc/passwd", f"{ROOT}{'x' * 65_536}\n", ":2: the line has 65536 bytes, runtimes read 65535"),
        ("/etc/group", "root:x:0:\nweb\n", ":2: 'web' has 1 field, not 4; a line is name:password:gid:members"),
        ("/etc/group", "web:x::\n", ":1: the gid of 'web' is '', not a number"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(path: str, text: str, mistake: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_account_files([fixture(tmp_path, {path: text})])

    assert str(caught.value).startswith(f"image example.com/own:1: {path}{mistake}")
    assert "\n" not in str(caught.value)


def test_images_without_account_files_pass(tmp_path: Path) -> None:
    check_account_files([fixture(tmp_path, {"/data": "x"})])


def test_our_own_fixtures_pass() -> None:
    check_account_files([builtin_fixtures_dir() / "images"])
