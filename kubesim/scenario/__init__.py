"""Scenarios: documents that say what happens to a node and what must be true then.

    replay        plays a scenario in virtual time
    cri_calls     sends what a scenario asks of the runtime past the kubelet
    expectations  judges `expect` steps, and says what was there instead
    report        the outcome as text, JSON or JUnit

Rejected: scenarios as Python. SREs and policy authors write YAML; Python users have `kubesim.Node`.
"""
