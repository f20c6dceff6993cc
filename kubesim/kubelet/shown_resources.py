"""What the status of a container says of its resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from msgspec import Struct

from kubesim.model import k8s_v1 as v1


class ShownResources(Struct, frozen=True):
    """status.containerStatuses[].resources and allocatedResources."""

    resources: v1.ResourceRequirements | None
    allocated: Mapping[str, v1.Quantity]

    @classmethod
    def of(cls, status: v1.ContainerStatus) -> Self:
        """What a status of the API shows."""
        return cls(status.resources, status.allocated_resources)
