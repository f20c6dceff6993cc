"""Logins: who is told what, by which scheme, and what is said when it is not enough."""

import json
import threading

import pytest

from kubesim.images.blobs.directory import BlobDirectory
from kubesim.images.registry.errors import RegistryError
from kubesim.images.registry.patience import Patience
from kubesim.images.registry.pull import PullOptions, pull
from kubesim.images.registry.settings import RegistrySettings
from kubesim.policy.docker_cli_config import DockerConfig, HostLogin
from kubesim.policy.image_reference import parse_reference
from kubesim.policy.registry_endpoints import HostRules

from .registry_server import as_json, basic, digest_of, registry_server, server_tls

SECRET = "s3cret-of-mine"
ME = HostLogin(username="me", password=SECRET)


@pytest.fixture
def registry():
    with registry_server() as found:
        found.push("app", "v1", [b"a layer"])
        yield found


@pytest.fixture
def run(registry, tmp_path):
    def run(login=None, *, config=None, settings=None):
        config = config or DockerConfig(auths={} if login is None else {registry.host: login})
        found = settings or RegistrySettings(config=config)
        into = BlobDirectory(tmp_path)
        patience = Patience(sleep=lambda seconds: None)
        return pull(
            parse_reference(f"{registry.host}/app:v1"),
            into=into,
            options=PullOptions(settings=found, patience=patience),
        )

    return run


@pytest.fixture
def refusal(run):
    def refusal(*args, **options):
        with pytest.raises(RegistryError) as caught:
            run(*args, **options)
        chain = [caught.value]
        while chain[-1].__cause__ is not None:
            chain.append(chain[-1].__cause__)
        for one in chain:
            assert SECRET not in str(one)
            assert SECRET not in repr(getattr(one, "failure", ""))
        return caught.value

    return refusal


class TestBasic:
    def test_it_is_presented_once_it_is_asked_for(self, registry, run):
        registry.basic = ("me", SECRET)

        run(ME)

        assert registry.asked[0].authorization == ""
        assert {one.authorization for one in registry.asked[1:]} == {basic("me", SECRET)}

    def test_nobody_who_asks_is_told(self, registry, run):
        run(ME)

        assert {one.authorization for one in registry.asked} == {""}

    def test_the_wrong_one(self, registry, refusal):
        registry.basic = ("me", "another")

        error = refusal(ME)

        assert error.failure.kind == "unauthorized"
        assert (error.failure.answer.status, error.failure.had_login, error.failure.challenge) == (401, True, "basic")
        assert str(error).endswith(
            "401 Unauthorized: authentication required; see the login for " + registry.host + " in config.json"
        )
        assert len(registry.asked) == 2

    def test_none(self, registry, refusal):
        registry.basic = ("me", SECRET)

        error = refusal()

        assert not error.failure.had_login
        assert f"no login is known for {registry.host}: add one to config.json" in str(error)

    def test_one_that_a_program_keeps(self, registry, refusal):
        registry.basic = ("me", SECRET)
        config = DockerConfig(cred_helpers={registry.host: "desktop"})

        error = refusal(config=config)

        assert f"credHelpers has docker-credential-desktop for {registry.host}, and kubesim starts no programs" in str(
            error
        )

    def test_no_challenge_that_anybody_knows(self, registry, refusal):
        registry.behave("/v2/", lambda handler: handler.answer(401, headers={"WWW-Authenticate": "Negotiate"}))

        error = refusal(ME)

        assert (error.failure.kind, error.failure.challenge) == ("unauthorized", "")


class TestBearer:
    def test_a_token_for_everybody(self, registry, run):
        registry.bearer = "abc.def"

        run()

        tokens = [one for one in registry.asked if one.path == "/token"]
        assert [(one.method, one.query, one.authorization) for one in tokens] == [
            ("GET", {"service": ["test"], "scope": ["repository:app:pull"]}, "")
        ]
        assert registry.asked[-1].authorization == "Bearer abc.def"

    def test_a_token_for_a_login(self, registry, run):
        registry.bearer = "abc"
        registry.token_login = ("me", SECRET)

        run(ME)

        [token] = [one for one in registry.asked if one.path == "/token"]
        assert token.authorization == basic("me", SECRET)
        assert all(SECRET not in one.authorization for one in registry.asked)

    def test_a_token_for_an_identity_token(self, registry, run):
        registry.bearer = "abc"
        registry.identity_token = SECRET

        run(HostLogin(identity_token=SECRET))

        [token] = [one for one in registry.asked if one.path == "/token"]
        assert token.method == "POST"
        assert token.query == {}
        assert b"grant_type=refresh_token" in token.body
        assert b"scope=repository%3Aapp%3Apull" in token.body

    @pytest.mark.parametrize("status", [400, 404, 405])
    def test_a_service_that_knows_no_post(self, registry, run, status):
        registry.bearer = "abc"
        registry.token_login = ("", SECRET)
        registry.behave("/token", lambda handler: handler.answer(status), times=1)

        run(HostLogin(identity_token=SECRET))

        methods = [one.method for one in registry.asked if one.path == "/token"]
        assert methods == ["POST", "GET"]

    def test_a_token_of_ones_own(self, registry, run):
        registry.bearer = SECRET

        run(HostLogin(registry_token=SECRET))

        assert "/token" not in registry.paths()

    def test_a_token_that_runs_out(self, registry, run):
        registry.bearer = "first"
        changed = threading.Event()

        def run_out(handler):
            registry.bearer = "second"
            changed.set()
            handler._is_allowed(registry.asked[-1])

        registry.behave("/blobs/", run_out, times=1)

        run()

        assert changed.is_set()
        assert registry.asked[-1].authorization == "Bearer second"

    def test_tokens_that_are_never_enough(self, registry, refusal):
        registry.bearer = "wanted"
        numbers = iter(range(100))

        def another(handler):
            handler.answer(200, as_json({"token": f"token-{next(numbers)}"}))

        registry.behave("/token", another)

        error = refusal()

        assert error.failure.kind == "unauthorized"
        assert registry.paths().count("/token") == 2

    def test_the_service_refuses(self, registry, refusal):
        registry.bearer = "abc"
        registry.token_login = ("me", "another")

        error = refusal(ME)

        assert error.failure.kind == "unauthorized"
        assert f"no token: {registry.url}/token?scope=repository%3Aapp%3Apull&service=test: 401" in str(error)

    def test_the_service_is_busy_for_a_while(self, registry, run):
        registry.bearer = "abc"
        registry.behave("/token", lambda handler: handler.answer(503), times=2)

        run()

        assert registry.paths().count("/token") == 3

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"<html>", "there is no token in the answer"),
            (b"[1]", "there is no token in the answer"),
            (as_json({}), "there is no token in the answer"),
            (as_json({"token": 5}), "there is no token in the answer"),
            (as_json({"token": "a\nX-Header: b"}), "there is no token in the answer"),
            (as_json({"token": "ä"}), "there is no token in the answer"),
            (as_json({"token": "a" * 200_000}), "the token has 200000 characters, 131072 are taken"),
            (as_json({"token": "a" * 2_000_000}), "2000013 bytes, 1048576 are taken"),
            (b"[" * 100_000, "there is no token in the answer"),
        ],
    )
    def test_answers_of_a_service_that_are_none(self, registry, refusal, content, said):
        registry.bearer = "abc"
        registry.behave("/token", lambda handler: handler.answer(200, content))

        assert said in str(refusal())

    @pytest.mark.parametrize(
        ("realm", "said"),
        [("file:///etc/passwd", "its scheme is 'file'"), ("/token", "it has no scheme"), ("http://", "it has no host")],
    )
    def test_realms_that_are_no_service(self, registry, refusal, realm, said):
        registry.bearer = "abc"
        registry.realm = realm

        error = refusal()

        assert f"{registry.host} names {realm!r} as its token service: {said}" in str(error)


class TestTls:
    @pytest.fixture
    def tls(self, tmp_path):
        return server_tls(tmp_path)

    @pytest.fixture
    def secure(self, tls):
        with registry_server(tls=tls[0]) as found:
            found.push("app", "v1", [b"a layer"])
            yield found

    def pull(self, registry, tmp_path, rules=None, config=None):
        settings = RegistrySettings(
            hosts={} if rules is None else {registry.host: rules}, config=config or DockerConfig()
        )
        patience = Patience(sleep=lambda seconds: None)
        into = BlobDirectory(tmp_path / "store")
        options = PullOptions(settings=settings, patience=patience)
        return pull(parse_reference(f"{registry.host}/app:v1"), into=into, options=options)

    def test_this_machine_is_not_verified(self, secure, tmp_path):
        found = self.pull(secure, tmp_path)

        assert found.digest == digest_of(secure.manifests["app", "v1"][0])

    def test_a_certificate_of_ones_own(self, secure, tls, tmp_path):
        assert self.pull(secure, tmp_path, HostRules(ca_file=str(tls[1]))).size

    def test_a_certificate_that_nobody_vouches_for(self, secure, tmp_path):
        (tmp_path / "other").mkdir()
        _, other = server_tls(tmp_path / "other")

        with pytest.raises(RegistryError) as caught:
            self.pull(secure, tmp_path, HostRules(ca_file=str(other)))

        assert caught.value.failure.cause == "unknown-authority"
        assert "its certificate is not trusted" in str(caught.value)
        assert "caFile" in str(caught.value)

    def test_a_certificate_for_another_host(self, tmp_path):
        context, pem = server_tls(tmp_path, host="other.test")
        with registry_server(tls=context) as found, pytest.raises(RegistryError) as caught:
            self.pull(found, tmp_path, HostRules(ca_file=str(pem)))

        assert caught.value.failure.cause == "certificate"

    def test_with_a_ca_a_server_without_tls_is_not_spoken_to_in_the_clear(self, tls, tmp_path):
        with registry_server() as plain:
            plain.push("app", "v1")
            with pytest.raises(RegistryError) as caught:
                self.pull(plain, tmp_path, HostRules(ca_file=str(tls[1])))

            assert plain.asked == []

        assert caught.value.failure.cause == "no-tls"

    def test_a_redirection_out_of_tls_is_refused_unless_it_stays_here(self, secure, tmp_path):
        secure.behave("/blobs/", lambda handler: handler.answer(307, headers={"Location": "http://other.test/x"}))

        with pytest.raises(RegistryError) as caught:
            self.pull(secure, tmp_path)

        assert "redirected to http://other.test/x, which is without TLS" in str(caught.value)

    def test_a_secret_is_not_sent_to_a_service_in_the_clear(self, secure, tmp_path):
        secure.bearer = "abc"
        secure.realm = "http://tokens.test/token"
        config = DockerConfig(auths={secure.host: ME})

        with pytest.raises(RegistryError) as caught:
            self.pull(secure, tmp_path, config=config)

        assert "wants its login to be sent to http://tokens.test/token without TLS" in str(caught.value)

    def test_a_handshake_that_is_stopped(self, tmp_path):
        """A server that takes the connection and says nothing."""
        import socket

        from kubesim.images.registry.patience import Stop

        with socket.create_server(("127.0.0.1", 0)) as silent:
            stop = Stop()
            host = f"127.0.0.1:{silent.getsockname()[1]}"
            threading.Timer(0.1, stop.set).start()
            with pytest.raises(RegistryError) as caught:
                pull(parse_reference(f"{host}/app:v1"), into=BlobDirectory(tmp_path / "store"), stop=stop)

        assert caught.value.failure.kind == "stopped"


def test_no_login_is_shown_when_it_is_printed():
    login = HostLogin(username="me", password=SECRET, identity_token=SECRET, registry_token=SECRET)

    assert SECRET not in repr(login)
    assert SECRET not in json.dumps(repr(DockerConfig(auths={"a": login})))
