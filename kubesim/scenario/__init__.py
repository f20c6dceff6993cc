"""Scenarios: documents that say what happens to a node and what must be true then.

    replay        plays a scenario in virtual time
    expectations  judges `expect` steps, and says what was there instead
    report        the outcome as text, JSON or JUnit

Rejected: scenarios as Python. SREs and policy authors write YAML; Python users have `kubesim.Node`.
"""
