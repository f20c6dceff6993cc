"""What the driver of a recording did to its pods, done again on the emulated node."""

from pathlib import Path
from typing import Any

import kubesim
from scripts.recordings.folder import NEW_IMAGE, plan_of
from scripts.recordings.play import Player, do_in_order

IMAGES = Path(__file__).parent / "images"
MANIFEST = """
{driver}
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, 1h]
    imagePullPolicy: IfNotPresent
    resources: {{requests: {{cpu: {cpu}}}}}
"""


def played(*pods: tuple[float, str], cpu: str = "10m") -> tuple[kubesim.Node, list[str]]:
    """Pods by when they were created, relative to the last one, and the driver's line of each."""
    with kubesim.Node(images=[IMAGES], capacity={"cpu": "2", "memory": "4Gi"}) as node:
        players = []
        for index, (born, driver) in enumerate(pods):
            manifest = MANIFEST.format(driver=driver, name=f"pod-{index}", cpu=cpu)
            players.append((born, Player(node, manifest, plan_of(manifest, 20))))
        do_in_order(node, [step for born, player in players for step in player.steps(born)])
        return node, [player.key for _, player in players]


def last(node: kubesim.Node, key: str) -> dict[str, Any]:
    return node.versions(key)[-1]


def test_what_comes_too_late_for_a_pod_is_left_at_that() -> None:
    node, (key,) = played(
        (0, '# driver: {"delete_at": 3, "actions": [[9, "delete3"], [10, "label"], [11, "newimage"]]}')
    )
    assert last(node, key)["type"] == "DELETED"
    assert sum(version["type"] == "ADDED" for version in node.versions(key)) == 1


def test_one_change_does_not_take_another_back() -> None:
    node, (key,) = played((0, '# driver: {"actions": [[3, "newimage"], [6, "label"]]}'))
    assert last(node, key)["status"]["containerStatuses"][0]["image"] == NEW_IMAGE
    assert [one["count"] for one in node.event_writes(key) if one["reason"] == "Started"] == [1, 2]


def test_the_pods_beside_do_what_they_did() -> None:
    """The first holds the room until it goes, 4 s after the second was created."""
    first = '# driver: {"delete_at": 8}'
    node, (_, second) = played((-4, first), (0, '# driver: {"delete_at": 12}'), cpu="1500m")
    assert last(node, second)["status"]["reason"] == "OutOfcpu"
    node, (_, second) = played((-12, first), (0, '# driver: {"delete_at": 12}'), cpu="1500m")
    assert last(node, second)["status"]["phase"] == "Failed"
    assert "reason" not in last(node, second)["status"]
