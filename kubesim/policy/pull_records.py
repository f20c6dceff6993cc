"""Which pods may use an image that is on the node already: those that could have pulled it.

The kubelet keeps a record of each image that it pulled: under which name, and with which logins. A pod whose secrets
are not among them has to pull the image again, which proves that it may.

Mirrors kubelet: pkg/kubelet/images/pullmanager/image_pull_manager.go (MustAttemptImagePull,
writePulledRecordIfChanged, pulledRecordMergeNewCreds) and image_pull_policies.go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from kubesim.policy.go_json_text import go_json_text
from kubesim.policy.image_keyring import PullLogin, SecretSource

NEVER_VERIFY = "NeverVerify"
NEVER_VERIFY_PRELOADED = "NeverVerifyPreloadedImages"
NEVER_VERIFY_ALLOWLISTED = "NeverVerifyAllowlistedImages"
ALWAYS_VERIFY = "AlwaysVerify"

_MATCHED_SECRETS_MAX = 100
"""So many secrets are remembered of pods that only used an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenSecret:
    """A secret that could pull an image, and the hash of its login."""

    source: SecretSource
    login_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenLogins:
    """Who may use an image: every pod of the node, or those with one of the secrets."""

    is_open: bool = False
    secrets: tuple[ProvenSecret, ...] = ()


OPEN = ProvenLogins(is_open=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PulledRecord:
    """An image that this kubelet pulled. `logins` are by repository as pods write it, without tag and digest."""

    image_ref: str
    logins: Mapping[str, ProvenLogins] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Whether a pod has to pull. `learned` is the secret of the pod that the record is to remember."""

    must_pull: bool
    learned: ProvenSecret | None = None


_GRANTED = Access(must_pull=False)
_DENIED = Access(must_pull=True)


def proven_secret(login: PullLogin) -> ProvenSecret:
    """A login in the form in which a record keeps it: as a hash."""
    fields = {"username": login.username, "password": login.password, "email": login.email}
    text = go_json_text({name: value for name, value in fields.items() if value})
    return ProvenSecret(source=login.source, login_hash=sha256(text.encode()).hexdigest())


def proven_by(login: PullLogin | None) -> ProvenLogins:
    """What a pull proves: with a secret's login, who may use the image; without any, that everybody may."""
    return OPEN if login is None else ProvenLogins(secrets=(proven_secret(login),))


def needs_verification(policy: str, allowlist: Sequence[str], *, repository: str, is_pulled_by_kubelet: bool) -> bool:
    """Whether the pod's logins count at all for an image that is there.

    `policy` is KubeletConfiguration's imagePullCredentialsVerificationPolicy, `allowlist` its
    preloadedImagesVerificationAllowlist: names, or beginnings of names that end with `/*`.
    """
    if policy == NEVER_VERIFY:
        return False
    if policy == ALWAYS_VERIFY:
        return True
    if policy == NEVER_VERIFY_ALLOWLISTED:
        return not any(_is_allowed(pattern, repository) for pattern in allowlist)
    return is_pulled_by_kubelet


def _is_allowed(pattern: str, repository: str) -> bool:
    return repository.startswith(pattern[:-1]) if pattern.endswith("/*") else repository == pattern


def access(record: PulledRecord | None, repository: str, logins: Sequence[PullLogin]) -> Access:
    """Whether a pod with these logins may use an image whose use is verified."""
    proven = record.logins.get(repository) if record is not None else None
    if proven is None:
        return _DENIED
    if proven.is_open:
        return _GRANTED
    for secret in map(proven_secret, logins):
        for known in proven.secrets:
            has_same_login, is_same_secret = secret.login_hash == known.login_hash, secret.source == known.source
            if has_same_login or (is_same_secret and len(proven.secrets) < _MATCHED_SECRETS_MAX):
                # Another secret with the same login, or the same secret with a new one: it counts from now on.
                is_new = not (has_same_login and is_same_secret) and len(proven.secrets) < _MATCHED_SECRETS_MAX
                return Access(must_pull=False, learned=secret if is_new else None)
    return _DENIED


def with_logins(record: PulledRecord, repository: str, proven: ProvenLogins) -> PulledRecord:
    """The record with what a pull or a match proved; the record itself when it says so already."""
    known = record.logins.get(repository)
    if known is not None and known.is_open:
        return record
    if known is not None and not proven.is_open:
        by_source = {one.source: one for one in (*known.secrets, *proven.secrets)}
        order = sorted(by_source, key=lambda source: (source.namespace, source.name, source.uid))
        proven = ProvenLogins(secrets=tuple(by_source[source] for source in order))
    if known == proven:
        return record
    return PulledRecord(image_ref=record.image_ref, logins={**record.logins, repository: proven})
