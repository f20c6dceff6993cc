"""How Go prints a quantity as the plain struct that it is, where somebody forgot that its text needs a pointer.

Mirrors apimachinery: pkg/api/resource/quantity.go (ParseQuantity, Add) and amount.go (int64Amount).
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from kubesim.model.quantity import NANO, Amount, QuantityFormat, parse_quantity

_INT64_MAX = 2**63 - 1
_DIGITS_MAX = 18
"""More decimal digits are kept as a big number."""
_NUMBER = re.compile(r"[+-]?0*(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?(?P<suffix>.*)")
_POWERS = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SCALES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


class GoQuantity(Struct, frozen=True, kw_only=True, gc=False):
    """An amount as Go keeps it: `digits` times ten to the power of `scale`, or, where both are None, a big number."""

    amount: Amount
    digits: int | None
    scale: int | None

    def __str__(self) -> str:
        """The struct: `{{1073741824 0} {<nil>}  BinarySI}`.

        Of a big number Go prints the address, which says nothing: the amount stands there instead.
        """
        if self.digits is None or self.scale is None:
            return f"{{{{0 0}} {{{self.amount}}}  {self.amount.format}}}"
        return f"{{{{{self.digits} {self.scale}}} {{<nil>}}  {self.amount.format}}}"

    def plus(self, other: GoQuantity) -> GoQuantity:
        """The sum, written as the first one that is more than nothing. What is once big stays so."""
        style = (other if self.amount.nano == 0 else self).amount.format
        amount = Amount(nano=self.amount.nano + other.amount.nano, format=style)
        if self.scale is None or other.scale is None:
            return GoQuantity(amount=amount, digits=None, scale=None)
        if other.amount.nano == 0:
            return GoQuantity(amount=amount, digits=self.digits, scale=self.scale)
        if self.amount.nano == 0:
            return other
        return _at_scale(amount, min(self.scale, other.scale))


@lru_cache(256)
def go_quantity(text: str) -> GoQuantity:
    """A quantity as Go reads it. Raises InputError for a text that is none."""
    amount = parse_quantity(text)
    number = _NUMBER.fullmatch(text.strip())
    assert number is not None, "every quantity begins with a number"
    whole, part, suffix = number["whole"] or "0", number["part"] or "", number["suffix"]
    if suffix in _POWERS:
        # The precision that is left beside so many digits, in the kubelet's rough reckoning.
        is_small = not part and 15 - len(whole) - int(_POWERS[suffix] * 3 / 10) - 1 >= 0
        scale = 0
    else:
        scale = (_SCALES[suffix] if suffix in _SCALES else int(suffix[1:])) - len(part)
        is_small = len(whole) + len(part) <= _DIGITS_MAX and scale >= -9
    return _at_scale(amount, scale) if is_small else GoQuantity(amount=amount, digits=None, scale=None)


def go_whole(amount: Amount) -> GoQuantity:
    """An amount that was counted in whole units, such as the bytes of a machine's memory."""
    return _at_scale(amount, 0)


def go_milli(amount: Amount) -> GoQuantity:
    """An amount that was counted in thousandths, as processors are."""
    return _at_scale(amount, -3)


def _at_scale(amount: Amount, scale: int) -> GoQuantity:
    digits = amount.nano * 10**-scale // NANO if scale < 0 else amount.nano // (10**scale * NANO)
    if abs(digits) > _INT64_MAX:
        return GoQuantity(amount=amount, digits=None, scale=None)
    return GoQuantity(amount=amount, digits=digits, scale=scale)


ZERO = GoQuantity(amount=Amount(nano=0, format=QuantityFormat.DECIMAL_SI), digits=0, scale=0)
"""Nothing: what sums begin with."""
