"""Where the bytes of images lie.

    blob.py        Blob: bytes with a digest, read in pieces; in memory or as a stretch of a file
    gathered.py    GatheredBlobs: blobs in memory, and those of other places
    directory.py   BlobDirectory: the blobs of an OCI image layout, to read and to write

Rules
    1. A blob is what its digest says, or it is no blob: whoever brings bytes in has them checked on the way.
    2. Nothing is kept open: a file is opened for each read, and must be the one that it was.
    3. What fails on the way in leaves nothing behind.
"""
