"""Tokens of service accounts in projected volumes: what they say, who may read them, and when they change."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest

MOUNTS = [{"name": "v", "mountPath": "/v"}]


def volume(**token: Any) -> list[dict[str, Any]]:
    source = {"serviceAccountToken": {"path": "token", **token}}
    return [{"name": "v", "projected": {"sources": [source]}}]


def run(story: Any, container: dict[str, Any], token: dict[str, Any], **spec: Any) -> None:
    story.pod({**container, "volumeMounts": MOUNTS}, volumes=volume(**token), serviceAccountName="robot", **spec)
    story.run("5s")


def token_of(story: Any) -> str:
    text: str = story.node.exec("default/web", ["cat", "/v/token"]).stdout.decode()
    return text


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_what_a_token_says(story: Any, c: Any) -> None:
    run(story, c("a"), {"audience": "vault", "expirationSeconds": 600})
    header, claims, signature = token_of(story).split(".")
    assert decoded(header)["alg"] == "RS256"
    assert len(signature) == 342
    found = decoded(claims)
    pod, node = story.node.pod("default/web")["metadata"], story.node.status()["metadata"]
    account = found["kubernetes.io"].pop("serviceaccount")
    assert account["name"] == "robot"
    assert found.pop("jti") != account["uid"]
    assert found == {
        "aud": ["vault"],
        "exp": found["iat"] + 600,
        "iat": found["nbf"],
        "iss": "https://kubernetes.default.svc.cluster.local",
        "kubernetes.io": {
            "namespace": "default",
            "node": {"name": node["name"], "uid": node["uid"]},
            "pod": {"name": "web", "uid": pod["uid"]},
        },
        "nbf": found["iat"],
        "sub": "system:serviceaccount:default:robot",
    }


def test_the_token_of_the_default_volume_outlives_its_warning(story: Any, c: Any) -> None:
    run(story, c("a"), {"expirationSeconds": 3607})
    claims = decoded(token_of(story).split(".")[1])
    assert claims["aud"] == [claims["iss"]]
    assert claims["exp"] - claims["iat"] == 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] - claims["iat"] == 3607


def test_an_older_token_names_no_node(new_story: Any, c: Any) -> None:
    story = new_story(kubelet_version="1.29")
    run(story, c("a"), {})
    claims = decoded(token_of(story).split(".")[1])
    assert "jti" not in claims
    assert "node" not in claims["kubernetes.io"]
    assert claims["exp"] - claims["iat"] == 3600


def test_the_same_seed_gives_the_same_token(new_story: Any, c: Any) -> None:
    tokens = set()
    for _ in range(2):
        story = new_story(seed=7)
        run(story, c("a"), {})
        tokens.add(token_of(story))
    assert len(tokens) == 1


def test_a_token_is_renewed_after_four_fifths_of_its_time(story: Any, c: Any) -> None:
    """At the first sync after that: the kubelet makes the files of a volume anew about once a minute."""
    run(story, c("a"), {"expirationSeconds": 600})
    first = token_of(story)
    story.run("7m30s")
    assert token_of(story) == first
    story.run("2m30s")
    second = token_of(story)
    assert second != first
    issued = [decoded(one.split(".")[1])["iat"] for one in (first, second)]
    assert 470 <= issued[1] - issued[0] <= 590


@pytest.mark.parametrize(
    ("container", "context", "line"),
    [
        ({}, {}, "-rw-r--r-- 0 0"),
        ({}, {"fsGroup": 3000}, "-rw-r----- 0 3000"),
        ({}, {"runAsUser": 1000}, "-rw------- 1000 0"),
        ({"securityContext": {"runAsUser": 1000}}, {"fsGroup": 3000}, "-rw-r----- 1000 3000"),
    ],
)
def test_who_may_read_it(story: Any, c: Any, container: dict[str, Any], context: dict[str, Any], line: str) -> None:
    run(story, c("a", **container), {}, securityContext=context)
    answer = story.node.exec("default/web", ["sh", "-c", "ls -lnL /v/token | tr -s ' ' | cut -d' ' -f1,3,4"])
    assert answer.stdout.decode().strip() == line


def test_two_users_have_none_in_common(story: Any, c: Any) -> None:
    one = c("a", volumeMounts=MOUNTS, securityContext={"runAsUser": 1000})
    two = c("b", securityContext={"runAsUser": 1001})
    story.pod(one, two, volumes=volume(), serviceAccountName="robot")
    story.run("5s")
    answer = story.node.exec("default/web", ["ls", "-lnL", "/v/token"], container="a")
    assert answer.stdout.startswith(b"-rw-r--r--    1 0        0")


def test_a_pod_that_names_no_account_has_the_default_one(story: Any, c: Any) -> None:
    story.pod(c("a", volumeMounts=MOUNTS), volumes=volume())
    story.run("5s")
    claims = decoded(token_of(story).split(".")[1])
    assert claims["sub"] == "system:serviceaccount:default:default"
