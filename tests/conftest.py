"""What all tests share: a hypothesis profile for machines whose speed nobody can promise."""

from hypothesis import settings

settings.register_profile("kubesim", deadline=None)
settings.load_profile("kubesim")
