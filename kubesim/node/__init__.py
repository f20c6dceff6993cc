"""One emulated node, composed from one description: kernel, runtime, middleware, kubelet, host and API server.

`Node` is the public face: synchronous, in virtual time, usable as a context manager.

Vocabulary
    API server   the part of it that a kubelet meets: stored pods, defaults, graceful deletion, status patches, events

Rejected: an HTTP API server. The kubelet's behaviour depends on a dozen rules of the API server, not on its wire
format; the rules are here, in virtual time.
"""
