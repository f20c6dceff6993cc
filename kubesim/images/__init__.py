"""Images: what registries hold, as a read-only file tree and a config each.

    tree.py            FileTree and TreeNode: reading, and resolving links
    tree_builder.py    laying entries over each other
    programs.py        which emulated programs an image can hold, and the files that stand for them
    program_choice.py  which of them runs in the place of the machine code of a real image
    oci.py             the bytes of OCI documents (layer tar, config, manifest), from which all digests come
    json_text.py       JSON that may come from anybody
    documents.py       manifest, index and config of real images
    platforms.py       which entry of an index is for a node
    image.py           Image: id, digest, references, config, tree; built by `make_image` and `make_artifact`
    loading.py         load_image: an Image of real bytes
    blobs/             where bytes lie
    layers/            layers, indexed where they lie
    archives/          OCI layouts, archives of them, what docker save writes
    store.py           the local store, an OCI layout
    catalogue.py       Catalogue: every image by every name it can be pulled by
    host_directory.py  files of this machine as entries of a layer
    fixture_layers.py, fixture_base.py
                       the files of an image document, and the image that it begins with
    fixtures.py        whatever `--images` names -> Catalogue; the built-in documents ship with the package

Rules
    1. An image's id and digest are those of real OCI bytes, so another tool that gets the bytes gets the same ids.
       Only a digest that a fixture declares is taken on trust.
    2. A catalogue is the world's registries, not a node's store: pulling, pinning and removal belong to `runtime`.
    3. Every way in (documents, layouts, archives, registries) ends in `Image` and adds to a `Catalogue`.

Rejected: unpacking images into directories of the host. Reading is slower, owners and modes need root, and a hostile
archive could write where it likes.
"""
