"""A pull from a real registry, as PullImage asks for it.

The login of the request goes to the hosts that it would go to from the real runtime. Mirrors containerd: internal/cri/
server/images/image_pull.go, registryHosts; CRI-O: server/image_pull.go, pullImage (DockerAuthConfig).
"""

from __future__ import annotations

from kubesim.images.image import Image
from kubesim.images.registry.errors import RegistryError
from kubesim.policy.registry_login import InvalidLogin, Login, LoginFields, login_for_any_host, login_for_host
from kubesim.runtime import image_refusals as say
from kubesim.runtime.artifact_images import as_kept
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.image_registry import pull_facts
from kubesim.runtime.registry_refusals import registry_refusal
from kubesim.runtime.remote_images import RemoteImages


async def pull_remote(daemon: Daemon, remote: RemoteImages, reference: str, fields: LoginFields) -> Image:
    """Fetch what a normalised reference means, as this runtime keeps it. Raises CriError in the runtime's words."""
    is_for_any_host = daemon.profile.images.pull_auth == "for-any-host"

    def login(host: str) -> Login:
        return login_for_any_host(fields) if is_for_any_host else login_for_host(fields, host)

    try:
        image = await remote.pull(reference, login)
    except InvalidLogin as error:
        raise daemon.refuse(say.AUTH_INVALID, **pull_facts(daemon, reference, str(error)), reason=error) from None
    except RegistryError as error:
        raise registry_refusal(daemon, reference, error) from error
    return as_kept(daemon, image)
