"""Resource amounts, against examples worked out from apimachinery: pkg/api/resource/quantity.go."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.model.quantity import (
    FORM_ERROR,
    NANO,
    SUFFIX_ERROR,
    Amount,
    QuantityFormat,
    canonical_quantity,
    format_bytes,
    format_millicores,
    millicores,
    parse_quantity,
    whole_units,
)


@pytest.mark.parametrize(
    ("text", "canonical", "value", "milli"),
    [
        ("0", "0", 0, 0),
        ("1", "1", 1, 1000),
        ("0.5", "500m", 1, 500),
        (0.5, "500m", 1, 500),
        (2, "2", 2, 2000),
        ("100m", "100m", 1, 100),
        ("1500m", "1500m", 2, 1500),
        ("1000m", "1", 1, 1000),
        ("+1", "1", 1, 1000),
        ("-1.5", "-1500m", -2, -1500),
        ("100000", "100k", 100_000, 100_000_000),
        ("1024", "1024", 1024, 1_024_000),
        ("1024Ki", "1Mi", 1 << 20, 1_048_576_000),
        ("1024Mi", "1Gi", 1 << 30, (1 << 30) * 1000),
        ("1.5Gi", "1536Mi", 3 << 29, (3 << 29) * 1000),
        ("1Ki", "1Ki", 1024, 1_024_000),
        ("0.5Ki", "512", 512, 512_000),
        ("0.5Mi", "512Ki", 1 << 19, (1 << 19) * 1000),
        ("0.1Ki", "102400m", 103, 102_400),
        ("24684092Ki", "24684092Ki", 24684092 * 1024, 24684092 * 1_024_000),
        ("267847642337", "267847642337", 267847642337, 267847642337000),
        ("1e3", "1e3", 1000, 1_000_000),
        ("1E3", "1e3", 1000, 1_000_000),
        ("1.5e3", "1500", 1500, 1_500_000),
        ("1e-3", "1e-3", 1, 1),
        ("1e-1", "100e-3", 1, 100),
        ("12E", "12E", 12 * 10**18, 12 * 10**21),
        ("100n", "100n", 1, 1),
        ("0.1n", "1n", 1, 1),
        ("-0.1n", "-1n", -1, -1),
        ("8Ei", "9223372036854775807", 2**63 - 1, (2**63 - 1) * 1000),
        (".", "0", 0, 0),
        ("1.", "1", 1, 1000),
        (".5", "500m", 1, 500),
        (1e-7, "100e-9", 1, 1),
    ],
)
def test_amounts(text: str | float, canonical: str, value: int, milli: int) -> None:
    amount = parse_quantity(text)
    assert (str(amount), amount.value, amount.milli_value) == (canonical, value, milli)
    assert (canonical_quantity(text), whole_units(text), millicores(text)) == (canonical, value, milli)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", FORM_ERROR),
        (" ", FORM_ERROR),
        ("abc", FORM_ERROR),
        ("1x", FORM_ERROR),
        ("1 Gi", FORM_ERROR),
        ("--1", SUFFIX_ERROR),
        (True, FORM_ERROR),
        ("1Kii", SUFFIX_ERROR),
        ("5mi", SUFFIX_ERROR),
        ("5Ki3", SUFFIX_ERROR),
        ("5e", SUFFIX_ERROR),
        ("1e99999", SUFFIX_ERROR),
    ],
)
def test_refusals_are_upstreams(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_quantity(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(("milli", "text"), [(0, "0"), (1, "1m"), (1500, "1500m"), (2000, "2"), (10**9, "1M")])
def test_format_millicores(milli: int, text: str) -> None:
    assert format_millicores(milli) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (1023, "1023"), (1024, "1Ki"), (1025, "1025"), (1 << 30, "1Gi"), (3 << 60, "3Ei")]
)
def test_format_bytes(count: int, text: str) -> None:
    assert format_bytes(count) == text


amounts = st.builds(
    Amount,
    nano=st.integers(-(10**27), 10**27),
    format=st.sampled_from([QuantityFormat.DECIMAL_SI, QuantityFormat.DECIMAL_EXPONENT]),
) | st.builds(
    Amount, nano=st.integers(0, 2**62).map(lambda value: value * NANO), format=st.just(QuantityFormat.BINARY_SI)
)


@given(amounts)
def test_what_is_printed_reads_back_the_same(amount: Amount) -> None:
    again = parse_quantity(str(amount))
    assert again.nano == amount.nano
    # A binary amount without a binary suffix (125000) reads back as a decimal one (125k), as it does upstream.
    assert str(again) == str(amount) or amount.format is QuantityFormat.BINARY_SI


@given(st.integers(0, 10**12), st.integers(0, 6), st.sampled_from(["", "m", "k", "M", "Ki", "Mi"]))
def test_parsing_agrees_with_fractions(digits: int, decimals: int, suffix: str) -> None:
    text = f"{digits:0{decimals + 1}d}"
    text = f"{text[: len(text) - decimals]}.{text[len(text) - decimals :]}"
    factor = {"": 1, "m": Fraction(1, 1000), "k": 1000, "M": 10**6, "Ki": 1024, "Mi": 1 << 20}[suffix]
    exact = Fraction(digits, 10**decimals) * factor * NANO
    assert parse_quantity(text + suffix).nano == -(-exact.numerator // exact.denominator)
