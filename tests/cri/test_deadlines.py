"""How long a kubelet's client waits for each RPC."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from kubesim.cri import METHODS, api
from kubesim.cri.deadlines import call_seconds


@pytest.mark.parametrize(
    ("name", "request_", "seconds"),
    [
        ("Version", api.VersionRequest(), 120.0),
        ("RunPodSandbox", api.RunPodSandboxRequest(), 240.0),
        ("StopContainer", api.StopContainerRequest(timeout=30), 150.0),
        ("ExecSync", api.ExecSyncRequest(timeout=5), 125.0),
        ("ExecSync", api.ExecSyncRequest(), None),
        ("CheckpointContainer", api.CheckpointContainerRequest(timeout=10), 120.0),
        ("CheckpointContainer", api.CheckpointContainerRequest(timeout=300), 300.0),
        ("PullImage", api.PullImageRequest(), None),
    ],
)
def test_deadlines_are_those_of_the_kubelets_client(name: str, request_: Message, seconds: float | None) -> None:
    assert call_seconds(METHODS[name], request_) == seconds
