"""ConfigMaps as the API server takes or refuses them."""

import pytest

from kubesim.model.k8s_v1 import ConfigMap, ObjectMeta
from kubesim.model.validation.config_map import config_map_errors, default_config_map

KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)


def refusals(config_map: ConfigMap) -> list[str]:
    return [f"{'.'.join(map(str, one.path))}: {one.body}" for one in config_map_errors(default_config_map(config_map))]


def named(name: str = "c", **more: object) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config_map", "wanted"),
    [
        (named(data={"a.b_c-D": "x"}, binary_data={"b": "eA=="}), []),
        (named(""), ["metadata.name: Required value: name or generateName is required"]),
        (named(data={"a b": ""}), [f'data.a b: Invalid value: "a b": {KEY_TEXT}']),
        (named(data={"..a": ""}), ["data...a: Invalid value: \"..a\": must not start with '..'"]),
        (named(binary_data={".": ""}), ["binaryData..: Invalid value: \".\": must not be '.'"]),
        (
            named(data={"a": ""}, binary_data={"a": ""}),
            ['data.a: Invalid value: "a": duplicate of key present in binaryData'],
        ),
        (
            named(binary_data={"a": "?"}),
            ['binaryData.a: Invalid value: "?": illegal base64 data; plain text belongs into data'],
        ),
        (named(data={"a": "x" * 1048577}), [": Too long: may not be more than 1048576 bytes"]),
    ],
)
def test_refusals(config_map: ConfigMap, wanted: list[str]) -> None:
    assert refusals(config_map) == wanted


def test_a_long_key() -> None:
    (refusal,) = refusals(named(data={"k" * 254: ""}))
    assert refusal.endswith("must be no more than 253 characters")


def test_the_namespace_is_default() -> None:
    assert default_config_map(named()).metadata.namespace == "default"
