"""Manifests, indexes and configs from JSON that may come from anybody."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.images.documents import (
    INDEX_MEDIA_TYPE,
    LAYERS_MAX,
    Platform,
    is_index,
    parse_config,
    parse_index,
    parse_manifest,
)
from kubesim.images.json_text import DEPTH_MAX, JSON_BYTES_MAX, DocumentError, parse_json
from kubesim.images.oci import CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, ImageConfig

DIGEST = "sha256:" + "ab" * 32
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def named(**more: Any) -> dict[str, Any]:
    return {"mediaType": LAYER_MEDIA_TYPE, "digest": DIGEST, "size": 7, **more}


def manifest(**more: Any) -> dict[str, Any]:
    config = named(mediaType=CONFIG_MEDIA_TYPE)
    return {"schemaVersion": 2, "mediaType": MANIFEST_MEDIA_TYPE, "config": config, "layers": [named()], **more}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def refusal(parse: Any, value: Any, **options: str) -> str:
    content = value if isinstance(value, bytes) else encoded(value)
    with pytest.raises(DocumentError) as caught:
        parse(content, where="x.tar: m.json", **options)
    assert isinstance(caught.value, InputError)
    assert caught.value.where == "x.tar: m.json"
    return str(caught.value).removeprefix("x.tar: m.json: ")


def test_a_manifest_is_read() -> None:
    found = parse_manifest(encoded(manifest(annotations={"a": "b"}, artifactType=None, config=named())), where="m")

    assert (found.media_type, found.annotations, found.artifact_type) == (MANIFEST_MEDIA_TYPE, {"a": "b"}, "")
    assert [(layer.digest, layer.size, layer.media_type) for layer in found.layers] == [(DIGEST, 7, LAYER_MEDIA_TYPE)]


def test_a_manifest_without_a_word_of_itself_is_what_its_descriptor_says() -> None:
    content = encoded({key: value for key, value in manifest().items() if key != "mediaType"})

    assert parse_manifest(content, where="m").media_type == MANIFEST_MEDIA_TYPE
    assert parse_manifest(content, where="m", media_type=DOCKER_MANIFEST).media_type == DOCKER_MANIFEST


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schemaVersion": 3}, "$.schemaVersion: found 3; expected 2"),
        ({"schemaVersion": None}, "$.schemaVersion: it is missing; expected 2"),
        (
            {"schemaVersion": 1, "fsLayers": []},
            "a manifest of Docker's schema 1; push the image again: schema 2 and OCI can be read",
        ),
        ({"config": 5}, "$.config: found the number 5; expected a mapping"),
        ({"layers": {"0": named()}}, "$.layers: found a mapping; expected a list"),
        ({"layers": [named(size=-1)]}, "$.layers[0].size: -1 is out of range; expected at least 0"),
        ({"layers": [named(size="7")]}, "$.layers[0].size: found the text '7'; expected an integer"),
        ({"layers": [named(), named(digest="../../etc/x")]}, "$.layers[1].digest: '../../etc/x' is no digest"),
        ({"layers": [named(digest="md5:" + "0" * 32)]}, "$.layers[0].digest: unknown digest algorithm 'md5'"),
        ({"layers": [named(digest=DIGEST[:-1])]}, "$.layers[0].digest: "),
        ({"layers": [named(digest=DIGEST.upper().replace("SHA", "sha"))]}, "$.layers[0].digest: "),
        ({"layers": [{"size": 3}]}, "$.layers[0]: missing required field 'digest'"),
        ({"layers": [named()] * (LAYERS_MAX + 1)}, "$.layers: 1001 entries; expected at most 1000"),
        ({"annotations": {"a": 1}}, "$.annotations.a: found the number 1; expected a string"),
        ({"manifests": []}, "expected a manifest, found an index; name one of its manifests"),
        ({"mediaType": "text/plain"}, "$.mediaType: 'text/plain' is not that of a manifest; expected "),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused_at_its_place(change: dict[str, Any], message: str) -> None:
    assert refusal(parse_manifest, manifest(**change)).startswith(message)


def test_a_manifest_needs_a_config() -> None:
    assert refusal(parse_manifest, {"schemaVersion": 2}).startswith("missing required field 'config'")


def test_sha512_is_a_digest_too() -> None:
    digest = "sha512:" + "0f" * 64

    assert parse_manifest(encoded(manifest(layers=[named(digest=digest)])), where="m").layers[0].digest == digest


def test_a_document_is_not_of_another_kind_than_whatever_names_it_says() -> None:
    index = {"schemaVersion": 2, "mediaType": INDEX_MEDIA_TYPE, "manifests": []}

    assert refusal(parse_manifest, index, media_type=MANIFEST_MEDIA_TYPE).startswith("$.mediaType: is 'application/vnd")
    assert refusal(parse_index, manifest()) == "expected an index, found a manifest"
    assert is_index(encoded(index), where="i")
    assert not is_index(encoded(manifest()), where="i")
    assert is_index(b"not looked at", where="i", media_type=INDEX_MEDIA_TYPE)


def test_an_index_is_read() -> None:
    entry = named(platform={"os": "linux", "architecture": "arm", "variant": "v7", "os.features": ["x"]})

    (found,) = parse_index(encoded({"schemaVersion": 2, "manifests": [entry]}), where="i").manifests

    assert found.platform == Platform(os="linux", architecture="arm", variant="v7", os_features=["x"])
    assert str(found.platform) == "linux/arm/v7"


CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {
        "User": "app:dev",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["PATH=/bin", "EMPTY=", "TWO=a=b"],
        "Entrypoint": None,
        "Cmd": ["sh"],
        "WorkingDir": "/w",
        "Labels": {"a": "b"},
        "StopSignal": "SIGQUIT",
        "Healthcheck": {"Test": ["NONE"]},
    },
    "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
    "history": [{"created_by": "RUN x", "empty_layer": True}, {}],
}


def test_a_config_is_read() -> None:
    found = parse_config(encoded(CONFIG), where="c")

    assert found.image_config == ImageConfig(
        user="app:dev",
        exposed_ports=("80/tcp",),
        env=(("PATH", "/bin"), ("EMPTY", ""), ("TWO", "a=b")),
        cmd=("sh",),
        working_dir="/w",
        labels=(("a", "b"),),
        stop_signal="SIGQUIT",
    )
    assert found.rootfs.diff_ids == [DIGEST]
    assert [entry.empty_layer for entry in found.history] == [True, False]
    assert found.platform == Platform(os="linux", architecture="amd64")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"User": 5}, "$.config.User: found the number 5; expected a string"),
        ({"Entrypoint": "/bin/sh"}, "$.config.Entrypoint: found the text '/bin/sh'; expected a list"),
        ({"Cmd": [1]}, "$.config.Cmd[0]: found the number 1; expected a string"),
        ({"Env": {"A": "b"}}, "$.config.Env: found a mapping; expected a list"),
        ({"Env": ["PATH=/bin", "FOO"]}, "$.config.Env[1]: 'FOO' is no variable; expected NAME=VALUE"),
        ({"Env": ["=x"]}, "$.config.Env[0]: '=x' is no variable; expected NAME=VALUE"),
        ({"ExposedPorts": ["80/tcp"]}, "$.config.ExposedPorts: found a list; expected a mapping"),
        ({"ExposedPorts": {"http": {}}}, "$.config.ExposedPorts.http: no port; expected a number and a protocol"),
        ({"Labels": {"a": None, "b": ["c"]}}, "$.config.Labels.b: found a list; expected a string"),
        ({"StopSignal": 15}, "$.config.StopSignal: found the number 15; expected a string"),
        ({"WorkingDir": []}, "$.config.WorkingDir: found a list; expected a string"),
    ],
)
def test_an_odd_type_in_a_config_is_refused_with_the_path_of_the_field(change: dict[str, Any], message: str) -> None:
    assert refusal(parse_config, {**CONFIG, "config": change}).startswith(message)


@pytest.mark.parametrize(
    ("rootfs", "message"),
    [
        ({"type": "tarball", "diff_ids": []}, "$.rootfs.type: unknown value 'tarball'; expected \"layers\""),
        ({"type": "layers", "diff_ids": ["x"]}, "$.rootfs.diff_ids[0]: 'x' is no digest"),
        ({"type": "layers", "diff_ids": [DIGEST] * (LAYERS_MAX + 1)}, "$.rootfs.diff_ids: "),
        ([], "$.rootfs: found a list; expected a mapping"),
    ],
)
def test_odd_layers_in_a_config_are_refused(rootfs: Any, message: str) -> None:
    assert refusal(parse_config, {**CONFIG, "rootfs": rootfs}).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON: Expecting value"),
        (b"\x1f\x8b\x08", "byte 1 is not UTF-8; JSON is UTF-8 text"),
        (b"[]", "not a JSON object; expected a manifest, an index or a config"),
        (b'{"a": 1, "a": 2}', "not JSON: the key 'a' is given twice"),
        (b'{"a": NaN}', "not JSON: NaN is no JSON value"),
        (b'{"a": 1} {}', "not JSON: Extra data"),
        (b'{"a": "\\ud800"}', "half a surrogate pair in a string"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON: Exceeds the limit"),
        (b'{"a":' * 100_000, f"nested more than {DEPTH_MAX} levels deep"),
        (b"[" * 1_000_000, f"nested more than {DEPTH_MAX} levels deep"),
        (b'{"a": "' + b"[" * 100 + b'", "b": ' + b"[" * 70, f"nested more than {DEPTH_MAX} levels deep"),
        (b'{"' + b'\\"' * 1_000_000, "not JSON: Unterminated string"),
        (b" " * (JSON_BYTES_MAX + 1), f"{JSON_BYTES_MAX + 1} bytes of JSON; expected at most {JSON_BYTES_MAX}"),
    ],
)
def test_text_that_is_no_strict_json_is_refused(content: bytes, message: str) -> None:
    assert refusal(parse_config, content).startswith(message)


def test_brackets_in_strings_are_no_nesting() -> None:
    text = "[{" * 1000

    assert parse_json(encoded({"a": text, 'b"\\': "}"}), where="x") == {"a": text, 'b"\\': "}"}


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.text(max_size=5)
    | st.sampled_from([DIGEST, "layers", "80/tcp"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["config", "layers", "manifests", "digest", "size", "schemaVersion", "mediaType", "rootfs", "Env", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(value=values, binary=st.binary(max_size=20))
def test_whatever_comes_is_a_value_or_one_clear_refusal(value: Any, binary: bytes) -> None:
    answers = [answer(parse, content) for content in (encoded(value), binary) for parse in PARSERS]

    assert all(found == "read" or found.startswith("x: ") for found in answers)


PARSERS = (parse_manifest, parse_index, parse_config)


def answer(parse: Any, content: bytes) -> str:
    try:
        parse(content, where="x")
    except DocumentError as error:
        return str(error)
    return "read"
