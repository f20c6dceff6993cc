"""Options that say for which node something is explained."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kubesim.cli.image_options import add_image_options

if TYPE_CHECKING:
    from kubesim.node.explained_container import ExplainedNode

DEFAULT_PROFILE = "containerd-2.3"


def add_node_options(parser: argparse.ArgumentParser, *, has_profile: bool = True) -> None:
    """`--profile` (unless the command has profiles of its own), and what else makes a node."""
    if has_profile:
        parser.add_argument(
            "--profile", default=DEFAULT_PROFILE, help="a runtime profile, or the path of one (%(default)s)"
        )
    parser.add_argument("--kubelet-version", default="1.36", metavar="VERSION", help="1.28 to 1.36 (%(default)s)")
    parser.add_argument("--node-config", metavar="FILE", help="a KubeletConfiguration: its feature gates count")
    parser.add_argument(
        "--os", choices=["linux", "windows"], help="the node's (what spec.os.name of the pod says, else linux)"
    )
    add_image_options(parser)
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")


def explained_node(
    options: argparse.Namespace, *, profile: str | None = None, option: str = "--profile"
) -> ExplainedNode:
    """The node of the options; `profile` stands in for `--profile`. Raises InputError."""
    from kubesim.cli.located import check_kubelet_version, profile_of
    from kubesim.node.explained_container import ExplainedNode
    from kubesim.node.sources import configuration_of
    from kubesim.policy.feature_gates import resolve_gates

    loaded = profile_of(option, options.profile if profile is None else profile)
    check_kubelet_version(options.kubelet_version)
    version = options.kubelet_version
    config = configuration_of(options.node_config, kubelet_version=version, os=options.os or "linux")
    return ExplainedNode(
        profile=loaded,
        kubelet_version=version,
        gates=resolve_gates(version, config.feature_gates),
        os=options.os,
    )
