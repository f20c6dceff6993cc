"""Files of a volume, written so that nobody sees half of a change."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.kernel import Kernel
from kubesim.kubelet.atomic_writer import AtomicWriter
from kubesim.policy.volume_payload import File, PayloadError
from kubesim.userland.files.host_files import HostFiles, MemoryHostFiles, RealHostFiles

VOLUME = "/v"
PATHS = st.sampled_from(["a", "b", "d/x", "d/y", "d/e/z", "c/.hidden"])
PAYLOADS = st.dictionaries(PATHS, st.binary(max_size=3).map(lambda data: File(data=data, mode=0o644)))


@pytest.fixture(params=["memory", "disk"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[HostFiles, str]:
    """A disk, and a folder on it."""
    if request.param == "memory":
        return MemoryHostFiles(), VOLUME
    return RealHostFiles(), str(tmp_path / "volume")


def seen(files: HostFiles, volume: str) -> dict[str, bytes]:
    """What a user finds: every file below the names without `..`, links followed."""

    def below(path: str) -> dict[str, bytes]:
        found = {}
        for name in files.list_dir(path):
            if name.startswith(".."):
                continue
            at = f"{path}/{name}"
            if files.kind(at) == "symlink":
                at = f"{path}/{files.read_link(at)}"
                at = at.replace("/..data/", f"/{files.read_link(f'{path}/..data')}/")
            found.update(below(at) if files.kind(at) == "directory" else {at: files.read(at) or b""})
        return found

    stamp = files.read_link(f"{volume}/..data")
    return {path.removeprefix(f"{volume}/{stamp}/"): data for path, data in below(volume).items()}


def test_layout_and_modes(files: tuple[HostFiles, str]) -> None:
    disk, volume = files
    disk.make_dirs(volume)
    payload = {"a": File(data=b"1", mode=0o400), "d/e/x": File(data=b"2", mode=0o666)}
    AtomicWriter(Kernel(), disk).write(volume, payload, fs_group=None)
    assert disk.read_link(f"{volume}/a") == "..data/a"
    assert disk.read_link(f"{volume}/d") == "..data/d"
    stamp = disk.read_link(f"{volume}/..data")
    modes = {name: disk.stat(f"{volume}/{stamp}/{name}") for name in ("a", "d", "d/e", "d/e/x")}
    assert {name: oct(found.mode) for name, found in modes.items() if found is not None} == {
        "a": "0o400",
        "d": "0o755",
        "d/e": "0o755",
        "d/e/x": "0o666",
    }
    assert seen(disk, volume) == {"a": b"1", "d/e/x": b"2"}


def test_a_change_replaces_the_directory_and_nothing_else_does(files: tuple[HostFiles, str]) -> None:
    disk, volume = files
    disk.make_dirs(volume)
    writer = AtomicWriter(Kernel(), disk)
    old = {"a": File(data=b"1", mode=0o644), "b": File(data=b"1", mode=0o644)}
    writer.write(volume, old, fs_group=3000)
    first = disk.read_link(f"{volume}/..data")
    disk.remove(f"{volume}/a")
    writer.write(volume, old, fs_group=3000)
    assert disk.read_link(f"{volume}/..data") == first
    assert seen(disk, volume) == {"a": b"1", "b": b"1"}
    writer.write(volume, {"b": File(data=b"2", mode=0o600)}, fs_group=3000)
    second = disk.read_link(f"{volume}/..data")
    assert disk.list_dir(volume) == sorted(["..data", second, "b"])
    link, file = disk.stat(f"{volume}/b"), disk.stat(f"{volume}/{second}/b")
    assert link is not None
    assert file is not None
    assert (link.gid, file.gid, oct(file.mode)) == (3000, 3000, "0o640")


def test_the_name_tells_the_time_in_utc() -> None:
    disk = MemoryHostFiles()
    disk.make_dirs(VOLUME)
    kernel = Kernel(start_ns=1_700_000_000_000_000_000)
    AtomicWriter(kernel, disk).write(VOLUME, {}, fs_group=None)
    assert disk.read_link(f"{VOLUME}/..data").startswith("..2023_11_14_22_13_20.")


def test_a_path_that_leads_out_is_refused() -> None:
    disk = MemoryHostFiles()
    disk.make_dirs(VOLUME)
    with pytest.raises(PayloadError, match=r"invalid path: must not contain '\.\.': \.\./a"):
        AtomicWriter(Kernel(), disk).write(VOLUME, {"../a": File(data=b"", mode=0)}, fs_group=None)
    assert disk.list_dir(VOLUME) == []


@given(st.lists(PAYLOADS, min_size=1, max_size=5))
def test_the_last_payload_is_what_is_seen(payloads: list[dict[str, File]]) -> None:
    disk = MemoryHostFiles()
    disk.make_dirs(VOLUME)
    writer = AtomicWriter(Kernel(), disk)
    for payload in payloads:
        writer.write(VOLUME, payload, fs_group=None)
        assert seen(disk, VOLUME) == {path: file.data for path, file in payload.items()}
        assert len([name for name in disk.list_dir(VOLUME) if name.startswith("..2")]) == 1
