"""Mounts of image volumes: sub paths, several mounts of one volume, mounts within it, and every kind of container."""

from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.errors import InputError

REFERENCE = "registry.example/site:1"
IMAGES: list[dict[str, Any]] = [
    {
        "apiVersion": "kubesim/v1",
        "kind": "Image",
        "metadata": {"name": REFERENCE},
        "spec": {
            "files": {
                "/index": "home\n",
                "/conf/a": "a\n",
                "/conf/b": "b\n",
                "/empty/": {},
                "/link": {"link": "conf"},
                "/away": {"link": "/etc"},
            }
        },
    }
]
VOLUMES = [{"name": "v", "image": {"reference": REFERENCE}}, {"name": "e", "emptyDir": {}}]


def mount(path: str = "/v", name: str = "v", **more: Any) -> dict[str, Any]:
    return {"name": name, "mountPath": path, **more}


@pytest.fixture
def site(new_story: Any) -> Any:
    def make(**options: Any) -> Any:
        return new_story(images=IMAGES, **options)

    return make


def run(story: Any, *command: str, container: str | None = None) -> str:
    answer = story.node.exec("default/web", command, container=container)
    return (answer.stdout + answer.stderr).decode()


def sent(story: Any, container: str = "a") -> list[api.Mount]:
    """The image mounts of a container as they were asked for."""
    requests = [one.request for one in story.node.journal if one.method == "CreateContainer"]
    request = next(one for one in requests if one.config.metadata.name == container)
    return [one for one in request.config.mounts if one.HasField("image")]


def test_several_mounts_of_one_volume(site: Any, c: Any) -> None:
    story = site()
    mounts = [mount("/all"), mount("/conf", subPath="conf"), mount("/which", subPathExpr="$(DIR)")]
    story.pod(c("a", env=[{"name": "DIR", "value": "empty"}], volumeMounts=mounts), volumes=VOLUMES)
    story.run("5s")
    assert run(story, "cat", "/all/index", "/conf/a", "/all/conf/b") == "home\na\nb\n"
    assert run(story, "ls", "/which") == ""
    assert [(one.container_path, one.image_sub_path) for one in sent(story)] == [
        ("/all", ""),
        ("/conf", "conf"),
        ("/which", "empty"),
    ]
    # One image is asked for; each mount counts.
    metrics = story.node.metrics()
    assert metrics["kubelet_image_volume_requested_total"] == 1
    assert metrics["kubelet_image_volume_mounted_succeed_total"] == 3


def test_what_the_runtime_is_sent(site: Any, c: Any) -> None:
    story = site()
    story.pod(c("a", volumeMounts=[mount()]), meta={"annotations": {"example.com/a": "b"}}, volumes=VOLUMES)
    story.run("5s")
    (found,) = sent(story)
    assert (found.host_path, found.readonly, found.selinux_relabel) == ("", True, False)
    assert (found.propagation, found.recursive_read_only) == (api.PROPAGATION_PRIVATE, False)
    assert found.image.user_specified_image == REFERENCE
    assert found.image.annotations["example.com/a"] == "b"
    pull = next(
        one.request for one in story.node.journal if one.method == "PullImage" and REFERENCE in str(one.request)
    )
    assert pull.image.annotations == found.image.annotations


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("/etc", "error SubPath `/etc` must not be an absolute path"),
        ("../x", "unable to provision SubPath `../x`: must not contain '..'"),
        ("a/../b", "unable to provision SubPath `a/../b`: must not contain '..'"),
        ("", "missing value for DIR"),
    ],
)
def test_sub_paths_that_the_kubelet_refuses(site: Any, c: Any, value: str, text: str) -> None:
    """What the API server cannot see before the variable is expanded."""
    story = site()
    env = [{"name": "DIR", "value": value}]
    story.pod(c("a", env=env, volumeMounts=[mount(subPathExpr="$(DIR)")]), volumes=VOLUMES)
    story.run("5s")
    assert story.waiting() == f"CreateContainerConfigError: {text}"
    assert f"Warning Failed a (x2): Error: {text}" in story.events()
    # The kubelet counts it as mounted: only what CreateContainer says is a failed mount.
    metrics = story.node.metrics()
    assert metrics["kubelet_image_volume_mounted_errors_total"] == 0
    assert metrics["kubelet_image_volume_mounted_succeed_total"] >= 1


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"subPath": "/etc"}, 'subPath: Invalid value: "/etc": must be a relative path'),
        ({"subPath": "a/../.."}, "subPath: Invalid value: \"a/../..\": must not contain '..'"),
        ({"subPath": "a", "subPathExpr": "b"}, "subPathExpr and subPath are mutually exclusive"),
    ],
)
def test_sub_paths_that_the_api_refuses(site: Any, c: Any, more: dict[str, str], text: str) -> None:
    story = site()
    with pytest.raises(InputError) as caught:
        story.pod(c("a", volumeMounts=[mount(**more)]), volumes=VOLUMES)
    assert text in str(caught.value)


@pytest.mark.parametrize("key", ["subPath", "subPathExpr"])
def test_sub_paths_are_allowed_since_1_33(site: Any, c: Any, key: str) -> None:
    gates = {"featureGates": {"ImageVolume": True}}
    for version in ("1.31", "1.32"):
        story = site(kubelet_version=version, config=gates)
        with pytest.raises(InputError) as caught:
            story.pod(c("a", volumeMounts=[mount(**{key: "conf"})]), volumes=VOLUMES)
        assert f'{key}: Invalid value: "conf": not allowed in image volume sources' in str(caught.value)
    story = site(kubelet_version="1.33", config=gates)
    story.pod(c("a", volumeMounts=[mount(**{key: "conf"})]), volumes=VOLUMES)
    story.run("5s")
    assert run(story, "cat", "/v/a") == "a\n"


def test_a_container_without_the_volume_it_mounts_fails_alone(site: Any, c: Any) -> None:
    """A sub path that is not there is one container's matter, and the mount metric of CRI-O tells it."""
    story = site(profile="cri-o-1.36")
    story.pod(c("a", volumeMounts=[mount(subPath="gone")]), c("b", volumeMounts=[mount()]), volumes=VOLUMES)
    story.run("5s")
    assert story.is_running("b")
    assert story.waiting("a").startswith("CreateContainerError: ImageVolumeMountFailed: ")
    metrics = story.node.metrics()
    assert metrics["kubelet_image_volume_mounted_succeed_total"] == 1
    assert metrics["kubelet_image_volume_mounted_errors_total"] >= 1


@pytest.mark.parametrize("order", [1, -1])
def test_a_mount_within_an_image_volume(site: Any, c: Any, order: int) -> None:
    """Runtimes mount what lies deeper later, whatever the order of the request."""
    story = site()
    mounts = [mount("/v"), mount("/v/empty", name="e")][::order]
    story.pod(c("a", volumeMounts=mounts), volumes=VOLUMES)
    story.run("5s")
    assert run(story, "sh", "-c", "echo x > /v/empty/new; cat /v/empty/new /v/index") == "x\nhome\n"
    assert "Read-only file system" in run(story, "touch", "/v/new")


def test_an_image_volume_within_an_empty_dir(site: Any, c: Any) -> None:
    story = site()
    mounts = [mount("/e", name="e"), mount("/e/v")]
    story.pod(c("a", volumeMounts=mounts), volumes=VOLUMES)
    story.run("5s")
    assert run(story, "sh", "-c", "echo x > /e/new; cat /e/new /e/v/index") == "x\nhome\n"


def test_links_in_the_volume(site: Any, c: Any) -> None:
    story = site()
    story.pod(c("a", volumeMounts=[mount(), mount("/linked", subPath="link")]), volumes=VOLUMES)
    story.run("5s")
    assert run(story, "cat", "/v/link/a", "/linked/b") == "a\nb\n"
    # An absolute link means the container's own files.
    assert run(story, "cat", "/v/away/hostname") == "web\n"


def test_init_sidecar_and_regular_containers_share_a_volume(site: Any, c: Any) -> None:
    story = site()
    init = c("first", "sh", "-c", "cat /v/index > /e/copy", volumeMounts=[mount(), mount("/e", name="e")])
    side = c("side", volumeMounts=[mount()], restartPolicy="Always")
    story.pod(
        c("a", volumeMounts=[mount("/else", subPath="conf"), mount("/e", name="e")]),
        initContainers=[init, side],
        volumes=VOLUMES,
    )
    story.run("10s")
    assert run(story, "cat", "/e/copy", "/else/a") == "home\na\n"
    assert run(story, "cat", "/v/index", container="side") == "home\n"
    assert len({one.image.image for name in ("first", "side", "a") for one in sent(story, name)}) == 1
    metrics = story.node.metrics()
    assert metrics["kubelet_image_volume_requested_total"] == 3


def test_an_init_container_without_its_volume_holds_the_pod(site: Any, c: Any) -> None:
    story = site()
    volumes = [{"name": "v", "image": {"reference": "registry.example/gone:1", "pullPolicy": "Never"}}]
    story.pod(c("a"), initContainers=[c("first", volumeMounts=[mount()])], volumes=volumes)
    story.run("5s")
    text = 'Container image "registry.example/gone:1" is not present with pull policy of Never'
    assert story.waiting("first") == f"ErrImageNeverPull: {text}"
    assert story.waiting("a") == "PodInitializing: "
    metrics = story.node.metrics()
    # The start is counted, but neither as failed nor as a wanted volume: the kubelet gives up before.
    assert metrics['kubelet_started_containers_total{container_type="init_container"}'] >= 1
    assert not any(name.startswith("kubelet_started_containers_errors_total") for name in metrics)
    assert metrics["kubelet_image_volume_requested_total"] == 0


def test_the_last_failed_volume_is_the_reason(site: Any, c: Any) -> None:
    story = site()
    volumes = [
        {"name": "v", "image": {"reference": "registry.example/gone:1", "pullPolicy": "Never"}},
        {"name": "w", "image": {"reference": "Not/A/Name"}},
        {"name": "x", "image": {"reference": REFERENCE}},
    ]
    mounts = [mount("/v"), mount("/w", name="w"), mount("/x", name="x")]
    story.pod(c("a", volumeMounts=mounts), volumes=volumes)
    story.run("2s")
    assert story.waiting().startswith('InvalidImageName: Failed to apply default image tag "Not/A/Name"')
    story.check(
        story.events(),
        """
        Warning ErrImageNeverPull (x2): Container image "registry.example/gone:1" is not present with pull policy of
            Never
        Warning InspectFailed (x2): Failed to apply default image tag "Not/A/Name": couldn't parse image name
            "Not/A/Name": invalid reference format: repository name (A/Name) must be lowercase
        Normal Pulling: Pulling image "registry.example/site:1"
        Normal Pulled: Successfully pulled image "registry.example/site:1" in 62ms (62ms including waiting). Image
            size: N bytes.
        Warning Failed a (x2): Error: ErrImageNeverPull
        Warning Failed a (x2): Error: InvalidImageName
        Normal Pulled: Container image "registry.example/site:1" already present on machine and can be accessed by the
            pod
        """,
    )


def image_that_fails(**error: Any) -> dict[str, Any]:
    spec = {"files": {"/a": "a"}, "pull": {"error": error}}
    return {"apiVersion": "kubesim/v1", "kind": "Image", "metadata": {"name": REFERENCE}, "spec": spec}


@pytest.mark.parametrize(
    ("error", "profile", "reason"),
    [
        ({"kind": "not-found"}, "containerd-2.3", "ErrImagePull"),
        ({"kind": "registry-unavailable"}, "cri-o-1.36", "RegistryUnavailable"),
        ({"kind": "signature-invalid"}, "cri-o-1.36", "SignatureValidationFailed"),
    ],
)
def test_every_reason_of_images_is_one_of_volumes(
    new_story: Any, c: Any, error: dict[str, str], profile: str, reason: str
) -> None:
    story = new_story(profile=profile, images=[image_that_fails(**error)])
    story.pod(c("a", volumeMounts=[mount()]), volumes=VOLUMES[:1])
    story.run("2s")
    assert story.waiting().startswith(f"{reason}: ")
    story.run("20s")
    assert story.waiting().startswith(f'ImagePullBackOff: Back-off pulling image "{REFERENCE}": {reason}: ')


def test_a_pull_that_works_in_the_end(new_story: Any, c: Any) -> None:
    story = new_story(images=[image_that_fails(kind="not-found", times=3)])
    story.pod(c("a", volumeMounts=[mount()]), volumes=VOLUMES[:1])
    story.run("3m")
    assert story.is_running("a")
    assert story.of("a")["restartCount"] == 0


def test_always_takes_a_moved_tag_for_containers_that_start_later(site: Any, c: Any) -> None:
    story = site()
    volumes = [{"name": "v", "image": {"reference": "registry.example/moving:1", "pullPolicy": "Always"}}]
    story.node.runtime.tag_image("registry.example/moving:1", REFERENCE)
    story.pod(c("a", volumeMounts=[mount()]), c("b", volumeMounts=[mount()]), volumes=volumes)
    story.run("5s")
    assert run(story, "cat", "/v/index") == "home\n"
    story.node.runtime.tag_image("registry.example/moving:1", "quay.io/crio/artifact:v1")
    story.run("3m")  # a resync pulls the new image; nobody sees it
    assert run(story, "ls", "/v") == run(story, "ls", "/v", container="b")
    story.exit(1)
    story.run("3s")
    assert run(story, "ls", "/v") == "dir\nfile\n"
    assert run(story, "cat", "/v/index", container="b") == "home\n"


def test_if_not_present_keeps_what_the_node_has(site: Any, c: Any) -> None:
    story = site()
    story.node.runtime.tag_image("registry.example/moving:1", REFERENCE)
    volumes = [{"name": "v", "image": {"reference": "registry.example/moving:1", "pullPolicy": "IfNotPresent"}}]
    story.pod(c("a", volumeMounts=[mount()]), volumes=volumes)
    story.run("5s")
    story.node.runtime.tag_image("registry.example/moving:1", "quay.io/crio/artifact:v1")
    story.exit(1)
    story.run("3s")
    assert run(story, "cat", "/v/index") == "home\n"


def test_the_default_policy_follows_the_tag(site: Any, c: Any) -> None:
    story = site()
    references = ("a", "a:latest", "a:1", f"a@sha256:{'0' * 64}")
    story.pod(c("a"), volumes=[{"name": f"v{i}", "image": {"reference": one}} for i, one in enumerate(references)])
    found = [one["image"]["pullPolicy"] for one in story.node.pod("default/web")["spec"]["volumes"]]
    assert found == ["Always", "Always", "IfNotPresent", "IfNotPresent"]


@pytest.mark.parametrize(
    ("profile", "mode", "outcome"),
    [
        ("containerd-2.3", "Enabled", "Enabled"),
        ("containerd-2.3", "IfPossible", "Enabled"),
        ("containerd-1.7", "IfPossible", "Disabled"),
    ],
)
def test_recursive_read_only(new_story: Any, c: Any, profile: str, mode: str, outcome: str) -> None:
    """It depends on what the runtime's handler says, for the mount and in the status."""
    story = new_story(profile=profile)
    mounts = [mount("/e", name="e", readOnly=True, recursiveReadOnly=mode)]
    story.pod(c("a", volumeMounts=mounts), volumes=VOLUMES[1:])
    story.run("5s")
    request = next(one.request for one in story.node.journal if one.method == "CreateContainer")
    assert request.config.mounts[0].recursive_read_only is (outcome == "Enabled")
    assert story.of("a")["volumeMounts"][0]["recursiveReadOnly"] == outcome


def test_recursive_read_only_that_the_runtime_cannot(new_story: Any, c: Any) -> None:
    story = new_story(profile="containerd-1.7")
    mounts = [mount("/e", name="e", readOnly=True, recursiveReadOnly="Enabled")]
    story.pod(c("a", volumeMounts=mounts), volumes=VOLUMES[1:])
    story.run("5s")
    text = 'volume "e" requested recursive read-only mode, but it is not supported by the runtime'
    assert story.waiting() == f"CreateContainerConfigError: failed to resolve recursive read-only mode: {text}"


def test_ephemeral_container(site: Any, c: Any) -> None:
    """It may mount the volumes that the pod has, without a sub path."""
    story = site()
    key = story.pod(c("a"), volumes=VOLUMES)
    story.node.add_ephemeral_container(key, c("debug", volumeMounts=[mount()]))
    story.run("5s")
    assert run(story, "cat", "/v/index", container="debug") == "home\n"
    with pytest.raises(InputError, match="subPath: Forbidden: cannot be set for an Ephemeral Container"):
        story.node.add_ephemeral_container(key, c("other", volumeMounts=[mount(subPath="conf")]))


def test_removal_of_the_image_while_it_is_mounted(site: Any, c: Any, tmp_path: Path) -> None:
    """containerd removes the name; the mount stays, and the next container has to pull again."""
    del tmp_path
    story = site()
    story.pod(c("a", volumeMounts=[mount()]), volumes=VOLUMES)
    story.run("5s")
    remove = api.RemoveImageRequest(image=api.ImageSpec(image=REFERENCE))
    story.node._run(story.node._client.remove_image(remove), name="remove")
    assert run(story, "cat", "/v/index") == "home\n"
    story.exit(1)
    story.run("3s")
    assert run(story, "cat", "/v/index") == "home\n"
    pulls = [one for one in story.node.journal if one.method == "PullImage" and REFERENCE in str(one.request)]
    assert len(pulls) == 2
