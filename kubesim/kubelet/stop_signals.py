"""The stop signal between the API's name and the CRI's enum.

Mirrors kubelet: pkg/kubelet/kuberuntime/helpers.go, getContainerConfigStopSignal and runtimeSignalToString.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.model import k8s_v1 as v1

_PREFIX = "SIGNAL_"
_NAMES: dict[int, str] = {
    value: name.removeprefix(_PREFIX).replace("PLUS", "+").replace("MINUS", "-") for name, value in api.Signal.items()
}


def requested_stop_signal(container: v1.Container | v1.EphemeralContainer) -> api.Signal.ValueType:
    """ContainerConfig.stop_signal: `lifecycle.stopSignal`, or the runtime's choice when the container names none."""
    name = container.lifecycle.stop_signal if container.lifecycle is not None else None
    wanted = _PREFIX + (name or "").replace("+", "PLUS").replace("-", "MINUS")
    return dict(api.Signal.items()).get(wanted, api.SIGNAL_RUNTIME_DEFAULT)


def stop_signal_name(value: int) -> str | None:
    """The API's name of what ContainerStatus.stop_signal says.

    None from a runtime that does not report it; empty for a number that the kubelet does not know.
    """
    if value == api.SIGNAL_RUNTIME_DEFAULT:
        return None
    return _NAMES.get(value, "")
