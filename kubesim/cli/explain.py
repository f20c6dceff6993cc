"""`kubesim explain`: each subject has a module of its own."""

from __future__ import annotations

import argparse

from kubesim.cli import explain_identity, explain_image_volume
from kubesim.cli.not_available import add_command

NOT_AVAILABLE = ("shutdown", "cgroup-driver", "admission")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `explain`."""
    subjects = parser.add_subparsers(dest="subject", metavar="SUBJECT", required=True)
    text = "which uid, gid and groups a container gets, and why"
    explain_identity.add_arguments(subjects.add_parser("identity", help=text, description=f"Says {text}."))
    text = "what is mounted as an image volume, or why nothing is"
    explain_image_volume.add_arguments(subjects.add_parser("image-volume", help=text, description=f"Says {text}."))
    for name in NOT_AVAILABLE:
        add_command(subjects, name, hint="kubesim explain identity and image-volume are")


def run(options: argparse.Namespace) -> int:
    """Answer the question about the subject."""
    return explain_identity.run(options) if options.subject == "identity" else explain_image_volume.run(options)
