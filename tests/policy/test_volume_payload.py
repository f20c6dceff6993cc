"""Which files the entries of an object become, and what a volume's directory needs."""

import pytest

from kubesim.policy.volume_payload import (
    File,
    Item,
    PayloadError,
    Projection,
    checked_files,
    group_mode,
    nested_mount_points,
    projected_files,
    visible_names,
)

DATA = {"a": b"1", "b": b"2"}


def test_all_entries() -> None:
    found = projected_files(Projection(data=DATA, default_mode=0o644), is_secret=False)
    assert found == {"a": File(data=b"1", mode=0o644), "b": File(data=b"2", mode=0o644)}


def test_chosen_entries() -> None:
    items = (Item(key="a", path="x/y", mode=0o400), Item(key="a", path="z"), Item(key="none", path="none"))
    found = projected_files(Projection(data=DATA, items=items, default_mode=0o644, is_optional=True), is_secret=False)
    assert found == {"x/y": File(data=b"1", mode=0o400), "z": File(data=b"1", mode=0o644)}


@pytest.mark.parametrize(
    ("is_secret", "text"),
    [(False, "configmap references non-existent config key: k"), (True, "references non-existent secret key: k")],
)
def test_a_missing_entry(is_secret: bool, text: str) -> None:
    with pytest.raises(PayloadError) as caught:
        projected_files(Projection(data={}, items=(Item(key="k", path="k"),), default_mode=0), is_secret=is_secret)
    assert str(caught.value) == text


def test_paths_are_cleaned() -> None:
    file = File(data=b"", mode=0)
    assert checked_files({"./a//b/.": file, "c/..d": file}) == {"a/b": file, "c/..d": file}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", 'invalid path: must not be empty: ""'),
        ("/a", "invalid path: must be relative path: /a"),
        ("a/" * 2049, "invalid path: must be less than or equal to 4096 characters"),
        ("a/../b", "invalid path: must not contain '..': a/../b"),
        ("a" * 256, "invalid path: filenames must be less than or equal to 255 characters"),
        ("..a/b", "invalid path: must not start with '..': ..a/b"),
    ],
)
def test_paths_that_are_refused(path: str, text: str) -> None:
    with pytest.raises(PayloadError) as caught:
        checked_files({path: File(data=b"", mode=0)})
    assert str(caught.value) == text


def test_visible_names() -> None:
    assert visible_names(["b/c", "a", "b/d/e"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("mounts", "wanted"),
    [
        ([("v", "/v")], []),
        ([("v", "/v"), ("w", "/v/a/b"), ("x", "/v/a/b/c"), ("y", "/vv")], ["a/b"]),
        ([("v", "/v"), ("w", "/v/nested"), ("x", "/v/nested-vol"), ("y", "/v/nested/d")], ["nested", "nested-vol"]),
        ([("v", "/v"), ("v", "/u/"), ("w", "/u/b")], ["b"]),
        ([("w", "/v"), ("x", "/v/a")], []),
    ],
)
def test_mounts_below_a_volume(mounts: list[tuple[str, str]], wanted: list[str]) -> None:
    assert nested_mount_points("v", [mounts, mounts]) == wanted


@pytest.mark.parametrize(
    ("mode", "is_directory", "is_read_only", "wanted"),
    [
        (0o600, False, True, 0o640),
        (0o400, False, False, 0o660),
        (0o755, True, True, 0o2755),
        (0o777, True, False, 0o2777),
        (0o700, True, False, 0o2770),
    ],
)
def test_modes_for_the_group(mode: int, is_directory: bool, is_read_only: bool, wanted: int) -> None:
    assert group_mode(mode, is_directory=is_directory, is_read_only=is_read_only) == wanted


def test_a_volume_is_not_mounted_outside_of_the_container() -> None:
    with pytest.raises(PayloadError) as caught:
        nested_mount_points("v", [[("w", "../w"), ("v", "../v")]])
    assert str(caught.value) == "invalid container mount point ../v"
