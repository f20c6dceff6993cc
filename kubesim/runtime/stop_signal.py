"""Which signal asks a container to end: the request's, the image's, or SIGTERM.

The CRI numbers signals by an enum of its own, images name them, processes take Linux numbers.
Mirrors containerd: internal/cri/server/container_stop_signal.go and container_stop.go; moby/sys: signal/signal.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.userland.processes.signals import SIGTERM, number_of

SIGRTMIN, SIGRTMAX = 34, 64
_ENUM_PREFIX = "SIGNAL_"
_OTHER_NAMES = {"CLD": "CHLD", "IOT": "ABRT", "POLL": "IO"}
_UNKNOWN = api.SIGNAL_RUNTIME_DEFAULT


def signal_number(name: str) -> int | None:
    """The Linux number of `SIGTERM`, `TERM`, `15` or `SIGRTMIN+3`; None for anything else."""
    upper = name.upper().removeprefix("SIG")
    for base_name, base, step in (("RTMIN", SIGRTMIN, 1), ("RTMAX", SIGRTMAX, -1)):
        if upper == base_name:
            return base
        sign, digits = upper[len(base_name) : len(base_name) + 1], upper[len(base_name) + 1 :]
        if upper.startswith(base_name) and sign == ("+" if step > 0 else "-") and digits.isdecimal():
            number = base + step * int(digits) if len(digits) < 3 else 0
            return number if SIGRTMIN <= number <= SIGRTMAX else None
    number_ = number_of(_OTHER_NAMES.get(upper, upper))
    return number_ or None


def signal_of_enum(value: int) -> int | None:
    """The Linux number of a value of enum Signal; None for the default and for values the enum does not have."""
    if value == _UNKNOWN or value not in api.Signal.values():
        return None
    name = api.Signal.Name(value).removeprefix(_ENUM_PREFIX)  # type: ignore[arg-type]  # it was just found among the values
    return signal_number(name.replace("PLUS", "+").replace("MINUS", "-"))


def enum_of_name(name: str) -> api.Signal.ValueType:
    """The value of enum Signal for a signal as an image names it; the default when the enum has no such name.

    The image's text counts as it stands: containerd looks `SIGTERM` up, and does not find `15`.
    """
    wanted = _ENUM_PREFIX + name.replace("+", "PLUS").replace("-", "MINUS")
    return api.Signal.Value(wanted) if wanted in api.Signal.keys() else _UNKNOWN  # noqa: SIM118 - an enum wrapper is no mapping


def stop_signal(*, requested: int, image: str) -> int | None:
    """The number of the stop signal; None when the image names one that does not exist."""
    asked = signal_of_enum(requested)
    if asked is not None:
        return asked
    return signal_number(image) if image else SIGTERM


def reported_stop_signal(*, requested: api.Signal.ValueType, image: str) -> api.Signal.ValueType:
    """ContainerStatus.stop_signal."""
    if requested != _UNKNOWN:
        return requested
    return enum_of_name(image) if image else api.SIGNAL_SIGTERM
