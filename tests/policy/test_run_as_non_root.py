"""runAsNonRoot on Linux and on Windows."""

import pytest

from kubesim.policy.pod_security import ContainerSecurity, ImageUser, PodSecurity
from kubesim.policy.run_as_non_root import (
    run_as_non_root_problem,
    windows_run_as_non_root_problem,
    windows_user_name,
)

WHERE = '(pod: "web_default(u1)", container: main)'
NON_ROOT, UNSET = PodSecurity(run_as_non_root=True), ContainerSecurity()


def problem(image: ImageUser, pod: PodSecurity = NON_ROOT, container: ContainerSecurity = UNSET) -> str | None:
    return run_as_non_root_problem(pod, container, image, pod_display_name="web_default(u1)", container_name="main")


@pytest.mark.parametrize(
    ("image", "container", "expected"),
    [
        (ImageUser(), ContainerSecurity(run_as_user=0), "container's runAsUser breaks non-root policy"),
        (ImageUser(), ContainerSecurity(run_as_user=1), None),
        (ImageUser(uid=1000), ContainerSecurity(), None),
        (ImageUser(uid=0), ContainerSecurity(), "container has runAsNonRoot and image will run as root"),
        (ImageUser(), ContainerSecurity(), "container has runAsNonRoot and image will run as root"),
        (
            ImageUser(username="www-data"),
            ContainerSecurity(),
            "container has runAsNonRoot and image has non-numeric user (www-data), cannot verify user is non-root",
        ),
        (
            ImageUser(uid=2_147_483_648),
            ContainerSecurity(),
            (
                "container has runAsNonRoot and image has an invalid user id (2147483648). (Must be 1-(2147483647)): "
                "must be between 0 and 2147483647, inclusive"
            ),
        ),
        (
            ImageUser(uid=-5),
            ContainerSecurity(),
            (
                "container has runAsNonRoot and image has an invalid user id (-5). (Must be 1-(2147483647)): "
                "must be between 0 and 2147483647, inclusive"
            ),
        ),
        (ImageUser(uid=2_147_483_647), ContainerSecurity(), None),
    ],
)
def test_linux(image: ImageUser, container: ContainerSecurity, expected: str | None) -> None:
    assert problem(image, container=container) == (None if expected is None else f"{expected} {WHERE}")


@pytest.mark.parametrize("uid", [2_147_483_648, 4_294_967_296, -5])
def test_an_id_out_of_range_was_no_root_before_1_34(uid: int) -> None:
    found = [
        run_as_non_root_problem(
            NON_ROOT, UNSET, ImageUser(uid=uid), pod_display_name="web_default(u1)", container_name="main", minor=minor
        )
        for minor in (33, 34)
    ]

    assert found[0] is None
    assert found[1] is not None
    assert f"has an invalid user id ({uid})" in found[1]


@pytest.mark.parametrize("pod_value", [None, False, True])
def test_checked_only_when_effectively_true(pod_value: bool | None) -> None:
    pod = PodSecurity(run_as_non_root=pod_value)
    assert (problem(ImageUser(uid=0), pod) is None) is (pod_value is not True)
    assert problem(ImageUser(uid=0), pod, ContainerSecurity(run_as_non_root=False)) is None
    assert problem(ImageUser(uid=0), pod, ContainerSecurity(run_as_non_root=True)) is not None


BROKEN = "which will be regarded as root identity and will break non-root policy"


@pytest.mark.parametrize(
    ("own_name", "image", "expected"),
    [
        ("ContainerAdministrator", ImageUser(), f"container's runAsUserName (ContainerAdministrator) {BROKEN}"),
        ("containerADMINISTRATOR", ImageUser(), f"container's runAsUserName (containerADMINISTRATOR) {BROKEN}"),
        ("ContainerUser", ImageUser(username="ContainerAdministrator"), None),
        (
            None,
            ImageUser(username="ContainerAdministrator"),
            f"container's runAsUser (ContainerAdministrator) {BROKEN}",
        ),
        (None, ImageUser(username="ContainerUser"), None),
        (None, ImageUser(uid=0), None),
    ],
)
def test_windows(own_name: str | None, image: ImageUser, expected: str | None) -> None:
    own = ContainerSecurity(run_as_user_name=own_name)
    found = windows_run_as_non_root_problem(
        NON_ROOT, own, image, pod_display_name="web_default(u1)", container_name="main"
    )
    assert found == (None if expected is None else f"{expected} {WHERE}")
    unchecked = windows_run_as_non_root_problem(
        PodSecurity(), own, image, pod_display_name="web_default(u1)", container_name="main"
    )
    assert unchecked is None


@pytest.mark.parametrize(
    ("pod_name", "own_name", "expected"),
    [("pod", "own", "own"), ("pod", None, "pod"), (None, None, "image")],
)
def test_windows_user_name(pod_name: str | None, own_name: str | None, expected: str) -> None:
    pod, own = PodSecurity(run_as_user_name=pod_name), ContainerSecurity(run_as_user_name=own_name)
    assert windows_user_name(pod, own, ImageUser(username="image")) == expected
