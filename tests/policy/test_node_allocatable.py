"""What pods may use of a node, and reservations that are more than there is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.model.quantity import whole_units
from kubesim.policy.node_allocatable import allocatable, node_allocatable_problem

MACHINE = {"cpu": "2", "memory": "25276510208", "ephemeral-storage": "270553174016", "hugepages-2Mi": "0"}


def test_reservations_thresholds_and_huge_pages_are_taken_off() -> None:
    capacity = {"cpu": "4", "memory": "16Gi", "ephemeral-storage": "100Gi", "hugepages-2Mi": "1Gi", "pods": "110"}
    reserved = ({"cpu": "100m", "memory": "1Gi", "pid": "1000"}, {"cpu": "400m", "ephemeral-storage": "10Gi"})

    thresholds = {"memory.available": "512Mi", "pid.available": "10%"}

    assert allocatable(capacity, reserved=reserved, eviction_hard=thresholds) == {
        "cpu": "3500m",
        "memory": "13824Mi",
        "ephemeral-storage": "90Gi",
        "hugepages-2Mi": "1Gi",
        "pods": "110",
    }


def test_nothing_is_allocatable_below_zero() -> None:
    assert allocatable({"memory": "1Gi"}, reserved=({"memory": "2Gi"},)) == {"memory": "0"}


@given(st.integers(1, 2**45), st.integers(0, 99))
def test_a_percentage_is_kept_in_32_bits(storage: int, percent: int) -> None:
    left = allocatable({"ephemeral-storage": str(storage)}, eviction_hard={"nodefs.available": f"{percent}%"})
    exact = storage - storage * percent / 100

    assert abs(whole_units(left["ephemeral-storage"]) - exact) <= storage * 1e-7 + 1


def test_a_threshold_of_all_is_none() -> None:
    assert allocatable({"memory": "1Gi"}, eviction_hard={"memory.available": "100%"}) == {"memory": "1Gi"}


@pytest.mark.parametrize(
    ("reserved", "evictions", "lacks"),
    [
        ([{"cpu": "2"}, {"memory": "1Gi"}], {"memory.available": "50Mi", "nodefs.available": "1%"}, []),
        (
            [{"memory": "500Mi"}, {"memory": "1000Gi", "cpu": "100"}],
            {"memory.available": "50Mi", "imagefs.available": "100Ti"},
            [
                ("cpu", "{{100 0} {<nil>}  DecimalSI}", "{{2000 -3} {<nil>}  DecimalSI}"),
                ("memory", "{{1074318540800 0} {<nil>}  BinarySI}", "{{25276510208 0} {<nil>}  BinarySI}"),
            ],
        ),
        (
            [{"cpu": "1"}, {"cpu": "1100m"}],
            {},
            [("cpu", "{{2100 -3} {<nil>}  DecimalSI}", "{{2000 -3} {<nil>}  DecimalSI}")],
        ),
        (
            [],
            {"nodefs.available": "1000Gi"},
            [("ephemeral-storage", "{{1073741824000 0} {<nil>}  BinarySI}", "{{270553174016 0} {<nil>}  BinarySI}")],
        ),
    ],
)
def test_more_than_there_is(
    reserved: list[dict[str, str]], evictions: dict[str, str], lacks: list[tuple[str, str, str]]
) -> None:
    texts = [
        f'Resource "{name}" has a reservation of {reservation} but capacity of {capacity}.'
        " Expected capacity >= reservation."
        for name, reservation, capacity in lacks
    ]
    said = " ".join(["invalid Node Allocatable configuration.", *texts]) if texts else ""

    assert node_allocatable_problem(MACHINE, reserved=reserved, eviction_hard=evictions) == said


def test_what_the_machine_does_not_have_is_not_reserved() -> None:
    assert not node_allocatable_problem(
        {"cpu": "1"}, reserved=[{"pid": "1000"}], eviction_hard={"nodefs.available": "1"}
    )
