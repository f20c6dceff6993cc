"""An image from its registries into a directory of blobs, checked on the way.

Rule 1: by a tag the registry says what it means; everything below is named by its digest, and is that or nothing.
Rule 2: what comes lies apart until all of it is there. A pull that fails or is stopped leaves nothing.
Rule 3: blobs that the directory has are not fetched again, and are never replaced: somebody may read them.

Mirrors containerd: client/pull.go, fetch; core/images/handlers.go, LimitManifests; core/remotes/docker/resolver.go,
Resolve.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.images.blobs.blob import BlobError, digest_of
from kubesim.images.blobs.directory import DIGEST, BlobDirectory
from kubesim.images.documents import (
    INDEX_MEDIA_TYPES,
    MANIFEST_MEDIA_TYPES,
    Descriptor,
    Index,
    Manifest,
    is_index,
    parse_index,
    parse_manifest,
)
from kubesim.images.image import Image
from kubesim.images.json_text import DocumentError
from kubesim.images.loading import load_image
from kubesim.images.registry.errors import Failure, RegistryError, RequestFailed, during
from kubesim.images.registry.incoming import Incoming, incoming_to
from kubesim.images.registry.patience import Patience, Stop
from kubesim.images.registry.session import Session
from kubesim.images.registry.settings import RegistrySettings
from kubesim.images.registry.tokens import LoginSource
from kubesim.policy.docker_cli_config import config_login
from kubesim.policy.image_platform import LINUX_AMD64, Platform, choose_platform
from kubesim.policy.image_reference import Reference

BLOBS_AT_ONCE = 3
"""Mirrors containerd: plugins/cri config, max_concurrent_downloads."""

INDEX_DEPTH_MAX = 4
"""Indexes within indexes."""

ACCEPT = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.oci.image.index.v1+json, */*"
)
"""What a runtime asks for. Mirrors containerd: core/remotes/docker/resolver.go, NewResolver."""

T = TypeVar("T")

_GIB = 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class PullLimits:
    """How much a registry may send, by what the manifest says; what it does not say is not read."""

    blob_bytes_max: int = 64 * _GIB
    image_bytes_max: int = 128 * _GIB
    """Of all blobs together."""


Progress = Callable[[str, int, int], object]
"""Is told of each blob before the first comes, and of each piece: the blob's digest, its bytes so far, its size. One
call at a time."""


def no_progress(digest: str, done_bytes: int, total_bytes: int) -> None:
    """For whoever does not want to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How a pull goes about it. Without `logins` those of the settings' config.json are taken."""

    platform: Platform = LINUX_AMD64
    settings: RegistrySettings = RegistrySettings()  # noqa: RUF009 - it never changes
    logins: LoginSource | None = None
    progress: Progress = no_progress
    patience: Patience = Patience()  # noqa: RUF009
    limits: PullLimits = PullLimits()


def pull(
    reference: Reference,
    *,
    into: BlobDirectory,
    options: PullOptions | None = None,
    stop: Stop | None = None,
) -> Descriptor:
    """Fetch what a normalised reference means for a platform; the answer describes what the registry has under it.

    That is an index or a manifest, which lies in `into` with all that the platform needs of it. Blocks the thread that
    calls it; `stop` ends it from another.

    Raises:
        RegistryError: with the reference and the step. Nothing has been added to `into` then.
    """
    return _pulled(reference, into, options or PullOptions(), stop or Stop(), lambda descriptor: descriptor)


def pull_image(
    reference: Reference,
    *,
    into: BlobDirectory,
    options: PullOptions | None = None,
    stop: Stop | None = None,
) -> Image:
    """The same as an image, under the reference as its name. One that cannot be opened leaves nothing either."""
    options = options or PullOptions()
    name = reference.normalised

    def load(descriptor: Descriptor) -> Image:
        return load_image(into, descriptor, references=(name,), platform=options.platform, where=name)

    return _pulled(reference, into, options, stop or Stop(), load)


def _pulled(
    reference: Reference, into: BlobDirectory, options: PullOptions, stop: Stop, finish: Callable[[Descriptor], T]
) -> T:
    name = reference.normalised
    settings = options.settings
    logins = options.logins or (lambda host, repository: config_login(settings.config, host, repository))
    with during("pull", name):
        session = Session(reference, settings, logins, patience=options.patience, stop=stop)
    with contextlib.ExitStack() as held:
        with during("store", name):
            incoming = held.enter_context(incoming_to(into))
        descriptor = _Pull(reference, session, incoming, options, stop).run()
        with during("store", name):
            incoming.commit()
        try:
            return finish(descriptor)
        except InputError as error:
            incoming.withdraw()
            what = str(error).removeprefix(f"{name}: ")
            raise RegistryError(name, "content", Failure(kind="malformed", what=what)) from error
        except BaseException:
            incoming.withdraw()
            raise


class _Pull:
    """One pull."""

    def __init__(
        self, reference: Reference, session: Session, incoming: Incoming, options: PullOptions, stop: Stop
    ) -> None:
        self._reference = reference
        self._session = session
        self._incoming = incoming
        self._platform = options.platform
        self._progress = options.progress
        self._limits = options.limits
        self._stop = stop
        self._lock = threading.Lock()
        self._is_of_index = False

    def run(self) -> Descriptor:
        name = self._reference.normalised
        with during("manifest", name):
            top, content = self._document(self._reference.tag or self._reference.digest)
            self._incoming.store(top, content)
        pulled = top
        for _ in range(INDEX_DEPTH_MAX):
            with during("platform", name):
                if not _reading(is_index, top, content):
                    break
                index = _reading(parse_index, top, content)
                pulled = _named(pulled, index.media_type)
                self._is_of_index = True
                chosen = self._chosen(index, top.digest)
            with during(f"manifest {chosen.digest}", name):
                top, content = self._document(chosen.digest, chosen)
                self._incoming.store(top, content)
        else:
            with during("platform", name):
                what = f"more than {INDEX_DEPTH_MAX} indexes within one another"
                raise RequestFailed(Failure(kind="malformed", what=what))
        with during("manifest", name):
            manifest = _reading(parse_manifest, top, content)
            pulled = _named(pulled, manifest.media_type)
            wanted = self._wanted(manifest)
        self._fetch(wanted)
        return pulled

    def _document(self, name: str, wanted: Descriptor | None = None) -> tuple[Descriptor, bytes]:
        """A manifest or index by tag or digest, checked against both what was asked for and what the header says."""
        content, answer = self._session.manifest(name, ACCEPT if wanted is None else wanted.media_type or ACCEPT)
        asked = name if ":" in name else ""
        said = (answer.header("Docker-Content-Digest") or "").strip()
        if said and not DIGEST.fullmatch(said):
            what = f"{answer.url}: {said[:80]!r} in Docker-Content-Digest is no digest"
            raise RequestFailed(Failure(kind="malformed", what=what, url=answer.url))
        for expected in filter(None, (asked, said)):
            _check_digest(expected, content, answer.url)
        if wanted is not None and len(content) != wanted.size:
            what = f"{answer.url}: {len(content)} bytes, where the index says {wanted.size}"
            failure = Failure(
                kind="size-mismatch", what=what, url=answer.url, expected=str(wanted.size), found=str(len(content))
            )
            raise RequestFailed(failure)
        kind = (answer.header("Content-Type") or "").partition(";")[0].strip()
        if kind not in MANIFEST_MEDIA_TYPES and kind not in INDEX_MEDIA_TYPES:
            kind = ""  # then the document says itself what it is, or is refused for saying something else
        digest = asked or said or digest_of(content, like="sha256:")
        media_type = wanted.media_type if wanted is not None else kind
        return Descriptor(digest=digest, size=len(content), media_type=media_type), content

    def _chosen(self, index: Index, digest: str) -> Descriptor:
        chosen = choose_platform([entry.platform for entry in index.manifests], self._platform)
        if chosen is None:
            there = ", ".join(sorted({str(entry.platform) for entry in index.manifests if entry.platform})[:20])
            what = f"nothing in the index is for {self._platform}"
            hint = f"there is {there}" if there else "it is empty"
            raise RequestFailed(Failure(kind="no-platform", what=what, hint=hint, digest=digest))
        return index.manifests[chosen]

    def _wanted(self, manifest: Manifest) -> list[Descriptor]:
        """The blobs of a manifest that are not there yet, each once. Raises RequestFailed when they are too much."""
        unique: dict[str, Descriptor] = {}
        for number, blob in enumerate([manifest.config, *manifest.layers]):
            label = f"layer {number} of {len(manifest.layers)}" if number else "config"
            before = unique.setdefault(blob.digest, blob)
            if before.size != blob.size:
                what = f"{blob.digest} has {before.size} bytes and {blob.size} bytes"
                raise RequestFailed(Failure(kind="malformed", what=what))
            if blob.size > self._limits.blob_bytes_max:
                what = f"{label} has {blob.size} bytes, {self._limits.blob_bytes_max} are taken"
                raise RequestFailed(Failure(kind="too-large", what=what, digest=blob.digest))
        total = sum(blob.size for blob in unique.values())
        if total > self._limits.image_bytes_max:
            what = f"the image has {total} bytes, {self._limits.image_bytes_max} are taken"
            raise RequestFailed(Failure(kind="too-large", what=what))
        wanted = [blob for blob in unique.values() if not self._incoming.has(blob)]
        missing = sum(blob.size for blob in wanted)
        free = self._incoming.free_bytes
        if missing > free:
            what = f"{missing} bytes are to come, and {self._incoming.into.path} has room for {free}"
            raise RequestFailed(Failure(kind="storage", what=what, hint="make room"))
        return wanted

    # -- blobs ----------------------------------------------------------------------------------------------

    def _fetch(self, wanted: list[Descriptor]) -> None:
        """Fetch blobs, a few at a time. The first failure stops the others, and is the one that is raised."""
        if not wanted:
            return
        for blob in wanted:
            self._report(blob.digest, 0, blob.size)
        with ThreadPoolExecutor(BLOBS_AT_ONCE, thread_name_prefix="kubesim-pull") as pool:
            running = [pool.submit(self._fetch_one, blob) for blob in wanted]
            try:
                wait(running, return_when=FIRST_EXCEPTION)
            finally:
                # An interrupt from the keyboard ends here as well.
                if not all(one.done() and one.exception() is None for one in running):
                    self._stop.set()
                    pool.shutdown(wait=True, cancel_futures=True)
        errors = [error for one in running if not one.cancelled() and (error := one.exception()) is not None]
        own = [error for error in errors if not (isinstance(error, RegistryError) and error.failure.kind == "stopped")]
        for error in own or errors:
            raise error

    def _fetch_one(self, blob: Descriptor) -> None:
        with during(f"blob {blob.digest}", self._reference.normalised):
            try:
                self._receive(blob)
            except RequestFailed as error:
                error.failure = dataclasses.replace(
                    error.failure, digest=blob.digest, media_type=blob.media_type, is_of_index=self._is_of_index
                )
                raise

    def _receive(self, blob: Descriptor) -> None:
        received = _Received(self._session.blob(blob.digest, blob.size), blob, self._report)
        try:
            self._incoming.blobs.write(blob.digest, received.chunks(), size_bytes=blob.size)
        except BlobError as error:
            if not received.is_complete or error.where != blob.digest:
                raise RequestFailed(Failure(kind="storage", what=str(error), hint=error.hint)) from error
            found = error.what.rpartition(" ")[2]
            failure = Failure(kind="digest-mismatch", what=error.what, expected=blob.digest, found=found)
            raise RequestFailed(failure) from error

    def _report(self, digest: str, done_bytes: int, total_bytes: int) -> None:
        with self._lock:
            self._progress(digest, done_bytes, total_bytes)


class _Received:
    """The bytes of a blob on their way to the disk, counted."""

    def __init__(self, source: Iterator[bytes], blob: Descriptor, progress: Progress) -> None:
        self._source = source
        self._blob = blob
        self._progress = progress
        self.is_complete = False

    def chunks(self) -> Iterator[bytes]:
        done = 0
        for chunk in self._source:
            yield chunk
            done += len(chunk)
            self._progress(self._blob.digest, done, self._blob.size)
        self.is_complete = True


def _named(described: Descriptor, media_type: str) -> Descriptor:
    """A description with the media type that the document gives itself, where nobody else named one."""
    return described if described.media_type else replace(described, media_type=media_type)


def _reading(read: Callable[..., T], described: Descriptor, content: bytes) -> T:
    """A document read by one of `kubesim.images.documents`."""
    try:
        return read(content, where=described.digest, media_type=described.media_type)
    except DocumentError as error:
        what = f"{described.digest}: {error.what}"
        raise RequestFailed(Failure(kind="malformed", what=what, hint=error.hint, digest=described.digest)) from error


def _check_digest(expected: str, content: bytes, url: str) -> None:
    found = digest_of(content, like=expected)
    if found != expected:
        what = f"{url}: its bytes have the digest {found}, not {expected}"
        raise RequestFailed(
            Failure(kind="digest-mismatch", what=what, url=url, digest=expected, expected=expected, found=found)
        )
