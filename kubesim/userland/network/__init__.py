"""The network as processes see it: namespaces, streams and datagrams between them, on the kernel's clock.

    address           what a socket is bound to, and how /proc writes it
    namespace         one network namespace: addresses, ports, bridges; a pod sandbox has one, the node has another
    node_network      the namespaces of one node, which reaches which, and port mappings
    stream, datagram  connected and connectionless sockets as open files
    resolver          names, by the container's /etc/hosts and /etc/resolv.conf
    proc_net          /proc/net of a namespace
    http_message      HTTP/1.1 as bytes, without input or output; http_server carries it over streams

Rules
    1. A namespace that no process uses is one small object; whatever else it needs is made when a socket is.
    2. Bytes arrive at the instant they are sent. Only what Linux gives up waiting for takes time, and then Linux's.
    3. Whoever listens is known by address, never by a process: `NetworkNamespace.watch` tells an observer of each
       listener that comes and goes, and `NetworkNamespace.inject` gives one a connection from outside the world. A
       bridge to real sockets needs nothing else; it must call both from the kernel's own events.

Rejected: packets, sequence numbers and retransmission. What programs see of them is errors and waiting times.
"""
