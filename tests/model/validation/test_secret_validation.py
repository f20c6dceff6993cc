"""Secrets as an API server stores them, and what it refuses."""

import base64

import pytest

from kubesim.errors import InputError
from kubesim.model.k8s_v1 import Secret
from kubesim.model.manifest import manifests
from kubesim.model.yaml_text import load_documents

SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: {name}}}
{rest}
"""


def load(rest: str, name: str = "login") -> Secret:
    (found,) = manifests(load_documents(SECRET.format(name=name, rest=rest), name="<text>"))
    assert isinstance(found.object, Secret)
    return found.object


def refusal(rest: str, name: str = "login") -> str:
    with pytest.raises(InputError) as caught:
        load(rest, name)
    return str(caught.value)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_string_data_is_encoded_and_wins() -> None:
    secret = load(f"data: {{a: {encoded('old')}, b: {encoded('b')}}}\nstringData: {{a: new}}")
    assert secret.data == {"a": encoded("new"), "b": encoded("b")}
    assert secret.string_data == {}
    assert (secret.type, secret.metadata.namespace) == ("Opaque", "default")


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        ("data: {'a b': ''}", "a valid config key must consist of alphanumeric characters"),
        ("data: {'..': ''}", "data[..]: Invalid value: \"..\": must not be '..'"),
        ("data: {plain: text!}", 'Invalid value: "<secret contents redacted>": illegal base64 data'),
        ("type: kubernetes.io/dockerconfigjson", "data[.dockerconfigjson]: Required value"),
        ("type: kubernetes.io/dockercfg", "data[.dockercfg]: Required value"),
        (
            "type: kubernetes.io/dockercfg\nstringData: {.dockercfg: '{'}",
            '<secret contents redacted>": unexpected end of JSON input',
        ),
        (
            "type: kubernetes.io/dockercfg\nstringData: {.dockercfg: '[]'}",
            "cannot unmarshal array into Go value of type map[string]interface {}",
        ),
        (
            "type: kubernetes.io/dockercfg\nstringData: {.dockercfg: '{\"a\": NaN}'}",
            "invalid character 'N' looking for beginning of value",
        ),
        ("type: kubernetes.io/dockercfg\ndata: {.dockercfg: '?'}", "illegal base64 data"),
    ],
)
def test_refused(rest: str, text: str) -> None:
    assert text in refusal(rest)


def test_a_bad_name() -> None:
    assert refusal("type: Opaque", name="Login").startswith("<text>:3:18: metadata.name: Invalid value")


def test_too_large() -> None:
    large = encoded("x" * (1024 * 1024 + 1))
    assert "data: Too long: may not be more than 1048576 bytes" in refusal(f"data: {{a: {large}}}")
