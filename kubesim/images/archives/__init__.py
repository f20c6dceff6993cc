"""Images in files: OCI image layouts, archives of them, and what `docker save` writes.

    files.py        the files of a layout: in a directory, or in a tar (also gzip or zstd), which is indexed
    names.py        the names that the images in a file have, and those that they get when they have none
    layout.py       an OCI image layout: oci-layout, index.json, blobs/
    docker_save.py  manifest.json of `docker save`; files that hold both must say the same twice
    recognise.py    is_image_source: tells such files from image documents
    sources.py      open_source: a path -> the images in it

Rules
    1. Nothing is written to the machine. A tar is read where it lies, and a link in it leads to another of its entries
       or nowhere.
    2. What a digest names is checked against it before anybody sees a byte of it.
    3. A file that says two different things is refused: nobody could say which one a runtime would take.
"""
