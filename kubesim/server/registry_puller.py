"""Pulls from real registries beside a kernel that runs in real time.

A pull has a thread, in which it may wait for the network and open layers; the world goes on meanwhile. Its end enters
the kernel as an event. What was pulled lies in a directory of blobs, which belongs to one node: with a state directory
it is there after a restart, and what no image needs then is swept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from kubesim.errors import InputError
from kubesim.images.blobs.directory import BlobDirectory
from kubesim.images.documents import Descriptor
from kubesim.images.image import Image
from kubesim.images.loading import load_image, resolve_manifest
from kubesim.images.registry.incoming import sweep_incoming
from kubesim.images.registry.patience import Patience, Stop
from kubesim.images.registry.pull import PullOptions, pull_image
from kubesim.images.registry.settings import RegistrySettings
from kubesim.kernel import Promise, RealTimePump
from kubesim.policy.docker_cli_config import HostLogin, config_login
from kubesim.policy.image_reference import parse_reference
from kubesim.runtime.remote_images import HostLogins

PULLS_AT_ONCE = 8
"""More wait for one of these to end. A kubelet pulls one image at a time unless it is told otherwise."""


class RegistryPuller:
    """The `RemoteImages` of one node."""

    def __init__(self, directory: Path, settings: RegistrySettings) -> None:
        """Nothing is pulled before `start`. Raises InputError when the directory cannot be used."""
        self._into = BlobDirectory(directory)
        self._settings = settings
        self._stops: set[Stop] = set()
        self._threads = ThreadPoolExecutor(PULLS_AT_ONCE, thread_name_prefix="kubesim-pull")
        self._pump: RealTimePump | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            sweep_incoming(directory)
        except OSError as error:
            hint = "pulled images are kept there: name another --state-dir"
            raise InputError(error.strerror or str(error), where=str(directory), hint=hint) from error

    def start(self, pump: RealTimePump, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to serve: the ends of pulls enter through the pump, on its loop."""
        self._pump, self._loop = pump, loop

    def stop(self) -> None:
        """End the pulls that are going on, and wait for their threads."""
        for stop in list(self._stops):
            stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def pull(self, reference: str, logins: HostLogins) -> Image:
        """The image of a normalised reference. Raises RegistryError, and what `logins` raises."""
        outcome: Promise[Image] = Promise()
        stop = Stop()
        options = PullOptions(
            settings=self._settings,
            logins=lambda host, repository: self._login(logins, host, repository),
            patience=Patience(sleep=stop.sleep),
        )
        self._stops.add(stop)
        running = self._threads.submit(
            pull_image, parse_reference(reference), into=self._into, options=options, stop=stop
        )
        running.add_done_callback(lambda done: self._ended(done, outcome))
        try:
            return await outcome.wait()
        finally:
            # Also where the call was cancelled: then nobody waits for the image any more.
            stop.set()
            running.cancel()
            self._stops.discard(stop)

    def _login(self, logins: HostLogins, host: str, repository: str) -> HostLogin:
        """What the request has for the host, else what config.json has."""
        asked = logins(host)
        if asked.username:
            return HostLogin(username=asked.username, password=asked.password)
        if asked.password:
            return HostLogin(identity_token=asked.password)
        return config_login(self._settings.config, host, repository)

    def _ended(self, running: Future[Image], outcome: Promise[Image]) -> None:
        """In the pull's thread."""
        if running.cancelled() or self._loop is None or self._pump is None:
            return
        error = running.exception()
        # The loop may be closed already: then there is no kernel either for which it could matter.
        with contextlib.suppress(RuntimeError):
            if error is None:
                self._loop.call_soon_threadsafe(self._pump.enter, outcome.resolve, running.result())
            else:
                self._loop.call_soon_threadsafe(self._pump.enter, outcome.fail, error)

    # -- after a restart ------------------------------------------------------------------------------------

    def kept(self, image_id: str, digest: str) -> Image | None:
        """An image that was pulled in an earlier life. Raises InputError when its blobs are not what they were."""
        blob = self._into.find(digest)
        if blob is None:
            return None
        found = load_image(
            self._into,
            Descriptor(digest=digest, size=blob.size_bytes),
            references=(),
            where=str(self._into.path),
        )
        return found if image_id in (found.id, found.digest) else None

    def sweep(self, images: Iterable[Image]) -> None:
        """Remove the blobs that none of these images needs."""
        needed: set[str] = set()
        for image in images:
            blob = self._into.find(image.digest)
            if blob is not None:
                descriptor = Descriptor(digest=image.digest, size=blob.size_bytes)
                resolved = resolve_manifest(self._into, descriptor, where=str(self._into.path))
                needed.update(one.digest for one in (*resolved.documents, *resolved.blobs))
        for digest in self._into.digests():
            if digest not in needed:
                self._into.remove(digest)
