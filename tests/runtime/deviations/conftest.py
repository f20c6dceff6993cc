"""Where a deviation is looked for: in every profile, at every patch level at which a known deviation comes or goes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from kubesim.runtime.profiles import load_profile, patch_levels, profile_names


@cache
def all_profiles() -> tuple[str, ...]:
    """Each built-in profile, and the newest patch level of each set of deviations it had before."""
    found: list[str] = []
    for name in profile_names():
        newest = _ids(name)
        older = {_ids(f"{name}.{level}"): f"{name}.{level}" for level in patch_levels(name)}
        found += [profile for ids, profile in older.items() if ids != newest]
        found.append(name)
    return tuple(found)


def _ids(profile: str) -> frozenset[str]:
    return frozenset(deviation.id for deviation in load_profile(profile).deviations)


@pytest.fixture
def shown_exactly_where_listed() -> Callable[[str, Callable[[str], bool]], None]:
    """Checks that a deviation shows in the profiles that list it, and in no other; and that one lists it at all."""

    def check(deviation: str, shows: Callable[[str], bool]) -> None:
        listed = {profile for profile in all_profiles() if deviation in _ids(profile)}
        assert listed, f"no profile lists {deviation}"
        assert {profile for profile in all_profiles() if shows(profile)} == listed
        assert "ideal" not in listed

    return check
