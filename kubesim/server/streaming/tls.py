"""The certificate of a streaming server: given, or made for this run and signed by itself.

Mirrors containerd: internal/cri/server/streaming.go, getStreamListenerMode and newTLSCert: who connects knows from the
runtime's socket where, and does not check the certificate.
"""

from __future__ import annotations

import datetime as dt
import ssl
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from kubesim.errors import InputError
from kubesim.kernel.realtime import wall_clock_ns
from kubesim.server.streaming.options import StreamTls

LIFE_DAYS = 365
COMMON_NAME = "kubesim streaming server"


def server_context(tls: StreamTls, host: str) -> ssl.SSLContext:
    """What asyncio serves TLS with. Raises InputError when the files cannot be used, or none can be made."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if tls.certificate is not None and tls.key is not None:
        _load(context, tls.certificate, tls.key)
        return context
    # OpenSSL takes a key from a file only.
    with TemporaryDirectory(prefix="kubesim-tls-") as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        key.touch(0o600)
        for path, content in zip((certificate, key), _self_signed(host), strict=True):
            path.write_bytes(content)
        context.load_cert_chain(certificate, key)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for path in (certificate, key):
        try:
            path.open("rb").close()
        except OSError as error:
            hint = "name a certificate and its key, in PEM"
            raise InputError(f"cannot be read: {error.strerror}", where=str(path), hint=hint) from error
    try:
        context.load_cert_chain(certificate, key, password="")  # an encrypted key must not ask on the terminal
    except (ssl.SSLError, ValueError) as error:
        hint = f"{certificate} must hold a certificate and {key} its key without a password, both in PEM"
        raise InputError(f"no usable certificate with its key: {error}", where="--stream-tls", hint=hint) from error


def _self_signed(host: str) -> tuple[bytes, bytes]:
    """A certificate for an address and its key, in PEM."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError:
        hint = "pip install 'kubesim[tls]', or name a certificate and its key"
        raise InputError(
            "making a certificate needs the package cryptography", where="--stream-tls", hint=hint
        ) from None
    # Not drawn from the kernel's seed: whoever knew that would have the key.
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    now = dt.datetime.fromtimestamp(wall_clock_ns() // 1_000_000_000, tz=dt.UTC)
    names = [x509.IPAddress(ip_address(host)), x509.DNSName("localhost")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=LIFE_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    return certificate.public_bytes(encoding), key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
