"""Real sockets for emulated pods: whoever listens in a pod can be reached at the pod's address on this machine.

    subnet       a part of 127.0.0.0/8 for the pods of one node, which no other node on the machine has
    ports        real sockets of pods and host ports: who has which, from their start to their end
    listening    a listening socket and the connections that come over it
    connection   one connection: bytes between a real socket and an emulated stream, both ways
    datagrams    a UDP socket, and who is answered through it

Rules
    1. What an emulated program binds, a real socket stands for, at the pod's address; the program does not see it.
    2. Bytes wait where they come from: a pod that does not read lets the real peer wait, and the other way round.
    3. Traffic between pods stays in the world; real sockets are for those outside.
"""
