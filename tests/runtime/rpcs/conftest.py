"""What several tests of RPCs share: checkpoints of containers."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from kubesim.cri import api


class Checkpoints:
    """Short ways to take checkpoints and to look into them. `node` is a Driver."""

    place = "/checkpoints/c.tar"

    def taking(self, node: Any, ctr: str, location: str = place) -> Any:
        """The call."""
        request = api.CheckpointContainerRequest(container_id=ctr, location=location, timeout=10)
        return node.cri.checkpoint_container(request)

    def running(self, node: Any, *command: str, pod: str = "", **fields: Any) -> str:
        """A container that has done its work and sleeps."""
        node.files.make_dirs("/checkpoints")
        script = " ".join(command) or ":"
        ctr: str = node.start(pod or node.run_pod(), "sh", "-c", f"{script}; sleep 1000", **fields)
        node.advance(1)
        return ctr

    def members(self, node: Any, path: str = place) -> dict[str, bytes]:
        """What an archive holds, by name."""
        with tarfile.open(fileobj=io.BytesIO(node.files.read(path)), mode="r:") as archive:
            files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
            return {name: file.read() for name, file in files.items() if file is not None}

    def restored(self, node: Any, pod_name: str = "other", source: str = place, **fields: Any) -> str:
        """A new container from an archive in a new pod, not started."""
        config = node.pod_config(pod_name)
        ctr: str = node.create(node.run_pod(config), node.container_config(image=source, **fields), config)
        return ctr

    def out(self, node: Any, ctr: str, script: str) -> str:
        """What a script in a container writes."""
        text: str = node.do(node.execing(ctr, "sh", "-c", script)).stdout.decode()
        return text


@pytest.fixture
def checkpoints() -> Checkpoints:
    """Checkpoints of containers."""
    return Checkpoints()
