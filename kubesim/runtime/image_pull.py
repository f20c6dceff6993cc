"""PullImage: from the registries of the catalogue onto the node.

Mirrors containerd: internal/cri/server/images/image_pull.go; CRI-O: server/image_pull.go.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from kubesim.cri import api
from kubesim.cri.errors import Code, CriError
from kubesim.images.catalogue import repository
from kubesim.images.image import Credential, Image
from kubesim.policy.image_lookup import pull_candidates
from kubesim.policy.image_reference import InvalidReference, parse_reference
from kubesim.runtime import image_refusals as say
from kubesim.runtime.daemon import Daemon


async def pull_image(daemon: Daemon, request: api.PullImageRequest) -> api.PullImageResponse:
    """Fetch an image; its answer names the image for CreateContainer.

    A pull that is cancelled leaves nothing: the image becomes visible in the step that answers.
    """
    text = request.image.image
    try:
        candidates = pull_candidates(text, daemon.profile.images)
    except InvalidReference as error:
        raise daemon.refuse(say.REFERENCE_INVALID, image=text, reason=error) from None
    refusal: CriError | None = None
    for reference in candidates:
        try:
            image = _resolve(daemon, reference, request.auth if request.HasField("auth") else None)
        except CriError as error:
            refusal = error
            continue
        await daemon.spend(_transfer_ns(daemon, image))
        daemon.images.add(image, [reference])
        return api.PullImageResponse(image_ref=_answer(daemon, image, reference))
    assert refusal is not None, "pull_candidates gives at least one"
    raise refusal


def _resolve(daemon: Daemon, reference: str, auth: api.AuthConfig | None) -> Image:
    """Ask the registry. Raises CriError in the runtime's words."""
    facts = _facts(reference)
    image = daemon.catalogue.find(reference)
    if image is None or (image.artifact is not None and not daemon.profile.images.stores_artifacts):
        raise daemon.refuse(say.NOT_FOUND, **facts)
    behaviour = image.pull
    if behaviour.credentials is not None and _credential(daemon, facts["domain"], auth) != behaviour.credentials:
        raise daemon.refuse(say.UNAUTHORIZED, **facts)
    error = behaviour.error
    if error is not None:
        failures = daemon.failed_pulls.get(reference, 0)
        if error.times is None or failures < error.times:
            daemon.failed_pulls[reference] = failures + 1
            row = say.REGISTRY_UNAVAILABLE if "connection refused" in error.message else say.PULL_FAILED
            raise daemon.texts.refuse(row, code=_code(error.code), reason=error.message, **facts)
    return image


def _facts(reference: str) -> dict[str, str]:
    parsed = parse_reference(reference)
    return {
        "image": reference,
        "repository": repository(reference),
        "domain": parsed.domain,
        "path": parsed.path,
        "tag": parsed.tag or parsed.digest,
    }


def _code(name: str) -> Code:
    """The code of a Go name such as `NotFound`; fixtures are checked, so it exists."""
    return next(code for code in Code if code.go_name == name)


def _transfer_ns(daemon: Daemon, image: Image) -> int:
    if daemon.images.has(image):
        return daemon.timings.resolve_image_ns  # every layer is there already; only the name may be new
    behaviour = image.pull
    if not behaviour.duration_ns and behaviour.bandwidth_bytes_per_second is None:
        return daemon.timings.pull_image_ns
    return behaviour.time_ns(image.size_bytes)


def _answer(daemon: Daemon, image: Image, reference: str) -> str:
    if daemon.profile.images.pull_returns == "id":
        return daemon.images.shown_id(image)
    return f"{repository(reference)}@{image.digest}"


def _credential(daemon: Daemon, domain: str, auth: api.AuthConfig | None) -> Credential | None:
    """What is presented to the registry; None for an anonymous pull.

    Mirrors containerd: internal/cri/server/images/image_pull.go, ParseAuth; CRI-O: server/image_pull.go,
    decodeDockerAuth.
    """
    if auth is None:
        return None
    if daemon.profile.texts == "cri-o":
        if auth.auth:
            return _decoded(daemon, auth.auth)
        return Credential(auth.username, auth.password) if auth.username else None
    if auth.server_address and _host(auth.server_address) != domain:
        return None
    if auth.username:
        return Credential(auth.username, auth.password)
    if auth.identity_token:
        return Credential("", auth.identity_token)
    return _decoded(daemon, auth.auth) if auth.auth else None


def _host(server_address: str) -> str:
    """The host of an address with or without a scheme; docker.io's has two names."""
    address = server_address if "://" in server_address else f"https://{server_address}"
    host = urlsplit(address).netloc
    return "docker.io" if host in ("index.docker.io", "registry-1.docker.io") else host


def _decoded(daemon: Daemon, text: str) -> Credential:
    try:
        decoded = base64.b64decode(text, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError) as error:
        raise daemon.refuse(say.AUTH_INVALID, auth=text, reason=f"illegal base64 data: {error}") from None
    username, colon, password = decoded.partition(":")
    if not colon:
        raise daemon.refuse(say.AUTH_INVALID, auth=decoded, reason=f"invalid auth: {decoded}")
    return Credential(username, password.rstrip("\0"))
