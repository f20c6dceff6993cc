"""What a real API server refuses in broken pods, against the recorded answers that the tests of the rules use.

`--kubesim-rewrite` records them anew.
"""

import http.client
import json
import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kubesim.testing.golden import compare_golden
from tests.model.validation.broken_pods import CHANGES, FOLDER, OBJECTS, TOPICS, Story, stories, told

from .cluster import TOKEN, ControlPlane, Kubectl
from .conftest import until

READY_SECONDS = 90
MAPS = re.compile(r"metadata\.(labels|annotations)|nodeSelector|matchLabels|\.(limits|requests)|topologySpread")
"""Go walks its maps in another order each time."""


class Asker:
    """Asks an API server whether it would store an object."""

    def __init__(self, port: int) -> None:
        # Its certificate is of its own making.
        context = ssl._create_unverified_context()
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=30)

    def close(self) -> None:
        self._connection.close()

    def request(self, method: str, path: str, body: Any, kind: str = "application/json") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        self._connection.request(method, path, body=json.dumps(body), headers=headers)
        found: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return found

    def refusals(self, one: dict[str, Any]) -> tuple[str, ...]:
        kinds = f"{one['kind'].lower()}s"
        answer = self.request("POST", f"/api/v1/namespaces/default/{kinds}?dryRun=All&fieldValidation=Strict", one)
        if answer["kind"] == one["kind"]:
            return ()
        assert answer["reason"] == "Invalid", answer["message"]
        return causes(answer)

    def refusals_of_change(self, old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
        pods = "/api/v1/namespaces/default/pods"
        stored = self.request("POST", pods, old)
        assert stored["kind"] == "Pod", stored["message"]
        answer = self.request("PUT", f"{pods}/p?dryRun=All&fieldValidation=Strict", new)
        self.request("DELETE", f"{pods}/p", {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
        lines = () if answer["kind"] == "Pod" else causes(answer)
        return tuple(part for line in lines for part in line.rstrip().split("\n"))


def causes(answer: dict[str, Any]) -> tuple[str, ...]:
    """The field errors of a refusal; as in its message, none of them twice."""
    found = (f"{cause['field']}: {cause['message']}" for cause in answer["details"]["causes"])
    return tuple(dict.fromkeys(found))


@pytest.fixture(scope="module")
def asker() -> Iterator[Asker]:
    programs = {name: os.environ.get(f"KUBESIM_{name.upper()}", "") for name in ("apiserver", "etcd", "kubectl")}
    if not all(programs.values()):
        pytest.skip("KUBESIM_APISERVER, KUBESIM_ETCD or KUBESIM_KUBECTL names no binary: real programs are optional")
    with tempfile.TemporaryDirectory() as folder:
        control_plane = ControlPlane(Path(folder), etcd=programs["etcd"], apiserver=programs["apiserver"])
        with control_plane.running():
            kubectl = Kubectl(programs["kubectl"], control_plane.kubeconfig)
            until(lambda: kubectl.done("get", "namespace", "default").returncode == 0, seconds=READY_SECONDS)
            with closing(Asker(control_plane.port)) as asker:
                yield asker


def recorded(story: Story, found: tuple[str, ...]) -> Story:
    """What is to be recorded; of an order that is chance, the recorded one stays."""
    is_chance = sorted(found) == sorted(story.answers) and any(MAPS.search(answer) for answer in found)
    return story if is_chance else replace(story, answers=found)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic(topic: str, asker: Asker, request: pytest.FixtureRequest) -> None:
    found = [recorded(story, asker.refusals(story.pod)) for story in stories(FOLDER / f"{topic}.txt")]

    rewrite = bool(request.config.getoption("--kubesim-rewrite"))
    compare_golden(FOLDER / f"{topic}.txt", told(found), rewrite=rewrite)


def test_changes(asker: Asker, request: pytest.FixtureRequest) -> None:
    found = [recorded(story, asker.refusals_of_change(*story.change)) for story in stories(CHANGES)]

    compare_golden(CHANGES, told(found), rewrite=bool(request.config.getoption("--kubesim-rewrite")))


def test_other_objects(asker: Asker, request: pytest.FixtureRequest) -> None:
    found = [recorded(story, asker.refusals(story.object)) for story in stories(OBJECTS)]

    compare_golden(OBJECTS, told(found), rewrite=bool(request.config.getoption("--kubesim-rewrite")))
