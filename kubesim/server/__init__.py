"""Servers: sockets, the only home of asyncio and grpc.

    grpc_server   serves a `Cri` on a unix socket, for real kubelets and crictl
    grpc_client   a `Cri` over such a socket: ours, containerd's or CRI-O's
    grpc_streams  the streaming RPCs over such a socket: bounded while they wait
    grpc_go       what grpc-go itself answers, before and after any handler
    address       socket addresses: parsing, limits, who may listen where
    serve         `kubesim serve`: `served_nodes` checks what is asked for, `node_server` is one node of it, and
                  `starting_runtime` answers while the rest of that node is made
    real_time     runs a coroutine of the kernel in real time, with a `Cri` over a socket at its side
    state_file    what outlives a restart, in a SQLite file for each node; state_keeper writes it before it is shown

A call enters the kernel as one event at the present instant and leaves as bytes. Nothing outside this room knows gRPC
status objects, and nothing in this room knows a rule of Kubernetes.

Rejected: generated servicers. One generic handler serves every method from the method table, so journal, faults and
profiles are written once. Rejected: threads. One loop owns the world; there are no locks.
"""
