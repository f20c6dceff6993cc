"""The logins in pull secrets, as the kubelet reads them; the error texts are Go's own for these inputs."""

import json

import pytest

from kubesim.policy.docker_config import (
    DOCKER_CONFIG,
    DOCKER_CONFIG_JSON,
    DockerLogin,
    InvalidDockerConfig,
    docker_logins,
)

GO_CONFIG = "credentialprovider.DockerConfig"


def logins(text: str, secret_type: str = DOCKER_CONFIG_JSON) -> tuple[DockerLogin, ...]:
    key = ".dockercfg" if secret_type == DOCKER_CONFIG else ".dockerconfigjson"
    return docker_logins(secret_type, {key: text.encode()})


def one(**fields: object) -> str:
    return json.dumps({"auths": {"quay.io": fields}})


@pytest.mark.parametrize(
    ("fields", "username", "password"),
    [
        ({"username": "u", "password": "p", "email": "e"}, "u", "p"),
        ({"auth": "dTpw"}, "u", "p"),
        ({"auth": "dTpwdw=="}, "u", "pw"),
        ({"auth": "dTpwdw"}, "u", "pw"),  # without its padding
        ({"auth": "dTpwdw=\n="}, "u", "pw"),
        ({"auth": "dTpwOng="}, "u", "p:x"),
        ({"username": "u", "password": "p", "auth": "eDp5"}, "x", "y"),  # `auth` wins
        ({"username": "u", "password": "p", "auth": ""}, "u", "p"),
        ({"USERNAME": "u", "Password": None, "other": 1}, "u", ""),
        ({}, "", ""),
    ],
)
def test_an_entry(fields, username, password):
    found = logins(one(**fields))
    assert [(login.location, login.username, login.password) for login in found] == [("quay.io", username, password)]


def test_the_old_form_has_the_entries_at_its_root():
    assert logins('{"https://a.example": {"username": "u", "email": "e"}, "b": null}', DOCKER_CONFIG) == (
        DockerLogin(location="https://a.example", username="u", email="e"),
        DockerLogin(location="b"),
    )


@pytest.mark.parametrize("text", ["null", "{}", '{"auths": null}', '{"AUTHS": {}, "credsStore": 5}', ""])
def test_nothing_in_it(text):
    assert logins(text) == ()


def test_other_secrets_have_no_logins():
    assert docker_logins("Opaque", {".dockerconfigjson": one(username="u").encode()}) == ()
    assert docker_logins(DOCKER_CONFIG, {".dockerconfigjson": one(username="u").encode()}) == ()


def test_http_headers_are_read_and_not_used():
    assert logins('{"HttpHeaders": {"X": "1", "Y": null}, "auths": {}}') == ()
    assert logins('{"HttpHeaders": null, "auths": {}}') == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "json: cannot unmarshal array into Go value of type credentialprovider.DockerConfigJSON"),
        (
            '{"auths": []}',
            "json: cannot unmarshal array into Go struct field DockerConfigJSON.auths of type " + GO_CONFIG,
        ),
        (
            '{"auths": {"a": "x"}}',
            "json: cannot unmarshal string into Go value of type credentialprovider.dockerConfigEntryWithAuth",
        ),
        (
            one(username=1),
            "json: cannot unmarshal number into Go struct field dockerConfigEntryWithAuth.username of type string",
        ),
        (
            one(Password=True),
            "json: cannot unmarshal bool into Go struct field dockerConfigEntryWithAuth.Password of type string",
        ),
        (one(auth="!!"), "illegal base64 data at input byte 0"),
        (one(auth="d"), "illegal base64 data at input byte 0"),
        (one(auth="dTpwdw=\n"), "illegal base64 data at input byte 8"),
        (one(auth="dXA"), "unable to parse auth field, must be formatted as base64(username:password)"),
        (
            '{"HttpHeaders": {"a": 1}}',
            "json: cannot unmarshal number into Go struct field DockerConfigJSON.HttpHeaders.a of type string",
        ),
        (
            '{"HttpHeaders": [], "auths": 1}',
            "json: cannot unmarshal array into Go struct field DockerConfigJSON.HttpHeaders of type map[string]string",
        ),
    ],
)
def test_refused(text, message):
    with pytest.raises(InvalidDockerConfig) as caught:
        logins(text)
    assert str(caught.value) == message


def test_refused_in_the_old_form():
    with pytest.raises(InvalidDockerConfig, match=r"array into Go value of type credentialprovider\.DockerConfig$"):
        logins("[]", DOCKER_CONFIG)
    assert logins("null", DOCKER_CONFIG) == ()


def test_no_json():
    with pytest.raises(InvalidDockerConfig, match="Expecting value"):
        logins("x")
