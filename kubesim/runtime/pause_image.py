"""The image of a sandbox's own container: RunPodSandbox pulls it when the node has lost it.

The emulated pause process does not need the image, but a client sees it come back to the list of images, and waits for
the pull.

Mirrors containerd: internal/cri/server/sandbox_run.go, ensurePauseImageExists; CRI-O: internal/storage/runtime.go,
CreatePodSandbox.
"""

from __future__ import annotations

from kubesim.cri.errors import CriError
from kubesim.policy.registry_login import LoginFields
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.image_pull import pull_reference


def lacks_pause_image(daemon: Daemon) -> bool:
    """Whether a sandbox has to wait for its image. Registries that never had it are those of a node without one."""
    name = daemon.profile.pause_image
    return daemon.images.find(name).found is None and daemon.catalogue.find(name) is not None


async def ensure_pause_image(daemon: Daemon, *, sandbox_id: str, sandbox_name: str) -> None:
    """Pull the image without a login, if the node lacks it. Raises CriError when that fails."""
    if not lacks_pause_image(daemon):
        return
    image = daemon.profile.pause_image
    try:
        await pull_reference(daemon, image, LoginFields())
    except CriError as error:
        raise daemon.texts.refuse(
            say.PAUSE_IMAGE, code=error.code, id=sandbox_id, name=sandbox_name, image=image, reason=error
        ) from None
