"""`kubesim explain image-volume`."""

from __future__ import annotations

import argparse
from pathlib import Path

from kubesim.cli.explain_options import add_node_options, explained_node
from kubesim.cli.image_volume_json import VOLUME_KEYS
from kubesim.cli.pull_options import add_pull_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `explain image-volume`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = VOLUME_KEYS
    parser.add_argument("manifests", nargs="+", type=Path, metavar="POD.yaml", help="manifests with pods")
    parser.add_argument("--container", metavar="NAME", help="only this container")
    parser.add_argument("--compare", metavar="PROFILE", help="what differs under this profile, and why")
    add_node_options(parser)
    add_pull_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print what every image volume of the pods is, with a row for each decision."""
    import json
    from dataclasses import replace

    from kubesim.cli import image_volume_json, image_volume_text
    from kubesim.cli.image_options import store_of
    from kubesim.cli.located import profile_of
    from kubesim.cli.pull_options import pulled_for
    from kubesim.errors import InputError
    from kubesim.images.fixtures import load_catalogue
    from kubesim.node.identity_explained import containers_of
    from kubesim.node.image_volume_compared import compare_image_volume
    from kubesim.node.image_volume_explained import explain_image_volume, image_mounts_of
    from kubesim.node.pod_templates import pod_of
    from kubesim.node.sources import image_paths, pod_manifests

    node = explained_node(options)
    other = None if options.compare is None else replace(node, profile=profile_of("--compare", options.compare))
    catalogue = load_catalogue(image_paths(options.images), more=store_of(options))
    version = options.kubelet_version
    manifests = [one for source in options.manifests for one in pod_manifests(source, kubelet_version=version)]
    chosen = [
        (manifest, path, index)
        for manifest in manifests
        for path, index in image_mounts_of(pod_of(manifest))
        if options.container in {None, dict(containers_of(pod_of(manifest)))[path].name}
    ]
    if not chosen:
        where = ", ".join(map(str, options.manifests))
        of_whom = f" of container {options.container!r}" if options.container else ""
        raise InputError(f"no mount{of_whom} is of an image volume", where=where, hint="see spec.volumes[].image")
    with pulled_for(options, [manifest for manifest, *_ in chosen], node, catalogue):
        if other is None:
            found = [explain_image_volume(*one, node, catalogue) for one in chosen]
            rows = [image_volume_json.volume_json(one) for one in found]
            texts = [image_volume_text.volume_text(one) for one in found]
        else:
            compared = [compare_image_volume(*one, node, other, catalogue) for one in chosen]
            rows = [image_volume_json.compared_volume_json(one) for one in compared]
            texts = [image_volume_text.compared_volume_text(one) for one in compared]
    print(json.dumps(rows, indent=2) if options.output == "json" else "\n\n".join(texts))
    return 0
