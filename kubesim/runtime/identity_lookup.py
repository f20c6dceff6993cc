"""The identity a container would get under a profile: `kubesim.resolve_identity`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from kubesim.errors import InputError
from kubesim.policy.identity import Identity, policy_name
from kubesim.policy.identity import resolve_identity as resolve_with_dialect
from kubesim.runtime.profiles import DEFAULT_PROFILE, load_profile

_INT64_MAX = (1 << 63) - 1
TEXTS_KEPT_MAX = 4
"""How many account files given as text are kept as bytes: two images have so many."""

KEPT_TEXT_LENGTH_MAX = 16 << 20
"""Longer texts are encoded each time."""


def resolve_identity(
    *,
    passwd: str | bytes | None,
    group: str | bytes | None,
    image_user: str = "",
    run_as_user: int | None = None,
    run_as_username: str = "",
    run_as_group: int | None = None,
    supplemental_groups: Sequence[int] = (),
    policy: str | int = "Merge",
    profile: str = DEFAULT_PROFILE,
) -> Identity:
    """Which uid, gid and supplementary groups the first process of a container gets, and why.

    Args:
        passwd, group: the image's /etc/passwd and /etc/group; None when it has none.
        image_user: USER of the image. A kubelet never lets a runtime look at it: it sends the uid or the name itself.
        run_as_user, run_as_username, run_as_group, supplemental_groups: as in the CRI request.
        policy: `Merge`, `Strict`, or the number of the CRI enum. A runtime without the field merges in any case.
        profile: a built-in profile with or without patch level, or the path of one's own.

    Raises:
        IdentityError: the runtime refuses; `str(error)` is its own message.
        InputError: there is no such profile or policy; an argument cannot be sent over CRI.
    """
    dialect = load_profile(profile).identity
    # A name is never sent: CRI has numbers. A number that CRI does not define gets the words of a runtime that looks.
    if policy_name(policy) is None and (isinstance(policy, str) or not dialect.knows_policy):
        hint = "choose Merge or Strict"
        if not dialect.knows_policy:
            hint += "; this profile does not know the field and merges"
        raise InputError(f"unknown policy {policy!r}", where="policy", hint=hint)
    numbers = {"run_as_user": run_as_user, "run_as_group": run_as_group}
    numbers |= {f"supplemental_groups[{index}]": number for index, number in enumerate(supplemental_groups)}
    for name, number in numbers.items():
        if number is not None and not -_INT64_MAX - 1 <= number <= _INT64_MAX:
            raise InputError(f"{number} is out of range", where=name, hint="CRI ids are 64-bit integers")
    return resolve_with_dialect(
        passwd=_to_bytes(passwd),
        group=_to_bytes(group),
        image_user=image_user,
        run_as_user=run_as_user,
        run_as_username=run_as_username,
        run_as_group=run_as_group,
        supplemental_groups=supplemental_groups,
        policy=policy,
        dialect=dialect,
    )


def _to_bytes(text: str | bytes | None) -> bytes | None:
    if not isinstance(text, str):
        return text
    return _kept_bytes(text) if len(text) <= KEPT_TEXT_LENGTH_MAX else _encoded(text)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


# The same text twice becomes the same bytes, for which the rules need not look at them again.
_kept_bytes = lru_cache(maxsize=TEXTS_KEPT_MAX)(_encoded)
