"""The metadata that a DELETE writes; the rows are what a 1.36 API server was seen to write."""

import pytest

from kubesim.model import k8s_v1 as v1
from kubesim.model.timestamps import parse_rfc3339
from kubesim.node.pod_deletion import requested_deletion, shortened_deletion

SECOND_NS = 1_000_000_000
CREATED_NS = parse_rfc3339("2026-11-23T22:57:34Z") + 700_000_000


def test_the_first_deletion_sets_a_deadline_and_a_generation() -> None:
    meta = requested_deletion(v1.ObjectMeta(generation=1), grace_seconds=30, now_ns=CREATED_NS + 12 * SECOND_NS)

    assert (meta.deletion_timestamp, meta.deletion_grace_period_seconds) == ("2026-11-23T22:58:16Z", 30)
    assert meta.generation == 2


@pytest.mark.parametrize(
    ("after_seconds", "grace", "deadline", "left"),
    [
        (14, 10, "2026-11-23T22:57:56Z", 10),
        (15, 3, "2026-11-23T22:57:49Z", 1),
        (42, 3, "2026-11-23T22:58:16Z", 1),
        (42, 0, "2026-11-23T22:58:16Z", 0),
        (12, 0, "2026-11-23T22:57:46Z", 0),
    ],
)
def test_a_later_deletion_counts_from_the_first_and_never_into_the_past(
    after_seconds: int, grace: int, deadline: str, left: int
) -> None:
    deleted = requested_deletion(v1.ObjectMeta(generation=1), grace_seconds=30, now_ns=CREATED_NS + 12 * SECOND_NS)
    meta = shortened_deletion(deleted, grace_seconds=grace, now_ns=CREATED_NS + after_seconds * SECOND_NS)

    assert (meta.deletion_timestamp, meta.deletion_grace_period_seconds) == (deadline, left)
    assert meta.generation == 2
