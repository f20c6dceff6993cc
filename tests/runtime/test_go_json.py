"""CRI messages as Go's encoding/json prints them."""

from __future__ import annotations

import json

from kubesim.cri import api
from kubesim.runtime.go_json import go_dict, go_json


def test_names_numbers_and_what_is_left_out() -> None:
    config = api.ContainerConfig(
        metadata=api.ContainerMetadata(name="c"),
        envs=[api.KeyValue(key="K", value=b"\xff")],
        labels={"b": "2", "a": "1"},
        linux=api.LinuxContainerConfig(resources=api.LinuxContainerResources(memory_limit_in_bytes=1 << 40)),
        stop_signal=api.SIGNAL_SIGTERM,
    )
    assert go_dict(config) == {
        "metadata": {"name": "c"},
        "envs": [{"key": "K", "value": "/w=="}],
        "labels": {"a": "1", "b": "2"},
        "linux": {"resources": {"memory_limit_in_bytes": 1 << 40}},
        "stop_signal": 23,
    }


def test_a_message_inside_a_document() -> None:
    text = go_json({"pid": 0, "config": api.PodSandboxConfig(hostname="<h&>")})
    assert text == '{"pid":0,"config":{"hostname":"\\u003ch\\u0026\\u003e"}}'
    assert json.loads(text)["config"]["hostname"] == "<h&>"
