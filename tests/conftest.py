"""What all tests share: a hypothesis profile for machines whose speed nobody can promise, and no store of images."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("kubesim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kubesim")

# The images that whoever runs the tests keeps are none of ours. Nothing can be there.
os.environ["KUBESIM_STORE"] = f"{os.devnull}/no-store"
