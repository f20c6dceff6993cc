"""What reservedSystemCPUs does to the reservations."""

import pytest
from msgspec.structs import replace

from kubesim.model.kubelet_configuration import KubeletConfiguration
from kubesim.policy.reserved_cpus import reserved_cpus_problem, with_reserved_cpus

RESERVING = KubeletConfiguration(
    system_reserved={"cpu": "300m", "memory": "100Mi"}, kube_reserved={"cpu": "200m", "pid": "5"}
)


@pytest.mark.parametrize(("cpus", "count"), [("1", "1"), ("0-2,5", "4"), ("0-1,1-3", "4"), ("7,0", "2")])
def test_so_many_processors_are_all_that_is_reserved_of_them(cpus: str, count: str) -> None:
    config = with_reserved_cpus(replace(RESERVING, reserved_system_cpus=cpus))
    assert config.system_reserved == {"cpu": count, "memory": "100Mi"}
    assert config.kube_reserved == {"pid": "5"}


def test_without_it_the_reservations_stay() -> None:
    assert with_reserved_cpus(RESERVING) is RESERVING


@pytest.mark.parametrize(
    ("cpus", "processors", "problem"),
    [
        ("", 1, ""),
        ("0-3", 4, ""),
        ("3-4", 4, "reserved-cpus: 3-4 is not a subset of online-cpus: 0-3"),
        ("1", 1, "reserved-cpus: 1 is not a subset of online-cpus: 0"),
    ],
)
def test_processors_that_the_machine_has_not(cpus: str, processors: int, problem: str) -> None:
    assert reserved_cpus_problem(KubeletConfiguration(reserved_system_cpus=cpus), processors=processors) == problem
