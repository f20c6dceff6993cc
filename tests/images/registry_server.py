"""A registry of this process on a port of 127.0.0.1, with every odd behaviour that a test wants of it."""

import base64
import contextlib
import datetime as dt
import hashlib
import ipaddress
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def descriptor(content, media_type, **more):
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content), **more}


def as_json(value):
    return json.dumps(value).encode()


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict
    headers: dict
    body: bytes = b""

    @property
    def authorization(self):
        return self.headers.get("Authorization", "")


@dataclass
class FakeRegistry:
    """What it has, how it behaves, and what it was asked."""

    manifests: dict = field(default_factory=dict)
    blobs: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    odd: list = field(default_factory=list)
    """(part of a path, how often or None, what to do with the handler): the first that fits answers."""
    basic: tuple | None = None
    """(user, password) that it wants."""
    bearer: str | None = None
    """The token that it wants; `/token` gives it."""
    token_login: tuple | None = None
    """(user, password) that `/token` wants."""
    identity_token: str | None = None
    realm: str | None = None
    url: str = ""

    @property
    def host(self):
        return urlsplit(self.url).netloc

    @property
    def port(self):
        return urlsplit(self.url).port

    def paths(self):
        return [one.path for one in self.asked]

    def behave(self, part, action, *, times=None):
        self.odd.append([part, times, action])

    def push(self, name, tag, layers=(b"a layer",), *, config=None, media_type=OCI_MANIFEST, annotations=None):
        """An image; its manifest's bytes."""
        document = as_json(
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}} | (config or {})
        )
        manifest = as_json(
            {
                "schemaVersion": 2,
                "mediaType": media_type,
                "config": descriptor(document, OCI_CONFIG),
                "layers": [descriptor(layer, OCI_LAYER) for layer in layers],
                **({"annotations": annotations} if annotations else {}),
            }
        )
        for blob in (document, *layers):
            self.blobs[digest_of(blob)] = blob
        self.put(name, tag, manifest, media_type)
        return manifest

    def put(self, name, tag, manifest, media_type):
        self.manifests[name, tag] = self.manifests[name, digest_of(manifest)] = (manifest, media_type)

    def push_index(self, name, tag, entries):
        """An index of (manifest bytes, platform or None, media type)."""
        index = as_json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [
                    descriptor(content, media_type, **({"platform": platform} if platform else {}))
                    for content, platform, media_type in entries
                ],
            }
        )
        self.put(name, tag, index, OCI_INDEX)
        return index


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # what is no HTTP is told so in HTTP: a client that speaks TLS needs to know

    @property
    def registry(self):
        return self.server.registry

    def log_message(self, *args):
        """Nothing: pytest has the failures."""

    def do_POST(self):
        self.do_GET()

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers), body)
        self.registry.asked.append(asked)
        for entry in self.registry.odd:
            part, times, action = entry
            if part in self.path and times != 0:
                if times is not None:
                    entry[1] = times - 1
                action(self)
                return
        if parts.path == "/token":
            self._token(asked)
            return
        if not self._is_allowed(asked):
            return
        self.serve()

    def serve(self):
        """The ordinary answer."""
        if urlsplit(self.path).path == "/v2/":
            self.answer(200, b"{}")
            return
        kind, _, name = urlsplit(self.path).path.removeprefix("/v2/").rpartition("/")
        repository, _, kind = kind.rpartition("/")
        if kind == "manifests" and (repository, name) in self.registry.manifests:
            content, media_type = self.registry.manifests[repository, name]
            self.answer(200, content, {"Content-Type": media_type, "Docker-Content-Digest": digest_of(content)})
        elif kind == "blobs" and name in self.registry.blobs:
            self.blob(self.registry.blobs[name])
        else:
            self.error(404, f"{'MANIFEST' if kind == 'manifests' else 'BLOB'}_UNKNOWN", f"{kind[:-1]} unknown")

    def blob(self, content):
        asked = self.headers.get("Range")
        if asked is None:
            self.answer(200, content, {"Content-Type": "application/octet-stream"})
            return
        offset = int(asked.removeprefix("bytes=").removesuffix("-"))
        where = f"bytes {offset}-{len(content) - 1}/{len(content)}"
        self.answer(206, content[offset:], {"Content-Range": where})

    def answer(self, status, content=b"", headers=(), *, length=None):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def error(self, status, code, message, headers=()):
        self.answer(status, as_json({"errors": [{"code": code, "message": message}]}), headers)

    def raw(self, content):
        self.wfile.write(content)
        self.close_connection = True

    def _token(self, asked):
        registry = self.registry
        form = parse_qs(asked.body.decode())
        if asked.method == "POST":
            given = form.get("refresh_token") == [registry.identity_token]
        elif registry.token_login is not None:
            given = asked.authorization == basic(*registry.token_login)
        else:
            given = True
        if given:
            self.answer(200, as_json({"token": registry.bearer}), {"Content-Type": "application/json"})
        else:
            self.error(401, "UNAUTHORIZED", "who are you")

    def _is_allowed(self, asked):
        registry = self.registry
        if registry.basic is not None and asked.authorization != basic(*registry.basic):
            self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="test"'})
            return False
        if registry.bearer is not None and asked.authorization != f"Bearer {registry.bearer}":
            realm = registry.realm or f"{registry.url}/token"
            challenge = f'Bearer realm="{realm}",service="test",scope="repository:app:pull"'
            self.error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})
            return False
        return True


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        """Clients that go away are what many tests are about."""


@contextlib.contextmanager
def registry_server(*, tls=None):
    """A registry; `tls` is an ssl.SSLContext for a server."""
    server = Server(("127.0.0.1", 0), Handler)
    server.registry = FakeRegistry(url=f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}")
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port():
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def server_tls(directory, *, host="127.0.0.1"):
    """A context with a certificate of its own for the host, and the PEM file of who signed it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test registry")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    try:
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "registry.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = directory / "registry.key"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_file)
    return context, pem
