"""WWW-Authenticate, read as registries write it and as they should not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.registry_challenge import Challenge, TokenRequest, parse_challenges, pull_scope, token_request

REALM = "https://auth.example/token"


def bearer(**parameters):
    return Challenge(scheme="bearer", parameters={"realm": REALM, **parameters})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ()),
        (['Bearer realm="https://auth.example/token"'], (bearer(),)),
        (
            ['Bearer realm="https://auth.example/token",service="a, b",scope="repository:x:pull,push"'],
            (bearer(service="a, b", scope="repository:x:pull,push"),),
        ),
        (['bearer  REALM = "https://auth.example/token" , Service=plain'], (bearer(service="plain"),)),
        (['Bearer realm="https://auth.example/token",error="invalid_token"'], (bearer(error="invalid_token"),)),
        (['Bearer realm="https://auth.example/token",service="a\\"b\\\\"'], (bearer(service='a"b\\'),)),
        (['Bearer service="no realm"'], ()),
        (["Basic"], (Challenge(scheme="basic"),)),
        (['Basic realm="x"'], (Challenge(scheme="basic", parameters={"realm": "x"}),)),
        (
            ['Basic realm="x", Bearer realm="https://auth.example/token"'],
            (bearer(), Challenge(scheme="basic", parameters={"realm": "x"})),
        ),
        (
            ["Basic", 'Bearer realm="https://auth.example/token"'],
            (bearer(), Challenge(scheme="basic")),
        ),
        (["Negotiate", 'Digest realm="x"'], ()),
        (['Bearer realm="https://auth.example/token'], ()),
        ([", ,"], ()),
        (['Bearer realm="https://auth.example/token",realm="twice"'], (bearer(),)),
    ],
)
def test_challenges(headers, expected):
    assert parse_challenges(headers) == expected


@given(st.lists(st.text(alphabet='Bearsic ml="\\,;\t', max_size=40), max_size=3))
def test_any_header_is_read(headers):
    for challenge in parse_challenges(headers):
        assert challenge.scheme in ("bearer", "basic")


def test_what_is_asked_for():
    found = token_request(bearer(service="s", scope="repository:a:pull  repository:b:pull"), repository="a")

    assert found == TokenRequest(realm=REALM, service="s", scopes=("repository:a:pull", "repository:b:pull"))
    assert found.get_url == (
        "https://auth.example/token?scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull&service=s"
    )
    assert found.refresh_form("secret&x") == (
        b"grant_type=refresh_token&service=s&client_id=kubesim"
        b"&scope=repository%3Aa%3Apull+repository%3Ab%3Apull&refresh_token=secret%26x"
    )


def test_a_challenge_without_a_scope_means_the_repository():
    found = token_request(bearer(), repository="team/app")

    assert found.scopes == (pull_scope("team/app"),) == ("repository:team/app:pull",)
    assert found.get_url == "https://auth.example/token?scope=repository%3Ateam%2Fapp%3Apull"


def test_the_query_of_a_realm_stays():
    found = TokenRequest(realm="https://auth.example/token?account=&x=1#fragment", service="s")

    assert found.get_url == "https://auth.example/token?account=&service=s&x=1"
