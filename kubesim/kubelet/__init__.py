"""The kubelet: what a real kubelet does with pods, over any `Cri`, on the kernel's time.

The room talks to the world through protocols of its own (`outside.py`): the API server, files of the host, logind, the
Windows service control manager. It knows neither our runtime nor its userland: against `kubesim serve`, containerd or
CRI-O it is the same code.

Vocabulary
    pod worker     one task per pod: sync, terminating, terminated
    PLEG           the pod lifecycle event generator: relists the runtime once a second and says what changed
    pod cache      what the runtime said last about each pod
    status manager what the API server was told last about each pod, and what it must be told next

Rules
    1. Every decision is a function of `policy/`; coroutines here carry it out.
    2. CRI calls come in the kubelet's order and with the kubelet's arguments.

Rejected: one big reconcile loop over all pods. The real one has a worker per pod, and the order of its calls, its
back-offs and the versions of a status that one can observe follow from that.
"""
