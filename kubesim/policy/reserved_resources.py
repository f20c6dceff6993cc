"""What a kubelet says of kubeReserved and systemReserved when it cannot read them.

Mirrors kubelet: cmd/kubelet/app/server.go (run, parseResourceList).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubesim.errors import InputError
from kubesim.model.quantity import parse_quantity
from kubesim.policy.go_quote import go_quote

_RESERVABLE = frozenset({"cpu", "memory", "ephemeral-storage", "pid"})


def reservation_problem(*, kube: Mapping[str, str], system: Mapping[str, str]) -> str:
    """The first problem of the two reservations, quantities by resource; empty when they are well."""
    for flag, reserved in (("--kube-reserved", kube), ("--system-reserved", system)):
        for problem in _problems(reserved):
            return f"{flag} value failed to parse: {problem}"
    return ""


def _problems(reserved: Mapping[str, str]) -> Iterator[str]:
    """A real kubelet meets them in no order."""
    for name, text in reserved.items():
        if name not in _RESERVABLE:
            yield f"cannot reserve {go_quote(name)} resource"
            continue
        try:
            amount = parse_quantity(text)
        except InputError as error:
            yield f"failed to parse quantity {go_quote(text)} for {go_quote(name)} resource: {error.what}"
            continue
        if amount.nano < 0:
            yield f"resource quantity for {go_quote(name)} cannot be negative: {text}"
