"""`kubesim serve` with runtimes that still serve CRI v1alpha2, and with one that does not."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from kubesim.cri import api


def version(address: str) -> api.VersionResponse:
    with grpc.insecure_channel(address.replace("unix://", "unix:")) as channel:
        answer: bytes = channel.unary_unary("/runtime.v1alpha2.RuntimeService/Version")(b"", timeout=20)
    return api.VersionResponse.FromString(answer)


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-1.7"])
def test_v1alpha2_is_served(serve: Callable[..., Any], profile: str) -> None:
    answer = version(serve("--profile", profile).address)

    assert (answer.version, answer.runtime_name, answer.runtime_api_version) == ("0.1.0", "containerd", "v1alpha2")


def test_v1alpha2_was_removed(serve: Callable[..., Any]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        version(serve("--profile", "containerd-2.0").address)

    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == "unknown service runtime.v1alpha2.RuntimeService"
