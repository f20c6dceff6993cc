"""Who a container runs as: the rule of the profile on the request and the image's account files.

The rule is `policy.identity`; the files are those that `account_files` finds. Mirrors CRI-O:
server/container_create.go, setupContainerUser.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.errors import KubesimError
from kubesim.images.image import Image
from kubesim.images.tree import TreeNode
from kubesim.policy.identity import (
    AccountFile,
    IdentityError,
    IdentityRequest,
    generated_group_line,
    generated_passwd_line,
    resolve,
)
from kubesim.runtime import container_refusals as say
from kubesim.runtime.account_files import AccountFileCopy, AccountFiles
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.process_plan import ContainerIdentity


class NeverAnswered(KubesimError):
    """The runtime waits without end, and the request gets no answer."""


def identity_request(files: AccountFiles, image: Image, config: api.ContainerConfig, *, home: str) -> IdentityRequest:
    """What the rule is asked."""
    security = config.linux.security_context
    return IdentityRequest(
        passwd=files.passwd,
        group=files.group,
        image_user=image.config.user,
        run_as_user=security.run_as_user.value if security.HasField("run_as_user") else None,
        run_as_username=security.run_as_username,
        run_as_group=security.run_as_group.value if security.HasField("run_as_group") else None,
        supplemental_groups=tuple(security.supplemental_groups),
        policy=security.supplemental_groups_policy,
        home=home,
    )


def resolve_container_identity(daemon: Daemon, request: IdentityRequest) -> ContainerIdentity:
    """The identity of the first process. Raises CriError with the runtime's words, or NeverAnswered."""
    try:
        found = resolve(request, daemon.profile.identity)
    except IdentityError as error:
        if error.is_endless:
            raise NeverAnswered(str(error)) from error
        raise daemon.refuse(say.IDENTITY, reason=error) from None
    return ContainerIdentity(uid=found.uid, gid=found.gid, supplemental_groups=found.supplemental_groups)


def generated_account_files(
    daemon: Daemon, files: AccountFiles, request: IdentityRequest, *, working_dir: str
) -> tuple[AccountFileCopy, ...]:
    """Copies of /etc/passwd and /etc/group that are mounted over the image's; () where nothing is added.

    Raises CriError with the runtime's words when a file cannot be copied.
    """
    dialect = daemon.profile.identity
    copies = []
    passwd, group = files.passwd_node, files.group_node
    try:
        if passwd is not None and isinstance(files.passwd, bytes):
            facts = AccountFile(mode=passwd.mode, owner=passwd.uid)
            line = generated_passwd_line(request, dialect, file=facts, working_dir=working_dir)
            if line is not None:
                copies.append(_copy("/etc/passwd", files.passwd + line, passwd))
        if group is not None:
            line = generated_group_line(request, dialect, file=AccountFile(mode=group.mode, owner=group.gid))
            if line is not None and isinstance(files.group, bytes):
                copies.append(_copy("/etc/group", files.group + line, group))
    except IdentityError as error:
        raise daemon.refuse(say.IDENTITY, reason=error) from None
    return tuple(copies)


def _copy(path: str, content: bytes, node: TreeNode) -> AccountFileCopy:
    """Mirrors CRI-O: utils/utils.go, createAndSecureFile."""
    return AccountFileCopy(path=path, content=content, mode=node.mode & 0o777, uid=node.uid, gid=node.gid)
