"""UpdateRuntimeConfig."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import Code, api


@pytest.mark.parametrize(
    ("cidr", "is_fine"),
    [("", True), ("10.0.0.0/16", True), ("10.0.0.0/16, fd00::/64", True), ("10.0.0.0", False), ("nonsense/8", False)],
)
def test_pod_cidrs(node: Any, crio: Any, cidr: str, is_fine: bool) -> None:
    config = api.RuntimeConfig(network_config=api.NetworkConfig(pod_cidr=cidr))
    request = api.UpdateRuntimeConfigRequest(runtime_config=config)
    crio.do(crio.cri.update_runtime_config(request))
    if is_fine:
        node.do(node.cri.update_runtime_config(request))
    else:
        error = node.refused(node.cri.update_runtime_config(request))
        assert (error.code, error.message) == (Code.UNKNOWN, f"get routes: invalid CIDR address: {cidr}")
