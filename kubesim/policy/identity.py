"""Which uid, gid and supplementary groups the first process of a container gets, and why.

One rule for each runtime: `identity_containerd` and `identity_crio`. What differs between versions of one runtime is a
field of `IdentityDialect`, which its profile fills (`kubesim/runtime/profiles/`).
"""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.policy.accounts import FileContent, Unopened, accounts_of
from kubesim.policy.identity_containerd import resolve_containerd
from kubesim.policy.identity_crio import AccountFile, generated_group_line, generated_passwd_line, resolve_crio
from kubesim.policy.identity_dialect import IdentityDialect
from kubesim.policy.identity_values import (
    Identity,
    IdentityError,
    IdentityRequest,
    TraceStep,
    policy_name,
)

__all__ = [
    "AccountFile",
    "Identity",
    "IdentityDialect",
    "IdentityError",
    "IdentityRequest",
    "TraceStep",
    "Unopened",
    "generated_group_line",
    "generated_passwd_line",
    "policy_name",
    "resolve",
    "resolve_identity",
]


def resolve_identity(
    *,
    passwd: FileContent,
    group: FileContent,
    image_user: str = "",
    run_as_user: int | None = None,
    run_as_username: str = "",
    run_as_group: int | None = None,
    supplemental_groups: Sequence[int] = (),
    policy: str | int = "Merge",
    home: str = "",
    dialect: IdentityDialect,
) -> Identity:
    """The identity a runtime gives the first process of a container.

    `passwd` and `group` are the image's files, None where it has none. `policy` is `Merge`, `Strict`, or the number of
    the CRI enum. `home` is HOME of the process, which CRI-O checks.

    Raises:
        IdentityError: with the runtime's own message; CreateContainer fails with it, code Unknown.
    """
    request = IdentityRequest(
        passwd=passwd,
        group=group,
        image_user=image_user,
        run_as_user=run_as_user,
        run_as_username=run_as_username,
        run_as_group=run_as_group,
        supplemental_groups=tuple(supplemental_groups),
        policy=policy,
        home=home,
    )
    return resolve(request, dialect)


def resolve(request: IdentityRequest, dialect: IdentityDialect) -> Identity:
    """The same for a request that is already put together.

    Raises:
        IdentityError: with the runtime's own message.
    """
    accounts = accounts_of(request.passwd, request.group, dialect)
    asked = (
        request.image_user,
        request.run_as_user,
        request.run_as_username,
        request.run_as_group,
        request.supplemental_groups,
        request.policy,
        request.home,
    )
    answer = accounts.answers.get(asked)
    if answer is None:
        rule = resolve_containerd if dialect.algorithm == "containerd" else resolve_crio
        answer = rule(request, accounts)
        accounts.keep_answer(asked, answer)
    return answer
