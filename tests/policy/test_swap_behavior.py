"""Which containers may be swapped out."""

from typing import Any

import pytest

from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.qos import QosClass
from kubesim.policy.swap_behavior import may_swap

GATES = resolve_gates("1.36")


@pytest.mark.parametrize(
    ("options", "swaps"),
    [
        ({}, True),
        ({"behavior": "NoSwap"}, False),
        ({"behavior": ""}, False),
        ({"gates": {**GATES, "NodeSwap": False}}, False),
        ({"is_critical": True}, False),
        ({"qos": QosClass.GUARANTEED}, False),
        ({"memory_request_bytes": 0, "memory_limit_bytes": 0}, False),
        ({"memory_request_bytes": 2}, False),
    ],
)
def test_only_burstable_containers_with_room_to_grow(options: dict[str, Any], swaps: bool) -> None:
    fields = {
        "behavior": "LimitedSwap",
        "is_critical": False,
        "qos": QosClass.BURSTABLE,
        "memory_request_bytes": 1,
        "memory_limit_bytes": 2,
        "gates": GATES,
    }
    assert may_swap(**(fields | options)) is swaps
