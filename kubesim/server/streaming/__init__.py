"""The streaming server: what opens the URLs of Exec, Attach and PortForward, for SPDY and WebSocket clients.

    peers        what a session sees of its client, whichever protocol that speaks; no sockets
    spdy_forward port forward over SPDY: pairs of streams
    forward_session what connects a client of PortForward to the ports of a pod

A peer is sans-IO: bytes of the socket in, events out; commands in, bytes for the socket out. A session connects one to
the emulated world. Nobody waits for a window in either protocol, so whoever owns the socket stops reading it when the
world does not take more, and stops sending when the socket does not.
"""
