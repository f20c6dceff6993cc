"""A profile as values, as JSON carries them."""

import json

import pytest

from kubesim.policy.runtime_profile_compiled import compiled, restored
from kubesim.runtime.profiles import profile_from_document


@pytest.mark.parametrize("name", ["containerd-2.3", "cri-o-1.28", "ideal", "containerd-2.0.3"])
def test_json_carries_a_profile_unchanged(name: str) -> None:
    profile = profile_from_document(name)

    back = restored(json.loads(json.dumps(compiled(profile))))

    assert back == profile
    assert back.reasons == profile.reasons
    assert type(back.rpcs) is type(profile.rpcs), "nobody can change what is served"
    assert isinstance(back.containers.default_capabilities, tuple)
