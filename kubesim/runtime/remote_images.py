"""Images that no fixture holds: where a runtime gets them from when it may ask real registries.

The runtime knows neither HTTP nor threads: whoever drives it in real time gives it a `RemoteImages`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from kubesim.images.image import Image
from kubesim.policy.registry_login import Login

HostLogins = Callable[[str], Login]
"""The login of a request for a host. Raises InvalidLogin."""


class RemoteImages(Protocol):
    """Real registries, and what was pulled from them before."""

    async def pull(self, reference: str, logins: HostLogins) -> Image:
        """The image of a normalised reference; takes real time. Cancelling it leaves nothing behind.

        Raises RegistryError, and what `logins` raises.
        """

    def kept(self, image_id: str, digest: str) -> Image | None:
        """An image that was pulled in an earlier life of the runtime, by its id and manifest digest; None for others.

        Raises InputError when what was kept of it cannot be read.
        """
