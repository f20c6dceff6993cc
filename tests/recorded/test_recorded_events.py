"""What of two hosts' events is the same, and what is not."""

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from scripts.recordings.compare import compare_events  # noqa: E402 - scripts are no package of the tests
from scripts.recordings.folder import Folder  # noqa: E402 - likewise

UID = "0b7a2c53-8a27-4b6e-9d5c-1f1d7c2f4d10"
OTHER_UID = "5c1b9f0e-4c1a-4f5e-8a3b-2d6e7f8a9b0c"


def write(t: float, reason: str = "Started", **more: Any) -> dict[str, Any]:
    at = f"2026-01-01T00:00:{int(t):02d}Z"
    row = {"t": t, "type": "Normal", "reason": reason, "message": "m", "count": 1, "source": "kubelet"}
    return {**row, "firstTimestamp": at, "lastTimestamp": at, **more}


def test_ids_times_and_sizes_are_of_the_host() -> None:
    def story(uid: str, took: str, t: float) -> list[dict[str, Any]]:
        pulled = f'Successfully pulled image "x" in {took} ({took} including waiting). Image size: {len(took)} bytes.'
        return [write(t, message=f"restarting p({uid})"), write(t + 0.1, "Pulled", message=pulled)]

    verdict = compare_events(story(UID, "45ms", 0.1), story(OTHER_UID, "1.2s", 0.15))
    assert (verdict.verdict, verdict.detail) == ("equal", "2 events")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"message": "n"}, 'event 1 of 2: message: recorded "m", published "n"'),
        ({"count": 2}, "event 1 of 2: count: recorded 1, published 2"),
        ({"fieldPath": "spec.containers{a}"}, 'event 1 of 2: fieldPath: recorded null, published "spec.containers{a}"'),
        ({"type": "Warning"}, 'event 1 of 2: type: recorded "Normal", published "Warning"'),
        ({"t": 9.0}, "event 1: recorded 3.0 s after the one before it, written 8.0 s after"),
        ({"firstTimestamp": "2025-12-31T23:59:59Z"}, "event 1: recorded 0 s after its first time, written 5 s after"),
    ],
)
def test_what_differs_is_told(change: dict[str, Any], difference: str) -> None:
    verdict = compare_events([write(1), write(4)], [write(1), write(4) | change])
    assert (verdict.verdict, verdict.detail) == ("different", difference)


def test_retries_may_wait_half_as_long_again() -> None:
    recorded, late, later = ([write(1), write(second)] for second in (11, 16, 25))
    assert compare_events(recorded, late).is_equal
    assert not compare_events(recorded, later).is_equal


def test_a_missing_write_is_a_difference() -> None:
    assert not compare_events([write(1), write(2)], [write(1)]).is_equal
    assert not compare_events([write(1)], [write(1), write(2)]).is_equal


def test_containers_are_killed_in_any_order_at_one_moment() -> None:
    def kill(t: float, name: str) -> dict[str, Any]:
        return write(t, "Killing", fieldPath=f"spec.containers{{{name}}}")

    assert compare_events([kill(5, "b"), kill(5.01, "a")], [kill(5, "a"), kill(5, "b")]).is_equal
    assert not compare_events([kill(5, "b"), kill(7, "a")], [kill(5, "a"), kill(7, "b")]).is_equal


def test_a_pod_that_was_crowded_out_is_played_beside_those_that_lived_then(tmp_path: Path) -> None:
    def recording(name: str, start: str, life: float, reason: str = "") -> None:
        (tmp_path / "manifests" / f"{name}.yaml").write_text("")
        rows = [f'{{"t":{t},"status":{{"reason":"{reason}","startTime":"{start}"}}}}' for t in (0.1, life)]
        (tmp_path / "golden" / f"{name}.jsonl").write_text("\n".join(rows))

    (tmp_path / "manifests").mkdir()
    (tmp_path / "golden").mkdir()
    recording("late", "2026-01-01T00:01:00Z", 5, "NodePorts")
    recording("gone", "2026-01-01T00:00:00Z", 50)
    recording("younger", "2026-01-01T00:00:40Z", 75)
    recording("older", "2026-01-01T00:00:30Z", 75)
    recording("after", "2026-01-01T00:01:10Z", 75)
    folder = Folder(tmp_path)
    assert folder.neighbours("late") == [("older", 30), ("younger", 20)]
    assert folder.neighbours("after") == []
