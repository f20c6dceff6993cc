"""What a test, a scenario or `kubesim ctl` may do to a runtime from outside the CRI."""

from __future__ import annotations

from dataclasses import fields

from kubesim.errors import InputError
from kubesim.images.image import Image
from kubesim.model.frozen_records import replace
from kubesim.model.mistakes import nearest
from kubesim.policy.image_reference import InvalidReference, parse_reference
from kubesim.runtime.artifact_images import as_kept
from kubesim.runtime.daemon import Daemon, Features
from kubesim.userland.processes.process import ExitStatus


def exit_container(daemon: Daemon, container_id: str, exit_code: int, *, signal: int, is_oom_killed: bool) -> None:
    """End the first process of a running container. Raises InputError when nothing of that id runs."""
    container, _ = daemon.containers.find(container_id)
    if container is None:
        raise InputError(f"no container {container_id!r}", where="container_id", hint="the id, or a unique part of it")
    process = container.process
    if process is None or process.status is not None:
        # The process of a container that is shown as running may have ended a moment ago.
        state = "exiting" if container.life.is_running else container.life.reported_state
        raise InputError(
            f"container {container_id!r} is {state}", where="container_id", hint="only a running one can exit"
        )
    if is_oom_killed:
        process.die_of_memory()
        return
    # The process is killed; what is reported is what was asked for.
    code, signum = (128 + signal, signal) if signal else (exit_code, None)
    container.forced_end = ExitStatus(code=code, signal=signum)
    process.kill_tree()


def set_feature(daemon: Daemon, name: str, value: bool) -> None:
    """Change a feature."""
    known = [field.name for field in fields(Features)]
    if name not in known:
        raise InputError(f"unknown feature {name!r}{nearest(name, known)}", where="name", hint=", ".join(known))
    setattr(daemon.features, name, value)
    if name == "network_ready":
        if value:
            daemon.network_ready.set()
        else:
            daemon.network_ready.clear()


def tag_image(daemon: Daemon, reference: str, target: str) -> None:
    """Move a name in the registries."""
    image = daemon.catalogue.find(_normalised(target, "target"))
    if image is None:
        raise InputError(
            f"no image {target!r}{nearest(target, daemon.catalogue.references())}",
            where="target",
            hint="a name of the catalogue",
        )
    names = dict.fromkeys((*image.references, _normalised(reference, "reference")))
    daemon.catalogue.add(replace(image, references=tuple(names)))


def add_image(daemon: Daemon, image: Image, *, is_present: bool) -> None:
    """Put an image into the registries, and on the node."""
    daemon.catalogue.add(image)
    if is_present:
        daemon.images.add(as_kept(daemon, image), image.references)


def _normalised(reference: str, where: str) -> str:
    try:
        return parse_reference(reference).normalised
    except InvalidReference as error:
        raise InputError(f"{reference!r}: {error}", where=where, hint="such as registry.example/app:v1") from None
