"""`kubesim explain identity`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubesim.cli.not_available import add_command

if TYPE_CHECKING:
    from kubesim.node.identity_explained import ExplainedIdentity
    from kubesim.policy.identity import TraceStep

NOT_AVAILABLE = ("shutdown", "image-volume", "cgroup-driver", "admission")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `explain`."""
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    identity = subjects.add_parser("identity", help="which uid, gid and groups a container gets, and why")
    identity.add_argument("manifest", nargs="?", type=Path, metavar="POD.yaml", help="a manifest with pods")
    identity.add_argument("--image", metavar="REFERENCE", help="instead of a manifest: a pod with this image and")
    identity.add_argument("--run-as-user", type=int, metavar="UID", help="... its securityContext.runAsUser")
    identity.add_argument("--run-as-group", type=int, metavar="GID", help="... its securityContext.runAsGroup")
    identity.add_argument(
        "--supplemental-groups", nargs="+", type=int, metavar="GID", help="... its securityContext.supplementalGroups"
    )
    identity.add_argument(
        "--policy", choices=["Merge", "Strict"], help="... its securityContext.supplementalGroupsPolicy"
    )
    identity.add_argument("--container", metavar="NAME", help="only this container")
    identity.add_argument(
        "--profile", default="containerd-2.3", help="a runtime profile, or the path of one (%(default)s)"
    )
    identity.add_argument("--kubelet-version", default="1.36", metavar="VERSION", help="1.28 to 1.36 (%(default)s)")
    identity.add_argument("--images", nargs="+", default=[], metavar="PATH", help="image fixtures: files or folders")
    identity.add_argument("-o", "--output", choices=["table", "json"], default="table")
    for name in NOT_AVAILABLE:
        add_command(subjects, name, hint="kubesim explain identity is")


def run(options: argparse.Namespace) -> int:
    """Print the identity of every container of the pods, with one row per decision."""
    import json

    from kubesim.cli.located import check_kubelet_version, check_profile
    from kubesim.errors import InputError
    from kubesim.node.account_files import check_account_files
    from kubesim.node.identity_explained import explain_identities
    from kubesim.node.sources import image_paths, pods_of

    check_profile(options.profile)
    check_kubelet_version(options.kubelet_version)
    images = image_paths(options.images)
    check_account_files(images)
    pods = pods_of(_source(options), kubelet_version=options.kubelet_version)
    found = [
        one
        for pod in pods
        for one in explain_identities(pod, profile=options.profile, images=images)
        if options.container in {None, one.container}
    ]
    if not found:
        names = ", ".join(sorted({one.name for pod in pods for one in pod.spec.containers}))
        where = options.image or str(options.manifest)
        raise InputError(f'no container "{options.container}"', where=where, hint=f"containers: {names}")
    if options.output == "json":
        print(json.dumps([_as_dict(one) for one in found], indent=2))
    else:
        print("\n\n".join(_text(one) for one in found))
    return 0


def _source(options: argparse.Namespace) -> Path | dict[str, Any]:
    """The manifest, or a pod made from `--image` and the options beside it."""
    from kubesim.errors import InputError

    given = {
        "runAsUser": options.run_as_user,
        "runAsGroup": options.run_as_group,
        "supplementalGroups": options.supplemental_groups,
        "supplementalGroupsPolicy": options.policy,
    }
    context = {name: value for name, value in given.items() if value is not None}
    if options.manifest is not None:
        if options.image is not None or context:
            raise InputError(
                "a manifest says image and security context itself", hint="give either POD.yaml or --image, not both"
            )
        manifest: Path = options.manifest
        return manifest
    if options.image is None:
        raise InputError("nothing to explain", hint="give POD.yaml or --image REFERENCE")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "explained"},
        "spec": {"securityContext": context, "containers": [{"name": "container", "image": options.image}]},
    }


def _as_dict(one: ExplainedIdentity) -> dict[str, Any]:
    identity = one.identity
    return {
        "pod": one.pod,
        "container": one.container,
        "image": one.image,
        "profile": one.profile,
        "policy": one.policy,
        "error": one.error or None,
        "uid": None if identity is None else identity.uid,
        "gid": None if identity is None else identity.gid,
        "supplementalGroups": None if identity is None else list(identity.supplemental_groups),
        "notInManifest": list(one.hidden_groups),
        "strictWouldRemove": list(one.removed_by_strict),
        "trace": []
        if identity is None
        else [
            {
                "rule": step.rule,
                "outcome": step.outcome,
                "uid": step.uid,
                "gid": step.gid,
                "file": step.file or None,
                "line": step.line,
                "text": step.text,
            }
            for step in identity.trace
        ],
    }


def _text(one: ExplainedIdentity) -> str:
    from kubesim.cli.tables import table

    head = f"{one.pod} container {one.container}, image {one.image}, {one.profile}, policy {one.policy}"
    if one.identity is None:
        return f"{head}\nrefused: {one.error}"
    identity = one.identity
    groups = ",".join(map(str, identity.supplemental_groups))
    rows = [(step.outcome, _id(step), _place(step), step.text) for step in identity.trace]
    hidden = ", ".join(map(str, one.hidden_groups)) or "none"
    removed = ", ".join(map(str, one.removed_by_strict)) or "none"
    return "\n".join(
        [
            head,
            f"uid={identity.uid} gid={identity.gid} groups={groups}",
            "",
            table(("OUTCOME", "ID", "FROM", "WHY"), rows),
            "",
            f"not in the manifest: {hidden}",
            f"Strict would remove: {removed}",
        ]
    )


def _id(step: TraceStep) -> str:
    number = step.gid if step.gid is not None else step.uid
    return "-" if number is None else str(number)


def _place(step: TraceStep) -> str:
    return f"{step.file}:{step.line}" if step.file and step.line else step.file or "-"
