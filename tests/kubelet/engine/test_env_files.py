"""Variables from files that init containers wrote: the gate EnvFiles, on since 1.35."""

from typing import Any

import pytest

VOLUMES = [{"name": "v", "emptyDir": {}}, {"name": "other", "emptyDir": {}}]
MOUNTS = [{"name": "v", "mountPath": "/v"}]


def file_key(path: str, key: str, volume: str = "v", **more: Any) -> dict[str, Any]:
    return {"fileKeyRef": {"volumeName": volume, "path": path, "key": key, **more}}


def run(story: Any, c: Any, script: str, env: list[dict[str, Any]]) -> None:
    init = c("i", "sh", "-c", script, volumeMounts=MOUNTS)
    story.pod(c("a", env=env), initContainers=[init], volumes=VOLUMES)
    story.run("5s")


def test_values(story: Any, c: Any) -> None:
    env = [
        {"name": "A", "valueFrom": file_key("sub/env", "ONE")},
        {"name": "B", "value": "<$(A)>"},
        {"name": "C", "valueFrom": file_key("sub/env", "LINES")},
        {"name": "D", "valueFrom": file_key("sub/env", "NONE", optional=True)},
        {"name": "E", "valueFrom": file_key("link", "ONE")},
    ]
    script = (
        "mkdir /v/sub; echo \"ONE='1' # first\" > /v/sub/env; printf \"LINES='x\\ny'\\n\" >> /v/sub/env; "
        "ln -s /sub/env /v/link"
    )
    run(story, c, script, env)
    variables = story.node.exec("default/web", ["sh", "-c", 'echo "$A|$B|$C|${D-unset}|$E"']).stdout
    assert variables == b"1|<1>|x\ny|unset|1\n"


@pytest.mark.parametrize(
    ("script", "reference", "message"),
    [
        ("true", file_key("env", "K"), "couldn't parse env file"),
        ("true", file_key("env", "K", optional=True), "couldn't parse env file"),
        ("echo K=v > /v/env", file_key("env", "K"), "couldn't parse env file"),
        ("mkdir /v/env", file_key("env", "K"), "couldn't parse env file"),
        ("ln -s env /v/env", file_key("env", "K"), "SecureJoin DIR/env: too many levels of symbolic links"),
        (
            "echo \"A='v'\" > /v/env",
            file_key("env", "K"),
            'environment variable key "K" not found in file "DIR/env"',
        ),
        (
            "echo \"K=''\" > /v/env",
            file_key("env", "K"),
            'environment variable key "K" not found in file "DIR/env"',
        ),
        ("true", file_key("env", "K", volume="other"), 'cannot find the volume "other" referenced by FileKeyRef'),
    ],
)
def test_what_is_missing(story: Any, c: Any, script: str, reference: dict[str, Any], message: str) -> None:
    run(story, c, script, [{"name": "A", "valueFrom": reference}])
    directory = "/var/lib/kubelet/pods/UID/volumes/kubernetes.io~empty-dir/v"
    failed = next(line for line in story.events().splitlines() if line.startswith("Warning Failed"))
    assert failed.replace(directory, "DIR") == f"Warning Failed a: Error: {message}"
    story.run("20s")
    assert story.waiting().replace(directory, "DIR") == f"CreateContainerConfigError: {message}"


def test_the_log_says_what_is_wrong_with_a_file(story: Any, c: Any) -> None:
    run(story, c, "echo K=v > /v/env", [{"name": "A", "valueFrom": file_key("env", "K")}])
    text = "invalid environment variable format at line 1: value must be enclosed in single quotes"
    assert f'E "Failed to parse env file" err="{text}" pod="default/web"' in story.node.log
