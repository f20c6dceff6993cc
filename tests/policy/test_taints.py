"""Which taints a pod tolerates."""

import pytest

from kubesim.policy.taints import Taint, Toleration, is_tolerated, tolerates

TAINT = Taint(key="dedicated", value="db", effect="NoExecute")


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        (Toleration(key="dedicated", operator="Equal", value="db", effect="NoExecute"), True),
        (Toleration(key="dedicated", value="db"), True),
        (Toleration(key="dedicated", value="web"), False),
        (Toleration(key="dedicated", operator="Exists"), True),
        (Toleration(key="dedicated", operator="Exists", effect="NoSchedule"), False),
        (Toleration(key="other", operator="Exists"), False),
        (Toleration(operator="Exists"), True),
        (Toleration(key="dedicated", operator="Near", value="db"), False),
    ],
)
def test_tolerates(toleration: Toleration, expected: bool) -> None:
    assert tolerates(toleration, TAINT) is expected
    assert is_tolerated(TAINT, (Toleration(key="x"), toleration)) is expected


def test_without_tolerations_nothing_is_tolerated() -> None:
    assert not is_tolerated(TAINT, ())
