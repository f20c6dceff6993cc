"""The host: what the machine under a kubelet does, as models on the kernel.

    logind                    systemd-logind: drop-ins, inhibitor locks, PrepareForShutdown
    service_control_manager   Windows: service configuration, PreshutdownOrder, the preshutdown control

They are plain objects with the operations a kubelet uses. `server/` can put logind on a real D-Bus socket.

Rejected: mocks that only answer. A shutdown is a negotiation between the machine and its lock holders, and who waits
for whom, and for how long, is what users come here to see.
"""
