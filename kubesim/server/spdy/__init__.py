"""SPDY/3.1 as Kubernetes speaks it: frames in, frames out, no sockets.

    headers      header blocks: the preset dictionary, one compressor for each direction
    frames       bytes to frames and back
    connection   the streams of one connection, as its server sees them

What clients of a kubelet or a runtime use of SPDY is little: streams that the client opens, data both ways, pings.
There is no flow control: neither side waits for a window. Whoever owns the socket bounds what is on its way.
"""

from kubesim.server.spdy.connection import (
    DataArrived,
    Event,
    PeerLeaves,
    SpdyConnection,
    StreamEnded,
    StreamOpened,
    StreamReset,
)
from kubesim.server.spdy.frames import ResetStatus, SpdyError

__all__ = [
    "DataArrived",
    "Event",
    "PeerLeaves",
    "ResetStatus",
    "SpdyConnection",
    "SpdyError",
    "StreamEnded",
    "StreamOpened",
    "StreamReset",
]
