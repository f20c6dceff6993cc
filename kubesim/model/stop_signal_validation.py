"""What the API server refuses in `lifecycle.stopSignal`.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, validateStopSignal.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.model.field_error import FieldError, check_choice, forbidden
from kubesim.model.k8s_v1 import PodSpec
from kubesim.model.paths import Path

# fmt: off
_PLAIN = (
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU",
    "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
)
# fmt: on
_REAL_TIME = (*(f"RTMAX-{n}" for n in range(1, 15)), *(f"RTMIN+{n}" for n in range(1, 16)))
SIGNALS = {
    "linux": tuple(sorted(f"SIG{name}" for name in (*_PLAIN, *_REAL_TIME))),
    "windows": ("SIGKILL", "SIGTERM"),
}
"""The signals that a pod may name, by spec.os.name, in the order in which a refusal lists them."""


def check_stop_signals(spec: PodSpec) -> Iterator[FieldError]:
    """A stop signal needs spec.os.name, and must be one of that system's.

    To be asked once fields whose gate is off are gone: without the gate any signal is accepted, and dropped.
    """
    for kind, containers in (("containers", spec.containers), ("initContainers", spec.init_containers)):
        for index, container in enumerate(containers):
            signal = container.lifecycle.stop_signal if container.lifecycle is not None else None
            if signal is None:
                continue
            path: Path = ("spec", kind, index, "lifecycle", "stopSignal")
            if spec.os is None:
                yield forbidden(path, "may not be set for containers with empty `spec.os.name`")
            elif spec.os.name in SIGNALS:
                yield from check_choice(path, signal, SIGNALS[spec.os.name])
