"""`--pull` and `--registries`: images that no fixture holds come from real registries."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubesim.images.registry.settings import RegistrySettings


def add_pull_options(parser: argparse.ArgumentParser) -> None:
    """The two options."""
    parser.add_argument(
        "--pull",
        action="store_true",
        help="fetch images that no fixture holds from their registries, with the logins of Docker's config.json",
    )
    parser.add_argument(
        "--registries", type=Path, metavar="FILE", help="mirrors, insecure registries and certificates, as YAML"
    )


def registry_settings(options: argparse.Namespace) -> RegistrySettings | None:
    """The settings of the options; None without `--pull`. Raises InputError.

    config.json is where Docker has it: in the directory that DOCKER_CONFIG names, or in ~/.docker.
    """
    from kubesim.errors import InputError

    if not options.pull:
        if options.registries is not None:
            raise InputError("says how images are pulled, but none are", where="--registries", hint="add --pull")
        return None
    from kubesim.images.registry.settings import RegistrySettings, load_docker_config, load_registry_settings

    directory = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    return RegistrySettings(
        hosts={} if options.registries is None else load_registry_settings(options.registries),
        config=load_docker_config(Path(directory, "config.json")),
    )
