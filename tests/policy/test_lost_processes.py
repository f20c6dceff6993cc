"""What is reported after a restart that no process survived, as a table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubesim.policy.lost_processes import (
    GO_ZERO_TIME_NS,
    LostEnd,
    container_end_after,
    is_sandbox_ready_after,
)

CONTAINERD: dict[str, Any] = {"reason": "Unknown", "created": "kept"}
CRIO: dict[str, Any] = {"reason": "Error", "created": "ended"}


@pytest.mark.parametrize(
    ("was_ready", "keeps_pause_process", "shares_pids", "is_ready"),
    [
        (True, True, False, False),  # containerd: the pause process is gone
        (True, True, True, False),
        (True, False, False, True),  # CRI-O: nothing there that could go
        (True, False, True, False),  # CRI-O keeps a pause process for a shared pid namespace
        (False, False, False, False),  # there is no way back
    ],
)
def test_a_sandbox_is_ready_only_without_a_process(
    was_ready: bool, keeps_pause_process: bool, shares_pids: bool, is_ready: bool
) -> None:
    found = is_sandbox_ready_after(
        was_ready=was_ready, keeps_pause_process=keeps_pause_process, shares_pids=shares_pids
    )
    assert found is is_ready


@pytest.mark.parametrize(
    ("state", "dialect", "is_sandbox_ready", "end"),
    [
        ("running", CONTAINERD, False, LostEnd(reason="Unknown", exit_code=255)),
        ("unknown", CONTAINERD, False, LostEnd(reason="Unknown", exit_code=255)),
        ("exited", CONTAINERD, False, None),
        ("created", CONTAINERD, False, None),
        ("created", CONTAINERD, True, LostEnd(reason="Unknown", exit_code=255, started_at_ns=GO_ZERO_TIME_NS)),
        ("running", CRIO, True, LostEnd(reason="Error", exit_code=255)),
        ("running", CRIO, False, LostEnd(reason="Error", exit_code=255)),
        ("exited", CRIO, True, None),
        ("created", CRIO, True, LostEnd(reason="Error", exit_code=255, started_at_ns=GO_ZERO_TIME_NS)),
        ("created", CRIO, False, LostEnd(reason="Error", exit_code=255, started_at_ns=GO_ZERO_TIME_NS)),
    ],
)
def test_the_end_that_nobody_saw(state: Any, dialect: Any, is_sandbox_ready: bool, end: LostEnd | None) -> None:
    assert container_end_after(state, is_sandbox_ready=is_sandbox_ready, **dialect) == end


def test_the_zero_time_of_go_is_its_year_one_in_64_bits() -> None:
    seconds = int((datetime(1, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    wrapped = seconds * 1_000_000_000 % 2**64

    assert wrapped - 2**64 * (wrapped >= 2**63) == GO_ZERO_TIME_NS
