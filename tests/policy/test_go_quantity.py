"""Quantities as Go prints their structs: what it prints of them was seen with Go itself."""

import pytest

from kubesim.model.quantity import Amount, QuantityFormat
from kubesim.policy.go_quantity import ZERO, go_milli, go_quantity, go_whole


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0", "{{0 0} {<nil>}  DecimalSI}"),
        ("100", "{{100 0} {<nil>}  DecimalSI}"),
        ("1100m", "{{1100 -3} {<nil>}  DecimalSI}"),
        ("1.5", "{{15 -1} {<nil>}  DecimalSI}"),
        ("0.50", "{{50 -2} {<nil>}  DecimalSI}"),
        ("007k", "{{7 3} {<nil>}  DecimalSI}"),
        ("1e3", "{{1 3} {<nil>}  DecimalExponent}"),
        ("1.5e3", "{{15 2} {<nil>}  DecimalExponent}"),
        ("1000Gi", "{{1073741824000 0} {<nil>}  BinarySI}"),
        ("500Mi", "{{524288000 0} {<nil>}  BinarySI}"),
        ("1.5Gi", "{{0 0} {1536Mi}  BinarySI}"),
        ("1000Ti", "{{0 0} {1000Ti}  BinarySI}"),
        ("1.0000000001", "{{0 0} {1000000001n}  DecimalSI}"),
    ],
)
def test_one(text: str, shown: str) -> None:
    assert str(go_quantity(text)) == shown


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        ([], "{{0 0} {<nil>}  DecimalSI}"),
        (["0", "1Gi", "0"], "{{1073741824 0} {<nil>}  BinarySI}"),
        (["1k", "1Gi"], "{{1073742824 0} {<nil>}  DecimalSI}"),
        (["1", "1100m"], "{{2100 -3} {<nil>}  DecimalSI}"),
        (["1100m", "1"], "{{2100 -3} {<nil>}  DecimalSI}"),
        (["1Gi", "1.5Gi"], "{{0 0} {2560Mi}  BinarySI}"),
        (["1E", "1m"], "{{0 0} {1000000000000000000001m}  DecimalSI}"),
        (["9E", "9E"], "{{18 18} {<nil>}  DecimalSI}"),
        (["9223372036854775807m", "1"], "{{0 0} {9223372036854776807m}  DecimalSI}"),
    ],
)
def test_sums(texts: list[str], shown: str) -> None:
    found = ZERO
    for text in texts:
        found = found.plus(go_quantity(text))

    assert str(found) == shown


def test_what_was_measured() -> None:
    assert str(go_milli(Amount(nano=2 * 10**9))) == "{{2000 -3} {<nil>}  DecimalSI}"
    assert str(go_whole(Amount(nano=10**9, format=QuantityFormat.BINARY_SI))) == "{{1 0} {<nil>}  BinarySI}"
