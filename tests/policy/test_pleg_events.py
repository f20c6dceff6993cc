"""What changed between two looks at a pod, and what is told of it."""

from collections.abc import Sequence

import pytest

from kubesim.policy.pleg_events import (
    ContainerEventKind,
    PlegEvent,
    PlegEventKind,
    container_changes,
    pleg_state,
    pod_changes,
    streamed_events,
    told_events,
)
from kubesim.policy.pod_view import RuntimeState

STARTED, DIED, REMOVED, CHANGED, POD_SYNC = PlegEventKind


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("non-existent", "running", [STARTED]),
        ("non-existent", "exited", [DIED]),
        ("non-existent", "unknown", [CHANGED]),
        ("running", "running", []),
        ("running", "exited", [DIED]),
        ("running", "unknown", [CHANGED]),
        ("running", "non-existent", [DIED, REMOVED]),
        ("exited", "non-existent", [REMOVED]),
        ("exited", "running", [STARTED]),
        ("unknown", "non-existent", [DIED, REMOVED]),
        ("non-existent", "non-existent", []),
    ],
)
def test_the_changes_of_one_container(old: str, new: str, kinds: Sequence[PlegEventKind]) -> None:
    assert list(container_changes(old, new)) == kinds


def test_a_container_that_was_only_created_is_unknown() -> None:
    assert [pleg_state(one) for one in RuntimeState] == ["unknown", "running", "exited", "unknown"]


def test_known_ones_come_before_new_ones() -> None:
    changes = pod_changes("u", {"a": "running", "s": "running"}, {"b": "running", "a": "exited", "s": "running"})

    assert changes == (
        PlegEvent(uid="u", kind=DIED, container_id="a"),
        PlegEvent(uid="u", kind=STARTED, container_id="b"),
    )


def test_nobody_is_told_of_a_change_to_an_unknown_state() -> None:
    changes = pod_changes("u", {}, {"a": "unknown", "s": "running"})

    assert told_events("u", changes) == (PlegEvent(uid="u", kind=STARTED, container_id="s"),)


def test_a_pod_that_was_only_inspected_once_more_is_synced() -> None:
    assert told_events("u", ()) == (PlegEvent(uid="u", kind=POD_SYNC),)


def test_only_a_removal_asks_for_no_sync() -> None:
    assert [kind for kind in PlegEventKind if not kind.asks_for_sync] == [REMOVED]


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        (ContainerEventKind.CREATED, []),
        (ContainerEventKind.STARTED, [STARTED]),
        (ContainerEventKind.STOPPED, [DIED]),
        (ContainerEventKind.DELETED, [DIED, REMOVED]),
    ],
)
def test_what_a_streamed_event_tells(kind: ContainerEventKind, kinds: Sequence[PlegEventKind]) -> None:
    events = streamed_events("u", kind, "c")

    assert [(one.uid, one.kind, one.container_id) for one in events] == [("u", one, "c") for one in kinds]
