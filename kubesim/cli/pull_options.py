"""`--pull` and `--registries`: images that no fixture holds come from real registries."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubesim.cli.progress import OnProgress
    from kubesim.images.catalogue import Catalogue
    from kubesim.images.image import Image
    from kubesim.images.registry.settings import RegistrySettings
    from kubesim.model.manifest import Manifest
    from kubesim.node.explained_container import ExplainedNode
    from kubesim.policy.image_reference import Reference
    from kubesim.policy.runtime_profile import RuntimeProfile


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


@contextlib.contextmanager
def pulled_images(
    options: argparse.Namespace, names: Sequence[str], *, catalogue: Catalogue, profile: RuntimeProfile, os_name: str
) -> Iterator[list[Image]]:
    """The images of those names that the catalogue does not hold, for as long as the block runs; none without `--pull`.

    Raises RegistryError, and InputError for the options.
    """
    settings = registry_settings(options)
    if settings is None:
        yield []
        return
    import tempfile

    from kubesim.cli.progress import progress_bar
    from kubesim.images.blobs.directory import BlobDirectory
    from kubesim.images.registry.pull import PullOptions, pull_image
    from kubesim.node.pulled_images import pull_missing
    from kubesim.policy.image_platform import Platform

    with tempfile.TemporaryDirectory(prefix="kubesim-images-") as folder:
        into = BlobDirectory(Path(folder))

        def pull(reference: Reference) -> Image:
            with progress_bar(reference.normalised) as on_progress:
                how = PullOptions(
                    platform=Platform(os=os_name, architecture="amd64"),
                    settings=settings,
                    progress=BlobsProgress(on_progress),
                )
                return pull_image(reference, into=into, options=how)

        yield pull_missing(names, catalogue=catalogue, switches=profile.images, pull=pull)


@contextlib.contextmanager
def pulled_for(
    options: argparse.Namespace, manifests: Sequence[Manifest], node: ExplainedNode, catalogue: Catalogue
) -> Iterator[None]:
    """Have the images of those pods in the catalogue while the block runs, as far as `--pull` gets them."""
    from kubesim.node.pod_templates import pod_of
    from kubesim.node.pulled_images import image_names

    names = image_names(pod_of(manifest) for manifest in manifests)
    os_name = options.os or "linux"
    with pulled_images(options, names, catalogue=catalogue, profile=node.profile, os_name=os_name) as pulled:
        for image in pulled:
            catalogue.add(image)
        yield


class BlobsProgress:
    """One bar for all blobs of an image."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._blobs: dict[str, tuple[int, int]] = {}

    def __call__(self, digest: str, done_bytes: int, total_bytes: int) -> None:
        """So much of a blob is there."""
        self._blobs[digest] = (done_bytes, total_bytes)
        self._on_progress(
            sum(done for done, _ in self._blobs.values()), sum(total for _, total in self._blobs.values())
        )
