"""Messages of created and started containers by version."""

import pytest

from kubesim.policy.container_events import created_text, started_text


@pytest.mark.parametrize(
    ("minor", "created", "started"),
    [
        (28, "Created container app", "Started container app"),
        (31, "Created container app", "Started container app"),
        (33, "Created container: app", "Started container app"),
        (34, "Created container: app", "Started container app"),
        (35, "Container created", "Container started"),
        (36, "Container created", "Container started"),
    ],
)
def test_the_name_went_away(minor: int, created: str, started: str) -> None:
    assert (created_text("app", minor=minor), started_text("app", minor=minor)) == (created, started)
