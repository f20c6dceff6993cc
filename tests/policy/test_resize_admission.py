"""Resizes that are never done, whatever room there is."""

from typing import Any

import pytest

from kubesim.model.frozen_records import replace
from kubesim.policy.feature_gates import resolve_gates
from kubesim.policy.qos import QosClass
from kubesim.policy.resize_admission import ResizedContainer, ResizeNode, infeasible_resize
from kubesim.policy.resize_plan import ResourceAmounts

GATES = resolve_gates("1.36")
NODE = ResizeNode()
CPU = ResizedContainer(allocated=ResourceAmounts(cpu_request_milli=100), desired=ResourceAmounts(cpu_request_milli=200))
MEMORY = ResizedContainer(
    allocated=ResourceAmounts(memory_request_bytes=1), desired=ResourceAmounts(memory_request_bytes=2)
)
STATIC = 'Resize is infeasible for Guaranteed Pods alongside CPU Manager policy "static"'
STATIC_MEMORY = 'Resize is infeasible for Guaranteed Pods alongside Memory Manager policy "Static"'


@pytest.mark.parametrize(
    ("containers", "options", "message", "metric"),
    [
        ([CPU, MEMORY], {}, "", ""),
        ([CPU], {"node": ResizeNode(os="windows")}, "In-place pod resize is not supported on Windows", "windows"),
        (
            [CPU],
            {"gates": resolve_gates("1.32")},
            "InPlacePodVerticalScaling is disabled",
            "feature_gate_off",
        ),
        (
            [replace(MEMORY, swaps=True)],
            {},
            "In-place resize of containers with swap is not supported.",
            "swap_limitation",
        ),
        ([replace(MEMORY, swaps=True, memory_policy="RestartContainer")], {}, "", ""),
        ([replace(CPU, swaps=True)], {}, "", ""),
        ([CPU], {"changes_pod_level": True}, "", ""),
        (
            [CPU],
            {"changes_pod_level": True, "gates": {**GATES, "InPlacePodLevelResourcesVerticalScaling": False}},
            "InPlacePodLevelResourcesVerticalScaling is disabled",
            "plr_feature_gate_off",
        ),
        (
            [CPU],
            {"qos": QosClass.GUARANTEED, "node": ResizeNode(cpu_manager_policy="static")},
            STATIC,
            "guaranteed_pod_cpu_manager_static_policy",
        ),
        ([MEMORY], {"qos": QosClass.GUARANTEED, "node": ResizeNode(cpu_manager_policy="static")}, "", ""),
        ([CPU], {"qos": QosClass.BURSTABLE, "node": ResizeNode(cpu_manager_policy="static")}, "", ""),
        (
            [CPU],
            {
                "qos": QosClass.GUARANTEED,
                "node": ResizeNode(cpu_manager_policy="static"),
                "gates": {**GATES, "InPlacePodVerticalScalingExclusiveCPUs": True},
            },
            "",
            "",
        ),
        (
            [MEMORY],
            {"qos": QosClass.GUARANTEED, "node": ResizeNode(memory_manager_policy="Static")},
            STATIC_MEMORY,
            "guaranteed_pod_memory_manager_static_policy",
        ),
        ([CPU], {"qos": QosClass.GUARANTEED, "node": ResizeNode(memory_manager_policy="Static")}, "", ""),
    ],
)
def test_what_can_never_be_done(
    containers: list[ResizedContainer], options: dict[str, Any], message: str, metric: str
) -> None:
    found = infeasible_resize(
        containers,
        **{"qos": QosClass.BURSTABLE, "changes_pod_level": False, "node": NODE, "gates": GATES} | options,
    )
    assert (found.message, found.metric_reason) == (message, metric) if message else found is None


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [
        (4000, 100, ""),
        (4001, 100, "Node didn't have enough capacity: cpu, requested: 4001, capacity: 4000"),
        (4001, 101, "Node didn't have enough capacity: memory, requested: 101, capacity: 100"),
    ],
)
def test_older_kubelets_compare_with_the_node(cpu: int, memory: int, message: str) -> None:
    found = infeasible_resize(
        [CPU],
        qos=QosClass.BURSTABLE,
        changes_pod_level=False,
        pod=ResourceAmounts(cpu_request_milli=cpu, memory_request_bytes=memory),
        node=ResizeNode(capacity=ResourceAmounts(cpu_request_milli=4000, memory_request_bytes=100)),
        gates=GATES,
    )
    assert (found.message if found is not None else "") == message
