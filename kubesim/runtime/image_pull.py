"""PullImage: from the registries of the catalogue onto the node.

Mirrors containerd: internal/cri/server/images/image_pull.go; CRI-O: server/image_pull.go.
"""

from __future__ import annotations

from typing import NamedTuple

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.images.catalogue import repository
from kubesim.images.image import Image
from kubesim.kernel import Cancelled, Promise
from kubesim.policy.image_lookup import pull_candidates
from kubesim.policy.image_reference import InvalidReference
from kubesim.policy.registry_login import InvalidLogin, Login, LoginFields, login_for_any_host
from kubesim.runtime import image_refusals as say
from kubesim.runtime.artifact_images import pull_refusal_of
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.image_registry import artifact_refused, is_at_hand, pull_stopped, resolve_in_registry
from kubesim.runtime.image_transfer import NoProgress
from kubesim.runtime.remote_pull import pull_remote


class MergeKey(NamedTuple):
    """Calls of which CRI-O makes one pull have this in common. Mirrors CRI-O: server/server.go, pullArguments."""

    image: str
    login: Login | LoginFields
    sandbox_cgroup: str
    namespace: str


async def pull_image(daemon: Daemon, request: api.PullImageRequest) -> api.PullImageResponse:
    """Fetch an image; its answer names the image for CreateContainer.

    A pull that is cancelled leaves nothing: the image becomes visible in the step that answers.
    """
    fields = _login_fields(request.auth)
    login = _read_at_once(daemon, fields)
    if daemon.profile.images.concurrent_pulls == "share-content":
        return api.PullImageResponse(image_ref=await _pull(daemon, request.image.image, fields))
    sandbox = request.sandbox_config
    key = MergeKey(request.image.image, login, sandbox.linux.cgroup_parent, sandbox.metadata.namespace)
    first = daemon.merged_pulls.get(key)
    if first is not None:
        return api.PullImageResponse(image_ref=await _result_of(first))
    return api.PullImageResponse(image_ref=await _pull_for_all(daemon, key, fields))


async def _pull_for_all(daemon: Daemon, key: MergeKey, fields: LoginFields) -> str:
    """A pull that others may wait for. Its end is theirs, whatever it is: they do not try again."""
    outcome: Promise[str] = Promise()
    daemon.merged_pulls[key] = outcome
    try:
        image_ref = await _pull(daemon, key.image, fields)
    except CriError as error:
        outcome.fail(error)
        raise
    except Cancelled:
        outcome.fail(pull_stopped(daemon, key.image))
        raise
    finally:
        del daemon.merged_pulls[key]
    outcome.resolve(image_ref)
    return image_ref


async def _result_of(first: Promise[str]) -> str:
    try:
        return await first.wait()
    except CriError as error:
        raise CriError(error.code, error.message) from None  # an error of one's own, with one's own traceback


async def _pull(daemon: Daemon, text: str, fields: LoginFields) -> str:
    """Try each reference that the name may mean. Raises the refusal of the last one."""
    try:
        candidates = pull_candidates(text, daemon.profile.images)
    except InvalidReference as error:
        raise daemon.refuse(say.REFERENCE_INVALID, image=text, reason=error) from None
    for reference in candidates[:-1]:
        try:
            return await pull_reference(daemon, reference, fields)
        except CriError:
            continue  # the runtime only logs it
    return await pull_reference(daemon, candidates[-1], fields)


async def pull_reference(daemon: Daemon, reference: str, fields: LoginFields) -> str:
    """Fetch the image of one normalised reference. The answer is PullImage's."""
    remote = None if is_at_hand(daemon, reference) else daemon.remote_images
    if remote is not None:
        image = await pull_remote(daemon, remote, reference, fields)
    else:
        image = resolve_in_registry(daemon, reference, fields)
    refusal = pull_refusal_of(daemon, image)
    if remote is None and (refusal is None or refusal.is_transferred):
        await _fetch(daemon, image, reference)
    if refusal is not None:
        if refusal.leaves_image:
            daemon.images.add(image, [reference], keeps_digests=False)
        raise artifact_refused(daemon, reference, refusal.reason)
    daemon.images.add(image, [reference])
    if daemon.profile.images.pull_returns == "id":
        return daemon.images.shown_id(image)
    digest = image.digest if image.artifact is None else image.instance_digest or image.digest
    return f"{repository(reference)}@{digest}"


async def _fetch(daemon: Daemon, image: Image, reference: str) -> None:
    if not daemon.transfers.missing(image):
        # Every layer is there already; only the name may be new.
        timings = daemon.timings
        await daemon.spend(daemon.registry_pace.jittered(timings.resolve_image_ns, timings.resolve_spread))
        return
    pull = image.pull
    if not pull.duration_ns and pull.bandwidth_bytes_per_second is None and pull.stall_after_bytes is None:
        await daemon.spend(daemon.timings.pull_image_ns)
    try:
        await daemon.transfers.fetch(image, reference)
    except NoProgress as stalled:
        raise pull_stopped(daemon, reference, blob=stalled.digest) from None


def _login_fields(auth: api.AuthConfig) -> LoginFields:
    return LoginFields(
        username=auth.username,
        password=auth.password,
        auth=auth.auth,
        server_address=auth.server_address,
        identity_token=auth.identity_token,
    )


def _read_at_once(daemon: Daemon, fields: LoginFields) -> Login | LoginFields:
    """The login, where it is read before anything else is looked at: CriError if it cannot be."""
    if daemon.profile.images.pull_auth == "for-host":
        return fields  # read when a registry asks for it
    try:
        return login_for_any_host(fields)
    except InvalidLogin as error:
        raise daemon.refuse(say.AUTH_INVALID, reason=error) from None
