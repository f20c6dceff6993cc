"""The files of a directory as a web server gives them out, for the servers of images."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.http_server import Request

INDEX = "index.html"
TYPES = {"html": "text/html", "htm": "text/html", "css": "text/css", "txt": "text/plain", "json": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """A file of the site."""

    name: str
    stat: Stat
    data: bytes

    def content_type(self, default: str) -> str:
        """By the ending of its name."""
        return TYPES.get(self.name.rpartition(".")[2], default)


def site_file(files: FileView, root: str, request: Request) -> SiteFile | int:
    """What a GET or HEAD asks for below `root`, or the status that refuses it: 301 for a directory without a slash."""
    path = unquote(request.head.path, errors="surrogateescape")
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        return 400
    if request.head.method not in ("GET", "HEAD"):
        return 405
    name = f"{root}{path}"
    try:
        if files.stat(name).kind is FileKind.DIRECTORY:
            if not path.endswith("/"):
                return 301
            name = f"{name}{INDEX}"
            if not files.exists(name):
                return 403
        return SiteFile(name=name, stat=files.stat(name), data=files.read(name))
    except FsError as error:
        return 403 if error.errno_name == "EACCES" else 404
