"""Policy: the rules of Kubernetes and of container runtimes, as pure functions.

One file answers one question, named in the field's own terms: `identity` (which uid, gid and groups?), `pod_phase`,
`shutdown_groups` (who is killed together, and with how many seconds?), `cgroup_driver`, `runtime_profile` ...

Rules of the room
    1. Plain values in, plain values out: no protobuf, no I/O, no clock, no logging, no kernel.
    2. A version (of the kubelet) or a dialect (of a runtime) is an argument, never a global.
    3. An answer carries its reason where a user may ask why.
    4. Branch coverage is 100 %, by tables and by hypothesis.

Vocabulary: a *view* is a small frozen value with just what a rule needs to know about a pod, container or sandbox;
the rooms that know pods and CRI messages translate into views and back.

Rejected: rules as methods of the engine's objects. They could not be tested as tables, and the same rule is asked by
the engine, by `explain` and by the public API.
"""
