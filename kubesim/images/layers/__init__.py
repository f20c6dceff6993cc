"""Layers of images: indexed where they lie, laid over each other, never unpacked.

    streams.py       the bytes of a compressed blob by their place in what it unpacks to; gzip, zstd, plain
    gzip_stream.py   gzip that can be entered in the middle
    zstd_stream.py   zstd that can be entered at each of its frames
    tar_headers.py   one header of a tar: its fields, and the records of a pax header
    tar_members.py   the members of a tar as it streams by, in every form that GNU tar, Go and Python write
    sparse.py        where the parts of a sparse file lie
    layer.py         open_layer: one pass over a blob gives its index and checks both of its digests
    stacking.py      stack_layers: indexed layers -> one tree, with whiteouts and opaque directories

Rules
    1. Nothing of a layer is written to the machine, and no link in it is followed on the machine. Names are data.
    2. One pass over a layer, in bounded memory, says everything about it but the bytes of its files. Those are read
       when somebody asks, and nothing that lies after them is unpacked for it.
    3. What is wrong with a layer is said with the name of its entry. A layer is whole, or it is refused.
"""
