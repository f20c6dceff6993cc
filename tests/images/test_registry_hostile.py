"""Registries that lie, stall, flood and never end: each is named with the step, and nothing is left."""

import gzip
import threading

import pytest

from kubesim.images.registry.connection import HEADER_BYTES_MAX

from .registry_pulls import LAYER, LAYER_PATH, puller_of
from .registry_server import OCI_MANIFEST, as_json, digest_of, registry_server


def pause(seconds):
    """In the server's thread."""
    threading.Event().wait(seconds)


@pytest.fixture
def registry():
    with registry_server() as found:
        found.push("app", "v1", [LAYER])
        yield found


@pytest.fixture
def puller(registry, tmp_path):
    return puller_of(registry, tmp_path)


class TestHostile:
    def test_a_wrong_digest(self, registry, puller):
        registry.behave(LAYER_PATH, lambda handler: handler.answer(200, LAYER[::-1]))

        error = puller.refusal()

        assert error.failure.kind == "digest-mismatch"
        assert error.failure.expected == digest_of(LAYER)
        assert error.failure.found == digest_of(LAYER[::-1])
        assert error.step == f"blob {digest_of(LAYER)}"

    @pytest.mark.parametrize("content", [LAYER[:-1], LAYER + b"x"])
    def test_a_wrong_size(self, registry, puller, content):
        registry.behave(LAYER_PATH, lambda handler: handler.answer(200, content))

        error = puller.refusal()

        assert error.failure.kind == "size-mismatch"
        assert f"{len(content)} bytes, where the manifest says {len(LAYER)}" in str(error)

    def test_a_body_without_end(self, registry, puller):
        ended = threading.Event()

        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(LAYER)
            except OSError:
                ended.set()
                raise

        registry.behave(LAYER_PATH, endless)

        error = puller.refusal()

        assert error.failure.kind == "size-mismatch"
        assert ended.wait(10)

    def test_chunks_of_one_byte_without_end(self, registry, puller):
        def endless(handler):
            handler.send_response(200)
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            piece = b"1;" + b"x" * 60_000 + b"\r\nx\r\n"
            while True:
                handler.wfile.write(piece)

        registry.behave(LAYER_PATH, endless)

        assert puller.refusal().failure.kind == "too-large"

    def test_a_manifest_without_end(self, registry, puller):
        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(b" " * 65536)

        registry.behave("/manifests/", endless)

        assert "a document of more than 4194304 bytes" in str(puller.refusal())

    def test_a_manifest_that_is_long_by_its_own_word(self, registry, puller):
        registry.behave("/manifests/", lambda handler: handler.answer(200, b"{", length=4194305))

        assert "a document of 4194305 bytes, 4194304 are taken" in str(puller.refusal())

    def test_a_header_without_end(self, registry, puller):
        def endless(handler):
            handler.raw(b"HTTP/1.1 200 OK\r\n" + b"".join(b"A%d: %s\r\n" % (n, b"x" * 60_000) for n in range(50)))

        registry.behave("/manifests/", endless)

        assert f"more than {HEADER_BYTES_MAX} bytes of header" in str(puller.refusal())

    def test_interim_answers_without_end(self, registry, puller):
        def endless(handler):
            while True:
                handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

        registry.behave("/manifests/", endless)

        assert puller.refusal().failure.kind == "too-large"

    def test_no_http(self, registry, puller):
        registry.behave("/manifests/", lambda handler: handler.raw(b"SSH-2.0-OpenSSH_9.2\r\n"))

        assert puller.refusal().failure.kind == "malformed"

    def test_no_answer(self, registry, puller):
        puller.be_impatient()
        registry.behave("/manifests/", lambda handler: threading.Event().wait(2))

        error = puller.refusal()

        assert error.failure.kind == "too-slow"
        assert "no answer in time" in str(error)
        assert len(puller.waits) == 4

    def test_a_header_that_trickles(self, registry, puller):
        puller.be_impatient()

        def trickle(handler):
            for one in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000:
                handler.wfile.write(bytes([one]))
                pause(0.05)

        registry.behave("/manifests/", trickle)

        assert puller.refusal().failure.kind == "too-slow"

    def test_a_blob_that_trickles(self, registry, puller):
        puller.be_impatient()

        def trickle(handler):
            handler.answer(200, b"", length=len(LAYER))
            for one in LAYER[:1000]:
                handler.wfile.write(bytes([one]))
                pause(0.05)

        registry.behave(LAYER_PATH, trickle)

        error = puller.refusal()

        assert error.failure.kind in ("too-slow", "malformed")  # malformed: it trickles from the wrong place then

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"<html>log in</html>", "not JSON"),
            (b"[]", "not a JSON object"),
            (b"[" * 100_000, "nested more than"),
            (as_json({"schemaVersion": 1, "fsLayers": []}), "schema 1"),
            (as_json({"schemaVersion": 2, "config": {"digest": "sha256:../../x", "size": 1}}), "is no digest"),
            (as_json({"schemaVersion": 2, "config": {"digest": digest_of(b""), "size": -1}}), "config.size"),
            (as_json({"schemaVersion": 2}), "config"),
        ],
    )
    def test_manifests_that_make_no_sense(self, registry, puller, content, said):
        registry.behave("/manifests/", lambda handler: handler.answer(200, content))

        error = puller.refusal()

        assert error.failure.kind == "malformed"
        assert said in str(error)

    def test_one_digest_with_two_sizes(self, registry, puller):
        layer = {"mediaType": "x", "digest": digest_of(b"x")}
        manifest = as_json(
            {
                "schemaVersion": 2,
                "config": {"mediaType": "c", "digest": digest_of(b""), "size": 0},
                "layers": [{**layer, "size": 1}, {**layer, "size": 2}],
            }
        )
        registry.put("app", "v1", manifest, OCI_MANIFEST)

        assert f"{digest_of(b'x')} has 1 bytes and 2 bytes" in str(puller.refusal())

    def test_an_encoding_that_nobody_asked_for(self, registry, puller):
        packed = gzip.compress(b"{}")
        registry.behave("/manifests/", lambda handler: handler.answer(200, packed, {"Content-Encoding": "gzip"}))

        assert "sent with Content-Encoding 'gzip', which nobody asked for" in str(puller.refusal())

    def test_a_message_with_control_characters(self, registry, puller):
        registry.behave("/manifests/", lambda handler: handler.error(404, "X", "\x1b[2J\nall is well" + "!" * 500))

        message = puller.refusal().failure.answer.message

        assert message.isprintable()
        assert len(message) <= 200
