"""Reservations that a kubelet cannot read, in its words."""

import pytest

from kubesim.policy.reserved_resources import reservation_problem

PATTERN = "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@pytest.mark.parametrize(
    ("reserved", "problem"),
    [
        ({}, ""),
        ({"cpu": "100m", "memory": "1Gi", "ephemeral-storage": "0", "pid": "1000"}, ""),
        ({"nvidia.com/gpu": "1"}, 'cannot reserve "nvidia.com/gpu" resource'),
        ({"cpu": "1", "memory": "-1Gi"}, 'resource quantity for "memory" cannot be negative: -1Gi'),
        (
            {"memory": "x"},
            'failed to parse quantity "x" for "memory" resource: quantities must match the regular expression '
            + PATTERN,
        ),
    ],
)
def test_what_is_said(reserved: dict[str, str], problem: str) -> None:
    said = reservation_problem(kube={}, system=reserved)
    assert said == (f"--system-reserved value failed to parse: {problem}" if problem else "")
    if problem:
        assert (
            reservation_problem(kube=reserved, system={"x": "1"}) == f"--kube-reserved value failed to parse: {problem}"
        )
