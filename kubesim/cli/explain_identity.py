"""`kubesim explain identity`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubesim.cli.explain_options import add_node_options, explained_node
from kubesim.cli.identity_json import COMPARED_KEYS, EXPLAINED_KEYS
from kubesim.cli.pull_options import add_pull_options

if TYPE_CHECKING:
    from kubesim.model.manifest import Manifest
    from kubesim.model.paths import Path as FieldPath
    from kubesim.node.sources import Source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `explain identity`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"{EXPLAINED_KEYS}\n{COMPARED_KEYS}"
    parser.add_argument("manifests", nargs="*", type=Path, metavar="POD.yaml", help="manifests with pods")
    parser.add_argument("--image", metavar="REFERENCE", help="instead of a manifest: a pod with this image and")
    parser.add_argument("--run-as-user", type=int, metavar="UID", help="... its securityContext.runAsUser")
    parser.add_argument("--run-as-group", type=int, metavar="GID", help="... its securityContext.runAsGroup")
    parser.add_argument(
        "--supplemental-groups", nargs="+", type=int, metavar="GID", help="... its securityContext.supplementalGroups"
    )
    parser.add_argument(
        "--policy", choices=["Merge", "Strict"], help="... its securityContext.supplementalGroupsPolicy"
    )
    parser.add_argument("--container", metavar="NAME", help="only this container")
    parser.add_argument("--compare", metavar="PROFILE", help="what differs under this profile, and why")
    add_node_options(parser)
    add_pull_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the identity of every container of the pods, with a row for each decision."""
    import json
    from dataclasses import replace

    from kubesim.cli import identity_json, identity_text
    from kubesim.cli.image_options import store_of
    from kubesim.cli.located import profile_of
    from kubesim.cli.pull_options import pulled_for
    from kubesim.images.fixtures import load_catalogue
    from kubesim.node.account_files import check_account_files
    from kubesim.node.identity_compared import compare_container
    from kubesim.node.identity_explained import explain_container
    from kubesim.node.sources import image_paths

    node = explained_node(options)
    other = None if options.compare is None else profile_of("--compare", options.compare)
    paths = image_paths(options.images)
    check_account_files(paths)
    catalogue = load_catalogue(paths, more=store_of(options))
    chosen = _chosen(options)
    with pulled_for(options, [manifest for manifest, _ in chosen], node, catalogue):
        if other is None:
            found = [explain_container(manifest, path, node, catalogue) for manifest, path in chosen]
            rows = [identity_json.explained_json(one) for one in found]
            texts = [identity_text.explained_text(one) for one in found]
        else:
            after = replace(node, profile=other)
            compared = [compare_container(manifest, path, node, after, catalogue) for manifest, path in chosen]
            rows = [identity_json.compared_json(one) for one in compared]
            texts = [identity_text.compared_text(one) for one in compared]
    print(json.dumps(rows, indent=2) if options.output == "json" else "\n\n".join(texts))
    return 0


def _chosen(options: argparse.Namespace) -> list[tuple[Manifest, FieldPath]]:
    """The containers that are asked for."""
    from kubesim.errors import InputError
    from kubesim.node.identity_explained import containers_of
    from kubesim.node.pod_templates import pod_of
    from kubesim.node.sources import pod_manifests

    sources = _sources(options)
    manifests = [one for source in sources for one in pod_manifests(source, kubelet_version=options.kubelet_version)]
    found = [(manifest, path, one.name) for manifest in manifests for path, one in containers_of(pod_of(manifest))]
    chosen = [(manifest, path) for manifest, path, name in found if options.container in {None, name}]
    if not chosen:
        names = ", ".join(sorted({name for _, _, name in found}))
        where = options.image or ", ".join(map(str, options.manifests))
        raise InputError(f'no container "{options.container}"', where=where, hint=f"containers: {names}")
    return chosen


def _sources(options: argparse.Namespace) -> list[Source]:
    """The manifests, or a pod made from `--image` and the options beside it."""
    from kubesim.errors import InputError

    given = {
        "runAsUser": options.run_as_user,
        "runAsGroup": options.run_as_group,
        "supplementalGroups": options.supplemental_groups,
        "supplementalGroupsPolicy": options.policy,
    }
    context = {name: value for name, value in given.items() if value is not None}
    if options.manifests:
        if options.image is not None or context:
            raise InputError(
                "a manifest says image and security context itself", hint="give either POD.yaml or --image, not both"
            )
        return list(options.manifests)
    if options.image is None:
        raise InputError("nothing to explain", hint="give POD.yaml or --image REFERENCE")
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "explained"},
        "spec": {"securityContext": context, "containers": [{"name": "container", "image": options.image}]},
    }
    return [pod]
