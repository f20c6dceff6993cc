"""Manifests by tag and by digest, indexes and their platforms."""

import pytest

from kubesim.policy.image_platform import Platform

from .registry_pulls import puller_of
from .registry_server import OCI_INDEX, OCI_MANIFEST, digest_of, free_port, registry_server


@pytest.fixture
def registry():
    with registry_server() as found:
        yield found


@pytest.fixture
def puller(registry, tmp_path):
    return puller_of(registry, tmp_path)


class TestIndexes:
    def push(self, registry, platforms):
        entries = []
        for platform in platforms:
            content = registry.push("app", f"only-{len(entries)}", [repr(platform).encode()])
            entries.append((content, platform, OCI_MANIFEST))
        return registry.push_index("app", "v1", entries), entries

    def test_the_platform_is_chosen_and_nothing_else_is_fetched(self, registry, puller):
        index, entries = self.push(
            registry,
            [
                {"os": "linux", "architecture": "arm", "variant": "v6"},
                {"os": "linux", "architecture": "arm", "variant": "v7"},
                {"os": "linux", "architecture": "amd64"},
                {"os": "unknown", "architecture": "unknown"},
            ],
        )

        found = puller(f"{registry.host}/app:v1")

        assert found.digest == digest_of(index)
        assert found.media_type == OCI_INDEX
        assert puller.into.find(digest_of(entries[2][0])) is not None
        assert puller.into.find(digest_of(entries[0][0])) is None

    @pytest.mark.parametrize(("variant", "number"), [("v7", 1), ("v6", 0), ("v8", 1)])
    def test_variants_of_arm(self, registry, puller, variant, number):
        _, entries = self.push(
            registry,
            [
                {"os": "linux", "architecture": "arm", "variant": "v6"},
                {"os": "linux", "architecture": "arm", "variant": "v7"},
            ],
        )

        puller(f"{registry.host}/app:v1", platform=Platform(os="linux", architecture="arm", variant=variant))

        assert [puller.into.find(digest_of(entry[0])) is not None for entry in entries] == [number == 0, number == 1]

    def test_an_index_in_an_index(self, registry, puller):
        inner, entries = self.push(registry, [{"os": "linux", "architecture": "amd64"}])
        registry.push_index("app", "outer", [(inner, {"os": "linux", "architecture": "amd64"}, OCI_INDEX)])

        puller(f"{registry.host}/app:outer")

        assert puller.into.find(digest_of(entries[0][0])) is not None

    def test_indexes_without_end(self, registry, puller):
        content = registry.push("app", "v1")
        media_type = OCI_MANIFEST
        for number in range(6):
            platform = {"os": "linux", "architecture": "amd64"}
            content = registry.push_index("app", f"deep-{number}", [(content, platform, media_type)])
            media_type = OCI_INDEX

        error = puller.refusal(f"{registry.host}/app:deep-5")

        assert "more than 4 indexes within one another" in str(error)

    def test_no_platform(self, registry, puller):
        self.push(registry, [{"os": "linux", "architecture": "s390x"}, {"os": "windows", "architecture": "amd64"}])

        error = puller.refusal(f"{registry.host}/app:v1")

        assert error.failure.kind == "no-platform"
        assert str(error).endswith(
            "platform: nothing in the index is for linux/amd64; there is linux/s390x, windows/amd64"
        )


class TestReferences:
    def test_by_digest(self, registry, puller):
        manifest = registry.push("app", "v1")

        found = puller(f"{registry.host}/app@{digest_of(manifest)}")

        assert found.digest == digest_of(manifest)

    def test_by_digest_something_else_comes(self, registry, puller):
        manifest = registry.push("app", "v1")
        other = registry.push("app", "v2", [b"other"])
        registry.manifests["app", digest_of(manifest)] = (other, OCI_MANIFEST)

        error = puller.refusal(f"{registry.host}/app@{digest_of(manifest)}")

        assert error.failure.kind == "digest-mismatch"
        assert error.step == "manifest"
        assert f"its bytes have the digest {digest_of(other)}, not {digest_of(manifest)}" in str(error)

    def test_the_header_says_another_digest(self, registry, puller):
        manifest = registry.push("app", "v1")
        wrong = digest_of(b"")
        registry.behave(
            "/manifests/",
            lambda handler: handler.answer(
                200, manifest, {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": wrong}
            ),
        )

        assert puller.refusal(f"{registry.host}/app:v1").failure.expected == wrong

    def test_the_header_is_no_digest(self, registry, puller):
        registry.behave("/manifests/", lambda handler: handler.answer(200, b"{}", {"Docker-Content-Digest": "../../x"}))

        assert "'../../x' in Docker-Content-Digest is no digest" in str(puller.refusal(f"{registry.host}/app:v1"))

    def test_a_registry_without_that_header_and_without_a_media_type(self, registry, puller):
        manifest = registry.push("app", "v1")
        registry.behave("/manifests/", lambda handler: handler.answer(200, manifest))

        found = puller(f"{registry.host}/app:v1")

        assert (found.digest, found.media_type) == (digest_of(manifest), OCI_MANIFEST)

    def test_not_found(self, registry, puller):
        error = puller.refusal(f"{registry.host}/app:v1")

        assert error.failure.kind == "not-found"
        assert str(error) == (
            f"{registry.host}/app:v1: manifest: {registry.url}/v2/app/manifests/v1: 404 Not Found: manifest unknown"
        )

    def test_nobody_listens(self, puller):
        port = free_port()

        error = puller.refusal(f"127.0.0.1:{port}/app:v1")

        assert (error.failure.kind, error.failure.cause) == ("unreachable", "refused")
        assert error.failure.address == f"127.0.0.1:{port}"
        assert f"https://127.0.0.1:{port}/v2/app/manifests/v1: connection refused (127.0.0.1:{port})" in str(error)
        assert puller.waits == []

    def test_a_host_that_is_none(self, puller):
        error = puller.refusal("localhost:99999/app:v1")

        assert "'localhost:99999' is no host" in str(error)
