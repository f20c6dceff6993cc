"""Private images: which logins are tried, what a missing secret says, and when a late one helps."""

import base64
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

PRIVATE = "registry.example/team/app:1"
IMAGES = """\
apiVersion: kubesim/v1
kind: Image
metadata: {name: "registry.example/team/app:1"}
spec:
  files: {/data: "x\\n", /bin/: {userland: busybox}}
  pull: {credentials: {username: bot, password: secret}}
"""


def docker_config(**entries: tuple[str, str]) -> str:
    """A configuration: host names with their dots as underscores."""
    auths = {
        where.replace("__", "/").replace("_", "."): {"username": user, "password": password}
        for where, (user, password) in entries.items()
    }
    return json.dumps({"auths": auths})


def secret(name: str = "login", text: str | None = None, **more: Any) -> dict[str, Any]:
    text = docker_config(registry_example=("bot", "secret")) if text is None else text
    data = {".dockerconfigjson": base64.b64encode(text.encode()).decode()}
    kind = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
    return {**kind, "type": "kubernetes.io/dockerconfigjson", **more}


@pytest.fixture
def private(new_story: Any, tmp_path: Path) -> Any:
    """A node whose registry asks for a login."""
    path = tmp_path / "images.yaml"
    path.write_text(IMAGES)

    def make(**node: Any) -> Any:
        return new_story(images=[path], **node)

    return make


def pulls(story: Any) -> list[tuple[str, bool]]:
    """User name and success of each PullImage of the private image."""
    return [
        (one.request.auth.username, one.error is None)
        for one in story.node.journal
        if one.method == "PullImage" and one.request.image.image == PRIVATE
    ]


def pod(story: Any, c: Any, *names: str, **more: Any) -> str:
    return story.pod(c("a", image=PRIVATE), imagePullSecrets=[{"name": name} for name in names], **more)


def test_a_login_of_the_pod(private: Any, c: Any) -> None:
    story = private()
    assert story.node.apply(secret()) == ["secret/default/login"]
    pod(story, c, "login")
    story.run("5s")
    assert story.is_running("a")
    assert pulls(story) == [("bot", True)]


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.28", "cri-o-1.36"])
def test_runtimes_take_the_login(private: Any, c: Any, profile: str) -> None:
    story = private(profile=profile)
    story.node.apply(secret())
    pod(story, c, "login")
    story.run("5s")
    assert story.is_running("a")


def test_the_old_form_and_plain_text(private: Any, c: Any) -> None:
    story = private()
    text = json.dumps({"https://registry.example/v1/": {"auth": base64.b64encode(b"bot:secret").decode()}})
    old = secret(type="kubernetes.io/dockercfg", stringData={".dockercfg": text})
    story.node.apply({**old, "data": {}})
    pod(story, c, "login")
    story.run("5s")
    assert pulls(story) == [("bot", True)]


def test_every_login_is_tried_in_the_order_of_the_keyring(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret("first", docker_config(registry_example=("old", "x"), quay_io=("quay", "x"))))
    story.node.apply(secret("second", docker_config(registry_example__team=("team", "x"))))
    story.node.apply(secret("third"))
    pod(story, c, "first", "second", "third")
    story.run("5s")
    assert pulls(story) == [("team", False), ("old", False), ("bot", True)]
    assert story.is_running("a")


def test_failures_of_all_logins_are_one_error(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret("first", docker_config(registry_example=("old", "x"))))
    story.node.apply(secret("second", docker_config(registry_example=("older", ""))))
    pod(story, c, "first", "second")
    story.run("2s")
    # One login is refused with a password, the other is as good as none: two texts.
    waiting = story.waiting()
    assert waiting.startswith("ErrImagePull: [")
    assert waiting.endswith("]")
    assert waiting.count(f'failed to pull and unpack image "{PRIVATE}"') == 2


def test_a_missing_secret_is_told_and_passed_over(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret())
    pod(story, c, "gone", "login", "away", "")
    story.run("5s")
    assert story.is_running("a")
    assert story.events().splitlines()[0] == (
        "Warning FailedToRetrieveImagePullSecret (x2): Unable to retrieve some image pull secrets (gone, away); "
        "attempting to pull the image may not succeed."
    )


def test_secrets_of_other_types_and_namespaces_do_not_count(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret(type="Opaque"))
    story.node.apply(secret("there", metadata={"name": "there", "namespace": "other"}))
    pod(story, c, "login", "there")
    story.run("5s")
    assert pulls(story)[0] == ("", False)
    assert "(there)" in story.events().splitlines()[0]


def test_a_secret_that_cannot_be_read(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret(text='{"auths": {"registry.example": {"auth": "!"}}}'))
    pod(story, c, "login")
    story.run("5s")
    assert story.waiting() == "illegal base64 data at input byte 0: illegal base64 data at input byte 0"
    assert pulls(story) == []
    story.check(story.events(), "Warning Failed a (x2): Error: illegal base64 data at input byte 0")


@pytest.mark.parametrize("where", ["container", "volume"])
def test_a_secret_that_appears_after_six_hours(private: Any, c: Any, where: str) -> None:
    """k/k#119891: the back-off never exceeds 300 s, and a secret that appears helps within it."""
    story = private()
    volumes = [{"name": "v", "image": {"reference": PRIVATE}}]
    if where == "container":
        pod(story, c, "login")
    else:
        mounts = [{"name": "v", "mountPath": "/v"}]
        story.pod(c("a", volumeMounts=mounts), volumes=volumes, imagePullSecrets=[{"name": "login"}])
    story.run("6h")
    assert story.waiting().startswith("ImagePullBackOff: Back-off pulling image")
    times = [one.time_ns for one in story.node.journal if one.method == "PullImage" and not one.response]
    gaps = [(after - before) / 1e9 for before, after in pairwise(times)]
    assert [gap // 10 * 10 for gap in gaps[:5]] == [10, 20, 40, 80, 160]
    assert 300 <= min(gaps[5:]) <= max(gaps[5:]) <= 316  # the next sync is up to 15 s after the back-off
    assert 60 <= len(times) <= 75
    story.node.apply(secret())
    story.until(lambda: story.is_running("a"), at_most="316s")


def test_container_and_volume_of_one_name_share_their_back_off(private: Any, c: Any) -> None:
    story = private()
    volumes = [{"name": "v", "image": {"reference": PRIVATE}}]
    story.pod(c("a", image=PRIVATE), volumes=volumes)
    story.run("1s")
    assert pulls(story) == [("", False)]  # the volume's; the container found the back-off
    assert story.waiting().startswith("ImagePullBackOff")


# -- an image that somebody else pulled ----------------------------------------------------------------------------


def test_a_pod_without_the_login_cannot_use_the_image_of_another(private: Any, c: Any) -> None:
    """KubeletEnsureSecretPulledImages: the image is there, but this pod has to show that it may pull it."""
    story = private()
    story.node.apply(secret())
    pod(story, c, "login", name="web")
    story.run("5s")
    story.pod(c("a", image=PRIVATE), name="thief")
    story.pod(c("a", image=PRIVATE, imagePullPolicy="Never"), name="never")
    pod(story, c, "login", name="friend")
    story.run("5s")
    assert story.waiting(key="default/thief").startswith("ErrImagePull: ")
    assert story.waiting(key="default/never") == (
        f'ErrImageNeverPull: Container image "{PRIVATE}" is not present with pull policy of Never'
    )
    assert story.is_running("a", "default/friend")
    assert pulls(story) == [("bot", True), ("", False)]


def test_before_1_35_the_image_is_for_everybody(private: Any, c: Any) -> None:
    story = private(kubelet_version="1.34")
    story.node.apply(secret())
    pod(story, c, "login", name="web")
    story.run("5s")
    story.pod(c("a", image=PRIVATE), name="thief")
    story.run("5s")
    assert story.is_running("a", "default/thief")


def test_policy_never_verify(private: Any, c: Any) -> None:
    story = private(config={"imagePullCredentialsVerificationPolicy": "NeverVerify", "clusterDNS": ["10.96.0.10"]})
    story.node.apply(secret())
    pod(story, c, "login", name="web")
    story.run("5s")
    story.pod(c("a", image=PRIVATE), name="thief")
    story.run("5s")
    assert story.is_running("a", "default/thief")


def test_a_rotated_login_of_the_same_secret_is_taken_over(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret())
    pod(story, c, "login", name="web")
    story.run("5s")
    story.node.apply(secret(text=docker_config(registry_example=("bot", "rotated"))))
    pod(story, c, "login", name="later")
    story.run("5s")
    assert story.is_running("a", "default/later")
    assert pulls(story) == [("bot", True)]


def test_records_outlive_the_kubelet(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret())
    pod(story, c, "login", name="web")
    story.run("5s")
    story.node.restart_kubelet()
    story.pod(c("a", image=PRIVATE), name="thief")
    story.run("5s")
    assert story.waiting(key="default/thief").startswith("ErrImagePull: ")


def test_a_pull_that_the_kubelet_did_not_see_end(private: Any, c: Any) -> None:
    """The runtime finished it; nobody knows with which login, so that every pod has to pull again."""
    story = private()
    story.node.apply(secret())
    pod(story, c, "login", name="web")
    story.until(lambda: any(one.method == "RunPodSandbox" for one in story.node.journal))
    story.run("30ms")
    story.node.restart_kubelet(down_for="1s")
    story.pod(c("a", image=PRIVATE, imagePullPolicy="Never"), name="never")
    story.run("5s")
    assert story.is_running("a")
    assert story.waiting(key="default/never").startswith("ErrImageNeverPull: ")


def test_a_secret_can_be_deleted(private: Any, c: Any) -> None:
    story = private()
    story.node.apply(secret())
    story.node.delete("secret/default/login")
    pod(story, c, "login")
    story.run("5s")
    assert story.waiting().startswith("ErrImagePull: ")
