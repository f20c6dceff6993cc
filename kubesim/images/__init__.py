"""Images: what registries hold, as a read-only file tree and a config each.

    tree.py            FileTree and TreeNode: reading, resolving links, laying entries over each other
    programs.py        which emulated programs an image can hold, and the files that stand for them
    oci.py             the bytes of OCI documents (layer tar, config, manifest), from which all digests come
    image.py           Image: id, digest, references, config, tree; built by `make_image` and `make_artifact`
    catalogue.py       Catalogue: every image by every name it can be pulled by
    host_directory.py  a directory of this machine as entries of a layer
    fixtures.py        image documents in YAML -> Catalogue; the built-in ones ship with the package

Rules
    1. An image's id and digest are those of real OCI bytes, so another tool that gets the bytes gets the same ids.
       Only a digest that a fixture declares is taken on trust.
    2. A catalogue is the world's registries, not a node's store: pulling, pinning and removal belong to `runtime`.
    3. Every way in (fixtures now; layouts, archives and registries later) ends in `Image` and adds to a `Catalogue`.

Rejected: unpacking images into directories of the host. Reading is slower, owners and modes need root, and a hostile
archive could write where it likes.
"""
