"""What runtimes and their versions do with OCI artifacts: the values of the switches.

The rules that ask them are in `artifact_lookup` and `artifact_pull`; a profile is read without them, for `serve`
answers its first call before it needs a rule.
"""

from __future__ import annotations

from typing import Literal

ArtifactLookup = Literal["as-images", "short-names", "full-names"]
"""How artifacts are found: like images; by names that may be short and the beginning of a digest, the first one that
fits; or by names with their domain and by the beginning of a digest, which only one entry may have."""

ArtifactPull = Literal[
    "all-blobs-unpacked", "image-layers-unpacked", "unpacked-on-use", "config-refused", "type-refused"
]
"""What is done with an artifact that is pulled as an image. Its blobs are matched with the layers of its config: all of
them, or those that are layers by their media type; at the pull, or when it is used. Or it is refused, and the error
names the media type of its config, or its artifact type."""
