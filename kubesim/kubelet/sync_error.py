"""Why a sync of a pod did not reach its end, and when to try again."""

from __future__ import annotations

from kubesim.errors import KubesimError


class SyncError(KubesimError):
    """One or several errors of a sync.

    `retry_at_ns` is the earliest end of a crash-loop back-off among them (ns since the epoch); without one the worker's
    own back-off counts. `is_network_not_ready` makes it retry every second.
    """

    def __init__(self, message: str, *, retry_at_ns: int | None = None, is_network_not_ready: bool = False) -> None:
        super().__init__(message)
        self.retry_at_ns = retry_at_ns
        self.is_network_not_ready = is_network_not_ready
