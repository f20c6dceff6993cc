"""What a container that sleeps holds in memory: its figure is a goal, and here is what would break it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

CONTAINERS = 20
OBJECTS_MAX = 130
"""Objects that Python's collector looks at, of a pod with one sleeping container and of its row in every table."""


def start_pods(node: Any, first: int, stop: int) -> None:
    """Pods with one sleeping container each."""
    for number in range(first, stop):
        config = node.pod_config(f"pod-{number}")
        node.start(node.run_pod(config), "sleep", "100", pod_config=config, name=f"ctr-{number}")


def messages() -> Iterator[Message]:
    """The messages of the CRI that anything holds. The collector does not know them, but who has them."""
    seen = set()
    for holder in gc.get_objects():
        for held in gc.get_referents(holder):
            if isinstance(held, Message) and id(held) not in seen:
                seen.add(id(held))
                yield held


def test_no_message_of_a_request_is_held_by_a_container_that_runs(node: Any) -> None:
    start_pods(node, 0, 1)
    before = sorted(type(message).__name__ for message in messages())
    start_pods(node, 1, 1 + CONTAINERS)

    assert sorted(type(message).__name__ for message in messages()) == before


def test_a_sleeping_container_is_few_objects(node: Any) -> None:
    start_pods(node, 0, 1)
    gc.collect()
    before = len(gc.get_objects())
    start_pods(node, 1, 1 + CONTAINERS)
    gc.collect()
    each = (len(gc.get_objects()) - before) / CONTAINERS

    assert each < OBJECTS_MAX, f"{each} objects"
