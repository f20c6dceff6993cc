"""The user namespace a pod asks for: which requests a runtime takes.

Mirrors containerd: internal/cri/server/podsandbox/helpers_linux.go, parseUsernsIDs and parseUsernsIDMap; CRI-O:
server/sandbox_run_linux.go, configureSandboxIDMappings; internal/config/nsmgr/nsmgr_linux.go, NewPodNamespaces;
pinns/src/pinns.c, main.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubesim.cri import api
from kubesim.cri.errors import CriError
from kubesim.policy.id_map import is_id_map
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.daemon import Daemon


def check_user_namespace(daemon: Daemon, sandbox_id: str, options: api.NamespaceOption) -> None:
    """Raises CriError when the sandbox's user namespace cannot be made as asked."""
    if not (daemon.profile.sandboxes.user_namespaces and options.HasField("userns_options")):
        return
    asked = options.userns_options
    if asked.mode not in (api.POD, api.NODE):
        raise daemon.refuse(say.USER_NAMESPACE_MODE, id=sandbox_id, mode=mode_name(asked.mode))
    if asked.mode == api.POD:
        _check_root(daemon, sandbox_id, [*asked.uids[:1], *asked.gids[:1]])
    if daemon.profile.sandboxes.id_mapping_check == "root":
        if asked.mode == api.POD:
            _check_by_kernel(daemon, sandbox_id, asked)
        return
    for kind, mappings in (("UID", asked.uids), ("GID", asked.gids)):
        _check_mappings(daemon, sandbox_id, kind, mappings)
    if asked.mode == api.NODE and (asked.uids or asked.gids):
        reason = (
            f'can\'t use user namespace mode "NODE" with mappings. Got {len(asked.uids)} UID mappings and '
            f"{len(asked.gids)} GID mappings"
        )
        raise _refused(daemon, sandbox_id, reason)
    if asked.mode == api.POD and not (asked.uids and asked.gids):
        raise _refused(daemon, sandbox_id, 'can\'t use user namespace mode "POD" without UID and GID mappings')


def mode_name(mode: int) -> str:
    """The name of a NamespaceMode; its number when it has none."""
    return api.NamespaceMode.Name(mode) if mode in api.NamespaceMode.values() else str(mode)  # type: ignore[arg-type]  # any int32 can come


def _check_mappings(daemon: Daemon, sandbox_id: str, kind: str, mappings: Sequence[api.IDMapping]) -> None:
    if len(mappings) > 1:
        count = len(mappings)
        reason = f"{kind} mapping: only one mapping line supported, got {count} mapping lines"
        raise _refused(daemon, sandbox_id, reason)
    if mappings and mappings[0].length < 1:
        raise _refused(daemon, sandbox_id, f"{kind} mapping: invalid mapping length: {mappings[0].length}")


def _check_by_kernel(daemon: Daemon, sandbox_id: str, asked: api.UserNamespace) -> None:
    """Any lines go to the program that pins the namespaces; it writes them, those of groups first."""
    for kind, mappings in (("gid", asked.gids), ("uid", asked.uids)):
        extents = [(mapping.container_id, mapping.host_id, mapping.length) for mapping in mappings]
        if extents and not is_id_map(extents):
            lines = "".join(f"{inside}-{outside}-{count}@" for inside, outside, count in extents)
            raise daemon.refuse(say.USER_NAMESPACE_MAP, id=sandbox_id, kind=kind, lines=lines)


def _check_root(daemon: Daemon, sandbox_id: str, mappings: Sequence[api.IDMapping]) -> None:
    """Root of the container needs an id on the node, to which its files are given."""
    if any(mapping.container_id > 0 for mapping in mappings):
        raise daemon.refuse(say.USER_NAMESPACE_ROOT, id=sandbox_id)


def _refused(daemon: Daemon, sandbox_id: str, reason: str) -> CriError:
    return daemon.refuse(say.USER_NAMESPACE, id=sandbox_id, reason=reason)
