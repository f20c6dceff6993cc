"""What the runtimes say when a real registry does not give them an image.

`reason` is what went wrong with the registry, `said` what it answered in the words of containers/image; the frame
around it is that of `image_refusals`, with `copying` for what comes after the manifest.

Mirrors containerd: core/remotes/docker/resolver.go (Resolve), authorizer.go and fetcher.go, plugins/content/local/
writer.go (Commit); CRI-O through containers/image: docker/docker_client.go, copy/copy.go, copy/single.go,
copy/digesting_reader.go and storage/storage_dest.go.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from kubesim.cri.errors import Code, CriError
from kubesim.images.registry.errors import Failure, RegistryError
from kubesim.policy.registry_words import RegistryAnswer, connection_error, distribution_error, registry_errors
from kubesim.runtime import image_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.image_registry import pull_facts, pull_stopped
from kubesim.runtime.refusal import Refusal, refusal

# -- what went wrong --------------------------------------------------------------------------------------------------

STATUS = refusal(
    "unexpected status from HEAD request to {url}: {status}{details}", "reading manifest {tag} in {repository}: {said}"
)
NO_LOGIN = refusal(
    "pull access denied, repository does not exist or may require authorization: authorization failed: "
    "no basic auth credentials",
    "reading manifest {tag} in {repository}: {said}",
)
SCOPE_REFUSED = refusal(
    "pull access denied, repository does not exist or may require authorization: server message: {challenge_error}: "
    "authorization failed",
    "reading manifest {tag} in {repository}: {said}",
)
TOKEN_REFUSED = refusal(
    "failed to authorize: failed to fetch {token} token: unexpected status from {method} request to {url}: {status}",
    "unable to retrieve auth token: invalid username/password: {said}",
)
NO_TOKEN = refusal(
    "failed to authorize: failed to fetch {token} token: unexpected status from {method} request to {url}: {status}",
    "Requesting bearer token: received unexpected HTTP status: {status}",
)
UNREACHABLE = refusal(
    'failed to do request: Head "{url}": {cause}',
    'pinging container registry {domain}: Get "{scheme}://{url_host}/v2/": {cause}',
)
BLOB_STATUS = refusal("failed to copy: httpReadSeeker: failed open: {blob_status}", "{blob}fetching blob: {said}")
BLOB_MISSING = refusal(
    "failed to copy: httpReadSeeker: failed open: could not fetch content descriptor {digest} ({media_type}) from "
    "remote: not found",
    "{blob}fetching blob: {said}",
)
BLOB_UNREACHABLE = refusal(
    'failed to copy: httpReadSeeker: failed open: failed to do request: Get "{url}": {cause}',
    '{blob}Get "{url}": {cause}',
)
WRONG_DIGEST = refusal(
    "failed commit on ref {ref!q}: unexpected commit digest {found}, expected {expected}: failed precondition",
    'writing blob: storing blob to file "/var/tmp/container_images_storage1/1": happened during read: '
    "Digest did not match, expected {expected}, got {found}",
)
TOO_LONG = refusal(
    "failed commit on ref {ref!q}: {ref!q} failed size validation: {found} != {expected}: failed precondition",
    'writing blob: storing blob to file "/var/tmp/container_images_storage1/1": happened during read: '
    "expected {expected} bytes, got {found}",
)
TOO_SHORT = refusal("{short_read}: unexpected EOF", TOO_LONG.crio)
OTHER = refusal("{what}")

# -- how PullImage passes it on: at the manifest as with a fixture, after it so ---------------------------------------

CONTENT_FAILED = refusal("{pulling}{reason}", "{as_image}{copying}{reason}{artifact_is_image}")
CONTENT_MISSING = refusal("{pulling}{reason}", "{as_image}{copying}{reason}{artifact_is_image}", code=Code.NOT_FOUND)
CONTENT_WRONG = refusal(
    "{pulling}{reason}", "{as_image}{copying}{reason}{artifact_is_image}", code=Code.FAILED_PRECONDITION
)

_NETWORK_KINDS = ("unreachable", "too-slow")


def registry_refusal(daemon: Daemon, reference: str, error: RegistryError) -> CriError:
    """The failure of a pull from a real registry, in the runtime's words, with the real addresses."""
    failure = error.failure
    if failure.kind == "too-slow" and failure.media_type:
        return pull_stopped(daemon, reference, blob=failure.digest)
    facts = {**pull_facts(daemon, reference, ""), **_facts(failure), **_by_version(daemon, failure)}
    is_network = failure.kind in _NETWORK_KINDS
    if failure.kind == "no-platform":
        row, inner = say.NO_PLATFORM, say.PLATFORM_MISSING
    elif failure.media_type:
        row, inner = _of_blob(failure)
    else:
        row, inner = _of_manifest(failure)
    reason = daemon.refuse(inner, **facts).message
    frame = pull_facts(daemon, reference, reason, is_network=is_network, digest=failure.digest)
    return daemon.refuse(row, **{**facts, **frame}, reason=reason)


def _of_manifest(failure: Failure) -> tuple[Refusal, Refusal]:
    """The frame and what is in it."""
    answer = failure.answer
    if failure.kind in _NETWORK_KINDS and failure.cause:
        return say.REGISTRY_UNREACHABLE, UNREACHABLE
    if answer is None:
        return say.UNAUTHORIZED, OTHER
    if failure.is_token_service:
        return say.UNAUTHORIZED, TOKEN_REFUSED if answer.status == 401 else NO_TOKEN
    if failure.kind == "not-found":
        return say.NOT_FOUND, STATUS
    if failure.challenge_error:
        return say.UNAUTHORIZED, SCOPE_REFUSED
    if failure.challenge == "basic" and not failure.had_login:
        return say.UNAUTHORIZED, NO_LOGIN
    return say.UNAUTHORIZED, STATUS


def _of_blob(failure: Failure) -> tuple[Refusal, Refusal]:
    if failure.kind == "not-found":
        return CONTENT_MISSING, BLOB_MISSING
    if failure.answer is not None:
        return CONTENT_FAILED, BLOB_STATUS
    if failure.kind in _NETWORK_KINDS and failure.cause:
        return CONTENT_FAILED, BLOB_UNREACHABLE
    if failure.kind == "digest-mismatch":
        return CONTENT_WRONG, WRONG_DIGEST
    if failure.kind == "size-mismatch":
        is_short = failure.found.isdecimal() and int(failure.found) < int(failure.expected)
        return (CONTENT_FAILED, TOO_SHORT) if is_short else (CONTENT_WRONG, TOO_LONG)
    return CONTENT_FAILED, OTHER


def _by_version(daemon: Daemon, failure: Failure) -> dict[str, str]:
    """What containerd says of content since 2.1 and said before, and of a manifest that is forbidden.

    Mirrors containerd: core/remotes/docker/resolver.go, withErrorCheck and withGETErrorBody, before it fetcher.go,
    open; core/content/helpers.go, Copy.
    """
    answer = failure.answer or RegistryAnswer(status=0)
    said = registry_errors(answer)
    has_details = daemon.profile.images.forbidden_details and answer.status == 403 and said
    details = f"\n{said}" if has_details else ""
    if daemon.profile.images.pull_error == "image":
        status = f"unexpected status from GET request to {failure.url}: {answer.status_text}"
        short_read = f"short read: expected {failure.expected} bytes but got {failure.found}"
        blob_status = f"{status}\n{said}" if said else status
        return {"blob_status": blob_status, "short_read": short_read, "details": details}
    status = f"unexpected status code {failure.url}: {answer.status_text}"
    return {
        "blob_status": f"{status} - Server message: {said}" if said else status,
        "short_read": "failed to read expected number of bytes",
        "details": details,
    }


def _facts(failure: Failure) -> dict[str, str]:
    answer = failure.answer or RegistryAnswer(status=0)
    url = urlsplit(failure.url)
    said = distribution_error(answer)
    kind = _kind_of(failure.media_type)
    return {
        "url": failure.url,
        "url_host": url.netloc,
        "scheme": url.scheme,
        "method": failure.method,
        "status": answer.status_text,
        "said": said,
        "cause": connection_error(
            failure.cause, host=url.hostname or "", address=failure.address, detail=failure.detail
        ),
        "challenge_error": failure.challenge_error,
        "token": "oauth" if failure.had_login else "anonymous",
        "digest": failure.digest,
        "media_type": failure.media_type,
        "ref": f"{kind}-{failure.digest}",
        "blob": "parsing image configuration: " if kind == "config" else f"reading blob {failure.digest}: ",
        "found": failure.found,
        "expected": failure.expected,
        "what": failure.what,
        "copying": "copying system image from manifest list: " if failure.is_of_index else "",
    }


def _kind_of(media_type: str) -> str:
    """As containerd names what it is fetching. Mirrors containerd: core/remotes/handlers.go, MakeRefKey."""
    if ".config." in media_type or ".container.image." in media_type:
        return "config"
    return "layer" if ".layer." in media_type or ".rootfs." in media_type else "unknown"
