"""Resource amounts: parsed exactly, printed as Kubernetes prints them.

Mirrors apimachinery: pkg/api/resource/quantity.go (ParseQuantity, CanonicalizeBytes) and suffix.go. Amounts are kept as
whole billionths ("nano"), the finest grain a Quantity has; anything finer is rounded away from zero, as upstream does.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from kubesim.errors import InputError

NANO = 10**9
"""Billionths in one unit."""

FORM_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
SUFFIX_ERROR = "unable to parse quantity's suffix"

_BINARY_MAX = 2**63 - 1
_TEXT = re.compile(r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?(?P<suffix>[eEinumkKMGTP]*[-+]?[0-9]*)")
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_NAMES = {power: name for name, power in _BINARY.items()}
_DECIMAL_NAMES = {power: name for name, power in _DECIMAL.items()}
_EXPONENT_MAX = 1000
"""A larger exponent is a slip of the finger, and 10**n of it would take forever."""


class QuantityFormat(StrEnum):
    """How an amount was written, which decides how it is printed."""

    BINARY_SI = "BinarySI"
    DECIMAL_SI = "DecimalSI"
    DECIMAL_EXPONENT = "DecimalExponent"


class Amount(Struct, frozen=True, kw_only=True, gc=False):
    """A parsed quantity."""

    nano: int
    """Billionths of the unit: of a core for cpu, of a byte for memory."""
    format: QuantityFormat = QuantityFormat.DECIMAL_SI

    @property
    def value(self) -> int:
        """Whole units, rounded away from zero: bytes, or whole cores. Upstream Quantity.Value."""
        return _divide_away_from_zero(self.nano, NANO)

    @property
    def milli_value(self) -> int:
        """Thousandths, rounded away from zero: millicores. Upstream Quantity.MilliValue."""
        return _divide_away_from_zero(self.nano, NANO // 1000)

    def __str__(self) -> str:
        """The canonical text: 1500m, 1Gi, 24684092Ki, 0. Upstream Quantity.String."""
        return _canonical(self)


@lru_cache(4096, typed=True)
def parse_quantity(text: str | float) -> Amount:
    """The exact amount of a quantity as a manifest gives it: text, or a JSON number.

    Raises InputError with upstream's words when it is none. Amounts are kept: the same few come again with every pod.
    """
    if isinstance(text, bool):
        raise InputError(FORM_ERROR)
    if isinstance(text, int):
        return Amount(nano=text * NANO)
    return _parsed(repr(text) if isinstance(text, float) else text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Amount:
    """The amount of a text: a node is asked for the same few sizes for ever."""
    match = _TEXT.fullmatch(text.strip())
    if match is None or not text.strip():
        raise InputError(FORM_ERROR)
    base, power, format_ = _suffix(match["suffix"])
    part = match["part"] or ""
    digits = int((match["whole"] + part) or "0")
    nano = _scaled(digits * NANO, base, power, decimals=len(part))
    if format_ is QuantityFormat.BINARY_SI:
        nano = min(nano, _BINARY_MAX * NANO)
        if 0 < nano < NANO:
            format_ = QuantityFormat.DECIMAL_SI
    return Amount(nano=-nano if match["sign"] == "-" else nano, format=format_)


def millicores(text: str | float) -> int:
    """A cpu quantity in thousandths of a core, rounded up."""
    return parse_quantity(text).milli_value


def whole_units(text: str | float) -> int:
    """A memory, storage or counted quantity in bytes or pieces, rounded up."""
    return parse_quantity(text).value


def canonical_quantity(text: str | float) -> str:
    """The text the API server answers with for what a manifest says: `1024Mi` gives `1Gi`, 0.5 gives `500m`."""
    return str(parse_quantity(text))


def format_millicores(milli: int) -> str:
    """Millicores as Kubernetes prints them: 1500 gives `1500m`, 2000 gives `2`."""
    return str(Amount(nano=milli * (NANO // 1000)))


def format_bytes(count: int) -> str:
    """Bytes as Kubernetes prints a memory amount: 1073741824 gives `1Gi`. Below 1024 and in between: plain digits."""
    return str(Amount(nano=count * NANO, format=QuantityFormat.BINARY_SI))


def _suffix(text: str) -> tuple[int, int, QuantityFormat]:
    if text in _DECIMAL:
        return 10, _DECIMAL[text], QuantityFormat.DECIMAL_SI
    if text in _BINARY:
        return 2, _BINARY[text], QuantityFormat.BINARY_SI
    exponent = _EXPONENT.fullmatch(text)
    if exponent is None or abs(int(exponent[1])) > _EXPONENT_MAX:
        raise InputError(SUFFIX_ERROR)
    return 10, int(exponent[1]), QuantityFormat.DECIMAL_EXPONENT


def _scaled(nano: int, base: int, power: int, *, decimals: int) -> int:
    if power >= 0:
        return _divide_away_from_zero(nano * base**power, 10**decimals)
    return _divide_away_from_zero(nano, 10 ** (decimals - power))


def _divide_away_from_zero(number: int, divisor: int) -> int:
    quotient = -(-abs(number) // divisor)
    return quotient if number >= 0 else -quotient


def _canonical(amount: Amount) -> str:
    nano = amount.nano
    if nano == 0:
        return "0"
    if amount.format is QuantityFormat.BINARY_SI and abs(nano) >= 1024 * NANO and nano % NANO == 0:
        units, power = nano // NANO, 0
        while units % 1024 == 0 and power < 60:
            units, power = units // 1024, power + 10
        return f"{units}{_BINARY_NAMES.get(power, '')}"
    mantissa, power = nano, -9
    largest = 18 if amount.format is not QuantityFormat.DECIMAL_EXPONENT else _EXPONENT_MAX
    while mantissa % 1000 == 0 and power < largest:
        mantissa, power = mantissa // 1000, power + 3
    if amount.format is QuantityFormat.DECIMAL_EXPONENT:
        return f"{mantissa}e{power}" if power else str(mantissa)
    return f"{mantissa}{_DECIMAL_NAMES[power]}"
