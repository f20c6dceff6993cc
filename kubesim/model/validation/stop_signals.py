"""The signals that `lifecycle.stopSignal` may name.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go, supportedStopSignalsLinux and supportedStopSignalsWindows.
"""

from __future__ import annotations

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
"""By spec.os.name, in the order in which a refusal lists them."""
