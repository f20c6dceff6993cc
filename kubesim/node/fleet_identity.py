"""What another runtime version would make of the identities of a fleet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from kubesim.errors import InputError
from kubesim.images.catalogue import Catalogue
from kubesim.images.image import Image
from kubesim.model import k8s_v1 as v1
from kubesim.model.frozen_records import replace
from kubesim.model.manifest import Manifest
from kubesim.model.paths import Path
from kubesim.node.explained_container import ExplainedNode
from kubesim.node.fleet import Fleet
from kubesim.node.identity_compared import ComparedIdentity, compare_container
from kubesim.node.identity_explained import containers_of
from kubesim.node.pod_templates import pod_of
from kubesim.policy.image_reference import InvalidReference, parse_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRow:
    """One container of the fleet, or one image that no pod of it runs."""

    pod: str
    """`namespace/name`; empty for an image alone."""
    container: str
    image: str
    where: str
    """`file:line:column` of the pod's manifest; empty for an image alone."""
    compared: ComparedIdentity | None = None
    problem: str = ""
    """Why nothing could be compared: the image is not at hand, or nothing that runs there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSummary:
    """How many; `compared` is `equal` and `different`, and does not count `failing`."""

    compared: int
    equal: int
    reordered: int
    """Of the equal ones: those whose groups have another order."""
    different: int
    refused_before: int
    refused_after: int
    failing: int
    """Containers that could not be compared."""


def compare_fleet(
    fleet: Fleet, before: ExplainedNode, after: ExplainedNode, catalogue: Catalogue
) -> Iterator[FleetRow]:
    """A row for each container of each pod, then one for each image of the fleet that no pod runs.

    Such an image is compared as a pod without any security context would run it. `catalogue` has the fleet's images.
    """
    used: set[int] = set()
    for manifest in fleet.pods:
        for path, container in containers_of(pod_of(manifest)):
            row = _row(manifest, path, before, after, catalogue)
            image = _image(container.image, catalogue) if row.compared is not None else None
            if image is not None:
                used.add(id(image))
            yield row
    for image in fleet.images:
        if image.artifact is None and id(image) not in used:
            yield _alone(image, before, after, catalogue)


def summary_of(rows: list[FleetRow]) -> FleetSummary:
    """The counts of rows."""
    compared = [row.compared for row in rows if row.compared is not None]
    changes = Counter(one.change for one in compared)
    equal = changes["same"] + changes["order"]
    return FleetSummary(
        compared=len(compared),
        equal=equal,
        reordered=changes["order"],
        different=len(compared) - equal,
        refused_before=sum(one.before.refusal is not None for one in compared),
        refused_after=sum(one.after.refusal is not None for one in compared),
        failing=len(rows) - len(compared),
    )


def _image(name: str, catalogue: Catalogue) -> Image | None:
    """The image of a container that could be compared; None for a name that is none."""
    try:
        return catalogue.find(parse_reference(name).normalised)
    except InvalidReference:
        return None


def _row(manifest: Manifest, path: Path, before: ExplainedNode, after: ExplainedNode, catalogue: Catalogue) -> FleetRow:
    pod = pod_of(manifest)
    container = dict(containers_of(pod))[path]
    row = FleetRow(
        pod=f"{pod.metadata.namespace}/{pod.metadata.name}",
        container=container.name,
        image=container.image,
        where=manifest.where,
    )
    try:
        compared = compare_container(manifest, path, before, after, catalogue, explains_order=False)
        return replace(row, compared=compared)
    except InputError as error:
        return replace(row, problem=str(error))


def _alone(image: Image, before: ExplainedNode, after: ExplainedNode, catalogue: Catalogue) -> FleetRow:
    name = image.references[0] if image.references else image.id
    pod = v1.Pod(
        metadata=v1.ObjectMeta(name="alone", namespace="default"),
        spec=v1.PodSpec(containers=[v1.Container(name="alone", image=name)]),
    )
    row = FleetRow(pod="", container="", image=name, where="")
    try:
        return replace(row, compared=compare_container(pod, ("spec", "containers", 0), before, after, catalogue))
    except InputError as error:
        return replace(row, problem=str(error))
