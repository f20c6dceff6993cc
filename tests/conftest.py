"""What all tests share: a hypothesis profile for machines whose speed nobody can promise."""

from hypothesis import HealthCheck, settings

settings.register_profile("kubesim", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kubesim")
