"""Who a container runs as: the rule of the profile on the request and the image's account files.

The rule is `policy.identity`; here is what it needs from the image. Account files are those of the image: mounts and
the writable layer do not count. Mirrors containerd: pkg/oci/spec_opts.go, openUserFile; CRI-O:
server/container_create.go, setupContainerUser.
"""

from __future__ import annotations

from typing import Literal

from kubesim.cri import api
from kubesim.images.image import Image
from kubesim.images.tree import FileTree, LinkRule, NodeKind, Outcome, TreeNode
from kubesim.policy.identity import (
    AccountFile,
    IdentityError,
    IdentityRequest,
    account_file_refusal,
    generated_group_line,
    generated_passwd_line,
    resolve,
)
from kubesim.runtime import container_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.process_plan import ContainerIdentity

FileName = Literal["passwd", "group"]
_FILE_NAMES: tuple[FileName, FileName] = ("passwd", "group")
LinkKind = Literal["none", "relative", "escaping", "absolute-file", "absolute-directory"]


def identity_request(daemon: Daemon, image: Image, config: api.ContainerConfig, *, home: str) -> IdentityRequest:
    """What the rule is asked. Raises CriError when an account file may not be opened."""
    security = config.linux.security_context
    passwd, group = (account_file(daemon, image.tree, name) for name in _FILE_NAMES)
    return IdentityRequest(
        passwd=None if passwd is None else passwd.content,
        group=None if group is None else group.content,
        image_user=image.config.user,
        run_as_user=security.run_as_user.value if security.HasField("run_as_user") else None,
        run_as_username=security.run_as_username,
        run_as_group=security.run_as_group.value if security.HasField("run_as_group") else None,
        supplemental_groups=tuple(security.supplemental_groups),
        policy=security.supplemental_groups_policy,
        home=home,
    )


def resolve_container_identity(daemon: Daemon, request: IdentityRequest) -> ContainerIdentity:
    """The identity of the first process. Raises CriError with the runtime's words."""
    try:
        found = resolve(request, daemon.profile.identity)
    except IdentityError as error:
        raise daemon.refuse(say.IDENTITY, reason=error) from None
    return ContainerIdentity(uid=found.uid, gid=found.gid, supplemental_groups=found.supplemental_groups)


def generated_account_files(
    daemon: Daemon, image: Image, request: IdentityRequest, *, working_dir: str
) -> dict[str, bytes]:
    """Copies of /etc/passwd and /etc/group that are mounted over the image's, by path; {} where nothing is added."""
    dialect = daemon.profile.identity
    copies: dict[str, bytes] = {}
    passwd, group = (account_file(daemon, image.tree, name) for name in _FILE_NAMES)
    if passwd is not None:
        facts = AccountFile(mode=passwd.mode, owner=passwd.uid)
        line = generated_passwd_line(request, dialect, file=facts, working_dir=working_dir)
        if line is not None:
            copies["/etc/passwd"] = passwd.content + line
    if group is not None:
        line = generated_group_line(request, dialect, file=AccountFile(mode=group.mode, owner=group.gid))
        if line is not None:
            copies["/etc/group"] = group.content + line
    return copies


def account_file(daemon: Daemon, tree: FileTree, name: FileName) -> TreeNode | None:
    """/etc/passwd or /etc/group of an image; None when there is none. Raises CriError where it may not be opened."""
    path = f"/etc/{name}"
    found = tree.resolve(path, link_rule=LinkRule.IN_ROOT)
    link = _worst_link(tree, path)
    if found.outcome in (Outcome.MISSING, Outcome.NOT_A_DIRECTORY) and link == "none":
        return None
    refusal = account_file_refusal(
        name,
        daemon.profile.identity,
        is_regular=found.node is None or found.node.kind is NodeKind.FILE,
        link=link,
    )
    if refusal is not None:
        raise daemon.refuse(say.ACCOUNT_FILE, reason=refusal)
    if found.outcome is Outcome.LOOP:
        raise daemon.refuse(say.ACCOUNT_FILE, reason=f"open {path}: too many levels of symbolic links")
    node = found.node
    # A directory that is opened all the same reads as nothing.
    return node if node is not None and node.kind is NodeKind.FILE else None


def _worst_link(tree: FileTree, path: str) -> LinkKind:
    """What kind of link lies on the way to a file; of several the one that is followed by the fewest runtimes."""
    etc, _, name = path.lstrip("/").partition("/")
    directory, file = tree.get(f"/{etc}"), tree.get(path)
    if directory is not None and directory.kind is NodeKind.SYMLINK:
        if directory.target.startswith("/"):
            return "absolute-directory"
        if tree.resolve(path).outcome is Outcome.ESCAPE:
            return "escaping"
        resolved = tree.resolve(f"/{etc}")
        file = tree.get(f"{resolved.path}/{name}")
        if file is None or file.kind is not NodeKind.SYMLINK:
            return "relative"
    if file is None or file.kind is not NodeKind.SYMLINK:
        return "none"
    if file.target.startswith("/"):
        return "absolute-file"
    return "escaping" if tree.resolve(path).outcome is Outcome.ESCAPE else "relative"
