"""The registries, as a pull meets them: they know an image or not, ask for a login, and may be out of order.

Mirrors containerd: core/remotes/docker/resolver.go; CRI-O: internal/storage/image.go, pullImageImplementation.
"""

from __future__ import annotations

from kubesim.cri.errors import Code, CriError
from kubesim.errors import InputError
from kubesim.images.catalogue import repository
from kubesim.images.image import Credential, Image
from kubesim.policy.image_reference import parse_plain_reference, parse_reference
from kubesim.policy.registry_login import (
    InvalidLogin,
    Login,
    LoginFields,
    login_for_any_host,
    login_for_host,
    registry_host,
)
from kubesim.runtime import image_refusals as say
from kubesim.runtime.artifact_images import as_kept
from kubesim.runtime.daemon import Daemon


def resolve_in_registry(daemon: Daemon, reference: str, fields: LoginFields) -> Image:
    """Ask the registry what a normalised reference means, as this runtime keeps it. Raises CriError in its words."""
    try:
        image = daemon.catalogue.find(reference)
    except InputError as damaged:  # an image of a store whose bytes are not what they should be
        raise _fixture_refusal(daemon, reference, str(damaged), Code.UNKNOWN.go_name) from damaged
    if image is None:
        raise pull_refusal(daemon, reference, "not-found")
    image = as_kept(daemon, image)
    if image.pull.credentials is not None:
        _check_login(daemon, reference, fields, image.pull.credentials)
    error = image.pull.error
    if error is None or (error.kind == "signature-invalid" and not daemon.profile.images.verifies_signatures):
        return image
    failures = daemon.failed_pulls.get(reference, 0)
    if error.times is not None and failures >= error.times:
        return image
    daemon.failed_pulls[reference] = failures + 1
    if error.kind is not None:
        raise pull_refusal(daemon, reference, error.kind)
    raise _fixture_refusal(daemon, reference, error.message, error.code)


def is_at_hand(daemon: Daemon, reference: str) -> bool:
    """Whether no real registry need be asked for a reference; one that is damaged here is not sought elsewhere."""
    try:
        return daemon.catalogue.find(reference) is not None
    except InputError:
        return True  # `resolve_in_registry` says what is wrong with it


def _check_login(daemon: Daemon, reference: str, fields: LoginFields, wanted: Credential) -> None:
    facts = _facts(daemon, reference)
    try:
        if daemon.profile.images.pull_auth == "for-any-host":
            login = login_for_any_host(fields)
        else:
            login = login_for_host(fields, facts["host"])
    except InvalidLogin as error:
        raise daemon.refuse(say.AUTH_INVALID, **facts, **_words(daemon, reference, str(error)), reason=error) from None
    if login == Login(*wanted):
        return
    row = say.LOGIN_REFUSED if login.username and login.password else say.ANONYMOUS_REFUSED
    reason = daemon.refuse(row, **facts).message
    raise daemon.refuse(say.UNAUTHORIZED, **facts, **_words(daemon, reference, reason), reason=reason)


def pull_refusal(daemon: Daemon, reference: str, kind: str) -> CriError:
    """The failure of a pull, of a kind that each runtime words itself."""
    facts = _facts(daemon, reference)
    reason = daemon.refuse(say.registry_row(kind), **facts).message
    digest = ""
    if kind == "no-matching-platform" and (image := daemon.catalogue.find(reference)) is not None:
        digest = image.digest
    words = _words(daemon, reference, reason, is_network=kind == "registry-unavailable", digest=digest)
    return daemon.refuse(say.pull_row(kind), **facts, **words, reason=reason)


def artifact_refused(daemon: Daemon, reference: str, reason: str) -> CriError:
    """The failure of a pull of an artifact by a runtime that takes it for an image."""
    return daemon.refuse(say.ARTIFACT_REFUSED, **_words(daemon, reference, reason), image=reference, reason=reason)


def pull_stopped(daemon: Daemon, reference: str, *, blob: str = "") -> CriError:
    """A pull that was given up: for want of progress (then `blob` is what did not come), or with another one."""
    row = say.NO_PROGRESS if blob else say.MERGED_PULL_CANCELLED
    words = _words(daemon, reference, "context canceled", is_network=True)
    return daemon.refuse(row, **words, image=reference, blob=blob)


def _fixture_refusal(daemon: Daemon, reference: str, message: str, code_name: str) -> CriError:
    is_refused = "connection refused" in message
    code = next(code for code in Code if code.go_name == code_name)  # fixtures are checked
    words = _words(daemon, reference, message, is_network=is_refused)
    row = say.REGISTRY_UNAVAILABLE if is_refused else say.PULL_FAILED
    return daemon.texts.refuse(row, code=code, **_facts(daemon, reference), **words, reason=message)


def pull_facts(
    daemon: Daemon, reference: str, reason: str, *, is_network: bool = False, digest: str = ""
) -> dict[str, str]:
    """The facts of a message about a pull that `reason` ended; see `image_refusals.pull_words`."""
    return {**_facts(daemon, reference), **_words(daemon, reference, reason, is_network=is_network, digest=digest)}


def _words(
    daemon: Daemon, reference: str, reason: str, *, is_network: bool = False, digest: str = ""
) -> dict[str, str]:
    host = registry_host(parse_plain_reference(reference).domain)
    return say.pull_words(
        daemon.profile.images, image=reference, host=host, reason=reason, is_network=is_network, digest=digest
    )


def _facts(daemon: Daemon, reference: str) -> dict[str, str]:
    parsed = parse_reference(reference)
    return {
        "image": reference,
        "repository": repository(reference),
        "domain": parsed.domain,
        "host": registry_host(parsed.domain),
        "path": parsed.path,
        "tag": parsed.tag or parsed.digest,
        "architecture": "amd64",
        "variant": "",
        "os": daemon.os,
    }
