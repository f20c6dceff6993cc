"""The method table: complete, consistent, and built from the descriptor."""

import dataclasses
import re

import pytest

from kubesim.cri import api, methods
from kubesim.cri.methods import IMAGE_SERVICE, METHODS, RUNTIME_SERVICE, Method

STREAMING = [
    "StreamPodSandboxes",
    "StreamContainers",
    "StreamContainerStats",
    "StreamPodSandboxStats",
    "GetContainerEvents",
    "StreamPodSandboxMetrics",
    "StreamImages",
]


def constant_name(rpc: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rpc).upper()


def test_there_are_43_methods_in_two_services() -> None:
    services = [method.service for method in METHODS.values()]

    assert len(METHODS) == 43
    assert (services.count(RUNTIME_SERVICE), services.count(IMAGE_SERVICE)) == (37, 6)


def test_the_streaming_methods_are_the_lists_in_parts_and_the_events() -> None:
    assert [name for name, method in METHODS.items() if method.server_streaming] == STREAMING


def test_the_key_is_the_name_and_the_path_is_service_and_name() -> None:
    for name, method in METHODS.items():
        assert method.name == name
        assert method.full_name == str(method) == f"/{method.service}/{name}"


def test_a_row_as_a_reader_knows_it() -> None:
    method = METHODS["GetContainerEvents"]

    assert method.full_name == "/runtime.v1.RuntimeService/GetContainerEvents"
    assert method.request_type is api.GetEventsRequest
    assert method.response_type is api.ContainerEventResponse
    assert method.server_streaming
    assert METHODS["PullImage"].full_name == "/runtime.v1.ImageService/PullImage"


def test_each_method_has_its_constant() -> None:
    constants = {name: value for name, value in vars(methods).items() if isinstance(value, Method)}

    assert constants == {constant_name(name): method for name, method in METHODS.items()}


def test_a_method_is_a_frozen_value_with_identity() -> None:
    method = methods.VERSION

    with pytest.raises(dataclasses.FrozenInstanceError):
        method.name = "Status"  # type: ignore[misc]  # the point of the test
    assert not hasattr(method, "__dict__")
    assert {method: 1}[METHODS["Version"]] == 1
    assert method != dataclasses.replace(method)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        METHODS["Version"] = methods.STATUS  # type: ignore[index]  # the point of the test
