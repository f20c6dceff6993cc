"""recursiveReadOnly of a mount, and what the status shows."""

import pytest

from kubesim.policy.pod_view import VolumeMountStatus, VolumeMountView
from kubesim.policy.recursive_read_only import (
    RecursiveReadOnlyError,
    resolve_recursive_read_only,
    volume_mount_statuses,
)


def mount(mode: str | None, *, read_only: bool = True, propagation: str | None = None) -> VolumeMountView:
    return VolumeMountView(
        name="v", mount_path="/v", read_only=read_only, recursive_read_only=mode, propagation=propagation
    )


@pytest.mark.parametrize(
    ("view", "supported", "expected"),
    [
        (mount(None), True, False),
        (mount("Disabled", read_only=False), True, False),
        (mount("IfPossible"), True, True),
        (mount("IfPossible"), False, False),
        (mount("IfPossible", propagation="None"), True, True),
        (mount("Enabled"), True, True),
    ],
)
def test_resolved(view: VolumeMountView, supported: bool, expected: bool) -> None:
    assert resolve_recursive_read_only(view, runtime_supports_it=supported) is expected


@pytest.mark.parametrize(
    ("view", "supported", "problem"),
    [
        (mount("Enabled"), False, "not supported by the runtime"),
        (mount("Enabled", read_only=False), True, "not read-only"),
        (
            mount("IfPossible", propagation="Bidirectional"),
            True,
            'not compatible with propagation "Bidirectional"',
        ),
    ],
)
def test_refused(view: VolumeMountView, supported: bool, problem: str) -> None:
    with pytest.raises(RecursiveReadOnlyError) as caught:
        resolve_recursive_read_only(view, runtime_supports_it=supported)
    assert str(caught.value) == f'volume "v" requested recursive read-only mode, but it is {problem}'


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(RecursiveReadOnlyError, match='unknown recursive read-only mode "Sometimes"'):
        resolve_recursive_read_only(mount("Sometimes"), runtime_supports_it=True)


@pytest.mark.parametrize(
    ("view", "supported", "read_only", "shown"),
    [
        (mount(None, read_only=False), True, False, None),
        (mount(None), True, True, "Disabled"),
        (mount("IfPossible"), True, True, "Enabled"),
        (mount("IfPossible"), False, True, "Disabled"),
        (mount("Enabled"), False, True, "Disabled"),
    ],
)
def test_shown_in_the_status(view: VolumeMountView, supported: bool, read_only: bool, shown: str | None) -> None:
    (status,) = volume_mount_statuses((view,), runtime_supports_it=supported)
    assert status == VolumeMountStatus(name="v", mount_path="/v", read_only=read_only, recursive_read_only=shown)
