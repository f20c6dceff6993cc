"""Which cgroup driver the kubelet uses."""

import itertools

import pytest

from kubesim.policy.cgroup_driver import (
    Ask,
    CgroupDriverDecision,
    DriverAnswer,
    ErrorAnswer,
    NoLinuxAnswer,
    StartFailed,
    next_step,
)
from kubesim.policy.feature_gates import resolve_gates

SYSTEMD, CGROUPFS, UNKNOWN = DriverAnswer(number=0), DriverAnswer(number=1), DriverAnswer(number=7)
NO_LINUX = NoLinuxAnswer()
UNAVAILABLE = ErrorAnswer(message="rpc error: code = Unavailable desc = not yet")
UNIMPLEMENTED = ErrorAnswer(message="rpc error: code = Unimplemented desc = x", is_unimplemented=True)


def start(*answers, configured="cgroupfs", **options):
    """Run a kubelet's start; the answers it took, the seconds it waited, and how it ended."""
    remaining, taken, waited = list(answers), [], 0
    while isinstance(step := next_step(configured=configured, answers=taken, **options), Ask):
        waited += step.delay_seconds
        taken.append(remaining.pop(0))
    if isinstance(step, StartFailed):
        waited += step.delay_seconds
    return len(taken), waited, step


@pytest.mark.parametrize(
    ("answers", "calls", "waited", "driver"),
    [
        ([SYSTEMD] * 3, 3, 0, "systemd"),
        ([CGROUPFS] * 3, 3, 0, "cgroupfs"),
        ([CGROUPFS, CGROUPFS, SYSTEMD], 3, 0, "systemd"),
        ([UNAVAILABLE, UNAVAILABLE, SYSTEMD], 3, 4, "systemd"),
        ([UNKNOWN, UNAVAILABLE, SYSTEMD], 3, 2, "systemd"),
    ],
)
def test_the_last_of_three_answers_counts(answers, calls, waited, driver):
    taken, seconds, decision = start(*answers)

    assert (taken, seconds) == (calls, waited)
    assert (decision.driver, decision.is_from_runtime, decision.is_fallback) == (driver, True, False)
    assert decision.losing_support_version == ""
    (line,) = decision.log
    assert line.message == "Using cgroup driver setting received from the CRI runtime"
    assert line.values == (("cgroupDriver", driver),)


@pytest.mark.parametrize(
    ("answers", "calls", "waited"),
    [
        ([UNIMPLEMENTED], 1, 0),
        ([UNAVAILABLE, UNIMPLEMENTED], 2, 2),
        ([SYSTEMD, SYSTEMD, UNIMPLEMENTED], 3, 0),
    ],
)
def test_a_runtime_without_the_rpc_means_the_configuration(answers, calls, waited):
    taken, seconds, decision = start(*answers, configured="systemd")

    assert (taken, seconds) == (calls, waited)
    assert (decision.driver, decision.is_from_runtime, decision.is_fallback) == ("systemd", False, True)
    assert decision.losing_support_version == "1.37.0"
    assert [line.message for line in decision.log] == [
        (
            "CRI implementation should be updated to support RuntimeConfig. Falling back to using cgroupDriver from "
            "kubelet config."
        )
    ]


@pytest.mark.parametrize("answers", [[NO_LINUX] * 3, [SYSTEMD, UNAVAILABLE, NO_LINUX]])
def test_an_answer_without_linux_keeps_the_configuration_silently(answers):
    _, _, decision = start(*answers)

    assert (decision.driver, decision.is_from_runtime, decision.is_fallback) == ("cgroupfs", False, False)
    assert (decision.losing_support_version, decision.log) == ("", ())


@pytest.mark.parametrize(
    ("answers", "waited", "message"),
    [
        ([UNAVAILABLE] * 3, 6, "rpc error: code = Unavailable desc = not yet"),
        ([SYSTEMD, SYSTEMD, UNAVAILABLE], 2, "rpc error: code = Unavailable desc = not yet"),
        ([UNKNOWN] * 3, 0, "runtime returned an unknown cgroup driver 7"),
    ],
)
def test_what_stops_the_kubelet(answers, waited, message):
    taken, seconds, failure = start(*answers)

    assert isinstance(failure, StartFailed)
    assert (taken, seconds, failure.message) == (3, waited, message)


def test_after_the_removal_an_old_runtime_is_an_error():
    taken, seconds, failure = start(*[UNIMPLEMENTED] * 3, is_fallback_removed=True)

    assert (taken, seconds, failure.message) == (3, 6, UNIMPLEMENTED.message)


@pytest.mark.parametrize(("version", "calls"), [("1.30", 0), ("1.31", 3), ("1.34", 3), ("1.36", 3)])
def test_kubelets_before_the_beta_never_ask(version, calls):
    taken, _, decision = start(*[SYSTEMD] * 3, gates=resolve_gates(version))

    assert (taken, decision.driver) == (calls, "systemd" if calls else "cgroupfs")


def test_the_gate_can_be_turned_off():
    gates = resolve_gates("1.33", {"KubeletCgroupDriverFromCRI": False})

    taken, _, decision = start(gates=gates)

    assert (taken, decision.driver) == (0, "cgroupfs")


def test_every_start_ends_within_three_calls_and_says_why():
    kinds = [SYSTEMD, CGROUPFS, UNKNOWN, NO_LINUX, UNAVAILABLE, UNIMPLEMENTED]
    for answers in itertools.product(kinds, repeat=3):
        taken, waited, step = start(*answers)
        errors = sum(isinstance(answer, ErrorAnswer) for answer in answers[:taken])
        falls_back = isinstance(step, CgroupDriverDecision) and step.is_fallback
        assert taken <= 3
        assert waited == 2 * (errors - falls_back)
        assert step.why
