"""Image fixtures: the documents that describe an image a runtime can pull, or already has.

    apiVersion: kubesim/v1
    kind: Image                     # or ImageList with items
    metadata: {name: registry.k8s.io/e2e-test-images/agnhost:2.45}
    spec:
      from: ./busybox.tar:1.36      # an image of a layout or archive to begin with; all else is laid over it
      user: ""                      # image config USER
      env: {PATH: /bin}
      entrypoint: [/pause]
      files:
        /etc/passwd: "root:x:0:0::/root:/bin/sh\\n"      # text
        /etc/motd: {text: hello, mode: "0600", uid: 1000, gid: 1000}
        /logo.png: {base64: iVBORw0KGgo=}
        /bin/: {userland: busybox}                       # the applets of a built-in userland
        /data: {directory: ./data}                       # a host directory, relative to the fixture
        /etc/app.conf: {file: ./app.conf}                # a host file
        /usr/lib/link: {link: ../target}
        /tmp/: {mode: "1777"}                            # an empty directory
      programs:
        /pause: pause                                    # a built-in program
        /app/server: {script: {output: [{line: ready, at: 1s}], exitAfter: 30s, exitCode: 3}}

What a script can say is in `kubesim.model.program_script`, and of its ports in `kubesim.model.service_spec`.
`kubesim.model.image_fixture` checks such a document and decodes its files.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from kubesim.model.program_script import ProgramSpec

DEFAULT_OS = "linux"
DEFAULT_ARCHITECTURE = "amd64"


class FileSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One entry of `files`: at most one source. No source and a path that ends in `/` is an empty directory."""

    text: str | None = None
    base64: str | None = None
    directory: str | None = None
    """A host directory, relative to the fixture's own directory."""
    file: str | None = None
    """A host file, likewise."""
    userland: str | None = None
    """The name of a built-in set of programs: `busybox`."""
    link: str | None = None
    """Target of a symbolic link, as readlink gives it."""
    mode: int | str | None = None
    """Permission bits in octal: "0755", or 0755 as a number. 755 alone is decimal to YAML, and refused."""
    uid: int = 0
    gid: int = 0


class LayerSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One more layer above `files`; its entries replace those below."""

    files: dict[str, str | FileSpec]


class BlobSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """One blob of an artifact."""

    title: str | None = None
    """The file name, annotation org.opencontainers.image.title; may hold slashes."""
    annotations: dict[str, str] = field(default_factory=dict)
    """The other annotations of the blob, such as org.cncf.model.filepath, the file name in a model."""
    text: str | None = None
    base64: str | None = None
    media_type: str = "application/octet-stream"


class ArtifactSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Makes the document an OCI artifact, which has blobs in place of layers and no configuration."""

    type: str
    """The artifactType of the manifest."""
    blobs: list[BlobSpec]


class CredentialsSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a pull has to present; without it, or with others, the registry refuses."""

    username: str
    password: str


class PullErrorSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Makes pulls fail: with a message, or as the runtime words a kind of failure."""

    message: str | None = None
    code: str = "Unknown"
    """The gRPC status name; only with a message."""
    kind: (
        Literal["not-found", "unauthorized", "registry-unavailable", "signature-invalid", "no-matching-platform"] | None
    ) = None
    """A failure that each runtime reports in its own words; a signature is only looked at by those that can."""
    times: int | None = None
    """How many pulls fail; None: all."""


class PullSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """How the registry behaves for this image."""

    duration: str | None = None
    """A Go duration: how long a pull takes."""
    bandwidth: str | int | None = None
    """Bytes per second, a Kubernetes quantity ("10Mi"): a pull takes size / bandwidth. Each pull has it to itself."""
    stalls_after: str | int | None = None
    """Bytes, a Kubernetes quantity: after so many of a pull no more come. It hangs until somebody gives up."""
    credentials: CredentialsSpec | None = None
    error: PullErrorSpec | None = None


class ImageSpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """The spec of an Image document."""

    base: str | None = field(default=None, name="from")
    """An image to begin with, PATH or PATH:REF: an OCI layout or archive, or what `docker save` wrote, relative to the
    fixture's own directory; REF is a name, tag or digest in it. Files are laid over its own, and what is said of its
    configuration wins: variables and labels one by one, and an entrypoint without a cmd takes the cmd away."""
    digest: str | None = None
    """The repository digest, sha256:...; computed when left out."""
    id: str | None = None
    """The image id, sha256:...; computed when left out."""
    os: str = DEFAULT_OS
    architecture: str = DEFAULT_ARCHITECTURE
    user: str = ""
    env: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    cmd: list[str] = field(default_factory=list)
    working_dir: str = ""
    stop_signal: str = ""
    exposed_ports: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    """Annotations of the manifest."""
    files: dict[str, str | FileSpec] = field(default_factory=dict)
    layers: list[LayerSpec] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    """More names of the same image: other tags, other repositories, digests."""
    pinned: bool = False
    """A runtime marks such an image so that the kubelet never collects it."""
    present: bool = False
    """Already on the node when it starts, under all its names; else it has to be pulled."""
    size: str | int | None = None
    """Bytes that a pull transfers, a Kubernetes quantity; computed from the content when left out."""
    unpacked_size: str | int | None = None
    """Bytes on the disk of the node, a Kubernetes quantity; when left out, `size` if there is one, or computed."""
    programs: dict[str, str | ProgramSpec] = field(default_factory=dict)
    """Executable path -> what runs there: the name of a built-in program, or a script."""
    pull: PullSpec | None = None
    artifact: ArtifactSpec | None = None


class ImageMetadata(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The metadata of an Image document."""

    name: str
    """The image's reference, as a pod would write it."""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


class ImageDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An Image document as written."""

    api_version: Literal["kubesim/v1"]
    kind: Literal["Image"]
    metadata: ImageMetadata
    spec: ImageSpec = field(default_factory=ImageSpec)


class ImageListDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Several Image documents in one; the items may leave out apiVersion and kind."""

    api_version: Literal["kubesim/v1"]
    kind: Literal["ImageList"]
    items: list[ImageListItem]


class ImageListItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One image of an ImageList."""

    metadata: ImageMetadata
    spec: ImageSpec = field(default_factory=ImageSpec)
    api_version: Literal["kubesim/v1"] = "kubesim/v1"
    kind: Literal["Image"] = "Image"
