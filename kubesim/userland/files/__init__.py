"""The files of a container and of the node: trees, layers, mounts, and what one process may do with them."""
