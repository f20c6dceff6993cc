"""How much of something on the machine is taken, as a user says it."""

from __future__ import annotations

from kubesim.errors import InputError
from kubesim.model.quantity import whole_units


def bytes_of(amount: str, *, capacity_bytes: int, what: str) -> int:
    """Bytes of a quantity ("70Gi") or of a part ("70%"); `what` names the whole, such as "the disk".

    Raises InputError for what is neither, and for more than there is.
    """
    number, percent, rest = amount.partition("%")
    if percent:
        if rest or not number.isdecimal():
            raise InputError(f"{amount!r} is no part of {what}", hint='give whole per cent, such as "70%"')
        wanted_bytes = capacity_bytes * int(number) // 100
    else:
        wanted_bytes = _quantity(amount)
    if not 0 <= wanted_bytes <= capacity_bytes:
        raise InputError(f"{amount} do not fit", hint=f"{what} has {capacity_bytes} bytes")
    return wanted_bytes


def _quantity(amount: str) -> int:
    try:
        return whole_units(amount)
    except InputError as error:
        raise InputError(f"{amount!r} is no amount: {error.what}", hint='say "70Gi" or "70%"') from error
