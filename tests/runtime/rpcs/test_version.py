"""Version."""

from __future__ import annotations

from typing import Any

import pytest

from kubesim.cri import api
from kubesim.runtime.profiles import profile_names


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_says_who_it_is(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    version = node.do(node.cri.version(api.VersionRequest(version="v1")))
    switches = node.runtime.profile
    assert (version.runtime_name, version.runtime_version) == (switches.runtime_name, switches.runtime_version)
    assert (version.version, version.runtime_api_version) == ("0.1.0", "v1")
