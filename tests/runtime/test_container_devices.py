"""Which devices of the node a container gets."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from kubesim.cri import api
from kubesim.runtime.container_devices import devices_of
from kubesim.userland.files.host_files import RealHostFiles


def devices(config: api.ContainerConfig, files: RealHostFiles) -> dict[str, tuple[str, int]]:
    found = devices_of(SimpleNamespace(host_files=files), config)  # type: ignore[arg-type]
    return {device.path: (device.kind, device.number) for device in found}


def test_a_device_that_is_asked_for_is_found_through_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    (tmp_path / "plain").write_bytes(b"")
    config = api.ContainerConfig()
    config.devices.add(host_path=str(tmp_path / "link"), container_path="/dev/mine", permissions="rwm")
    config.devices.add(host_path="/dev/zero")
    config.devices.add(host_path=str(tmp_path / "plain"))
    config.devices.add(host_path=str(tmp_path / "gone"))

    assert devices(config, RealHostFiles()) == {
        "/dev/mine": ("device", os.makedev(1, 3)),
        "/dev/zero": ("device", os.makedev(1, 5)),
    }


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the machine has no /dev as of Linux")
def test_a_privileged_container_gets_those_of_the_node() -> None:
    config = api.ContainerConfig()
    assert devices(config, RealHostFiles()) == {}
    config.linux.security_context.privileged = True
    found = devices(config, RealHostFiles())

    assert found["/dev/full"] == ("device", os.makedev(1, 7))
    assert not any(path.startswith(("/dev/pts/", "/dev/shm/")) for path in found)
