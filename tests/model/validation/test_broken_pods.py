"""The refusals of a few hundred broken pods are those of a real API server, word by word and in its order.

The answers in `broken/*.txt` are recorded: tests/real_programs/test_broken_pods.py asks them of kube-apiserver again.
"""

from dataclasses import replace

import pytest

from kubesim.model.convert import convert
from kubesim.model.k8s_v1 import ConfigMap, Pod, Secret, Service
from kubesim.model.pod_defaults import admit_priority, default_pod
from kubesim.model.validation.config_map import config_map_errors, default_config_map
from kubesim.model.validation.options import ValidationOptions
from kubesim.model.validation.pod import pod_errors, quantity_errors
from kubesim.model.validation.pod_update import pod_update_errors
from kubesim.model.validation.secret import default_secret, secret_errors
from kubesim.model.validation.service import default_service, service_errors
from kubesim.model.yaml_text import Document
from kubesim.node.disabled_fields import without_disabled_fields
from kubesim.policy.feature_gates import DEFAULT_GATES
from tests.model.validation.broken_pods import CHANGES, FOLDER, OBJECTS, TOPICS, Story, stories, told

AS_RECORDED = ValidationOptions(names_service_account=False)
"""That API server had nobody to make accounts."""


def answers(story: Story) -> tuple[str, ...]:
    pod = convert(Document(value=story.pod, name="pod"), Pod)
    assert quantity_errors(pod) == []
    pod = without_disabled_fields(default_pod(pod), DEFAULT_GATES)
    return tuple(dict.fromkeys(str(error) for error in pod_errors(pod, AS_RECORDED)))


def answers_to_change(story: Story) -> tuple[str, ...]:
    old, new = (admit_priority(default_pod(convert(Document(value=one, name="pod"), Pod))) for one in story.change)
    return tuple(line for error in pod_update_errors(new, old, AS_RECORDED) for line in str(error).rstrip().split("\n"))


def test_changes() -> None:
    found = stories(CHANGES)

    assert told([replace(story, answers=answers_to_change(story)) for story in found]) == CHANGES.read_text()


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic(topic: str) -> None:
    found = stories(FOLDER / f"{topic}.txt")

    assert told([replace(story, answers=answers(story)) for story in found]) == (FOLDER / f"{topic}.txt").read_text()


def answers_for_object(story: Story) -> tuple[str, ...]:
    document = Document(value=story.object, name="object")
    if story.object["kind"] == "Secret":
        errors = secret_errors(default_secret(convert(document, Secret)))
    elif story.object["kind"] == "Service":
        errors = service_errors(default_service(convert(document, Service)))
    else:
        errors = config_map_errors(default_config_map(convert(document, ConfigMap)))
    return tuple(dict.fromkeys(map(str, errors)))


def test_other_objects() -> None:
    found = stories(OBJECTS)

    assert told([replace(story, answers=answers_for_object(story)) for story in found]) == OBJECTS.read_text()


def test_the_table_is_large_and_mostly_broken() -> None:
    found = [story for topic in TOPICS for story in stories(FOLDER / f"{topic}.txt")]

    assert len(found) > 400
    assert sum(bool(story.answers) for story in found) > 380
