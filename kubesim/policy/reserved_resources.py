"""What a kubelet says of kubeReserved and systemReserved when it cannot read them.

Mirrors kubelet: cmd/kubelet/app/server.go (run, parseResourceList).
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.errors import InputError
from kubesim.model.quantity import parse_quantity
from kubesim.policy.go_quote import go_quote

_RESERVABLE = frozenset({"cpu", "memory", "ephemeral-storage", "pid"})


def reservation_problem(*, kube: Mapping[str, str], system: Mapping[str, str]) -> str:
    """The first problem of the two reservations, quantities by resource; empty when they are well."""
    for flag, reserved in (("--kube-reserved", kube), ("--system-reserved", system)):
        for name, text in reserved.items():  # a real kubelet meets them in no order
            if problem := _problem(name, text):
                return f"{flag} value failed to parse: {problem}"
    return ""


def _problem(name: str, text: str) -> str:
    if name not in _RESERVABLE:
        return f"cannot reserve {go_quote(name)} resource"
    try:
        amount = parse_quantity(text)
    except InputError as error:
        return f"failed to parse quantity {go_quote(text)} for {go_quote(name)} resource: {error.what}"
    if amount.nano < 0:
        return f"resource quantity for {go_quote(name)} cannot be negative: {text}"
    return ""
