"""The GET of probes and hooks: ports, addresses as Go forms them, headers, redirects, and what an answer means."""

import pytest

from kubesim.policy.http_get import (
    HttpAnswer,
    HttpRequest,
    PortError,
    go_get_error,
    http_outcome,
    http_request,
    redirected,
    resolve_port,
)
from kubesim.policy.probe_outcome import ProbeOutcome, ProbeVerdict


def request(path: str = "/", *headers: tuple[str, str], scheme: str = "HTTP", host: str = "10.0.0.5") -> HttpRequest:
    return http_request(scheme=scheme, host=host, port=80, path=path, headers=headers, agent="kube-probe/1.36")


@pytest.mark.parametrize(("port", "number"), [(80, 80), ("web", 8080), ("443", 443), (65535, 65535), ("+7", 7)])
def test_a_port(port: int | str, number: int) -> None:
    assert resolve_port(port, {"web": 8080}) == number


@pytest.mark.parametrize(
    ("port", "text"),
    [
        (0, "invalid port number: 0"),
        (65536, "invalid port number: 65536"),
        ("-1", "invalid port number: -1"),
        ("http", 'strconv.Atoi: parsing "http": invalid syntax'),
    ],
)
def test_a_port_that_is_none(port: int | str, text: str) -> None:
    with pytest.raises(PortError) as caught:
        resolve_port(port, {"web": 8080})
    assert str(caught.value) == text


# What Go's net/url and net/http make of a path: the URL of errors, and the target of the request.
ADDRESSES = [
    ("/", "/", "/"),
    ("healthz", "/healthz", "/healthz"),
    ("/a b", "/a%20b", "/a%20b"),
    ("/a%20b?c=d e#frag", "/a%20b?c=d e#frag", "/a%20b?c=d e"),
    ("/a?b=%zz", "/a?b=%zz", "/a?b=%zz"),
    ("/a%zz", "/a%25zz", "/a%25zz"),
    ("/a%zz?b", "/a%25zz%3Fb", "/a%25zz%3Fb"),
    ("/%41", "/%41", "/%41"),
    ("/é", "/%C3%A9", "/%C3%A9"),
    ("//x/y", "/y", "/y"),
    ("http://other:1/q?r=1", "/q?r=1", "/q?r=1"),
    ('/a"b', "/a%22b", "/a%22b"),
    ("/[x]", "/[x]", "/[x]"),
    ("/a{b}", "/a%7Bb%7D", "/a%7Bb%7D"),
    ("/a?", "/a?", "/a?"),
    ("/a%2fb c", "/a/b%20c", "/a/b%20c"),
    ("/a\nb", "/a%0Ab", "/a%0Ab"),
]


@pytest.mark.parametrize(("path", "shown", "target"), ADDRESSES)
def test_an_address(path: str, shown: str, target: str) -> None:
    made = request(path)
    assert made.url == f"http://10.0.0.5:80{shown}"
    assert made.target == target


def test_an_ipv6_address_has_brackets() -> None:
    made = request(host="fd00::2", scheme="")
    assert made.url == "http://[fd00::2]:80/"
    assert made.host_header == "[fd00::2]:80"


@pytest.mark.parametrize(
    ("given", "host", "sent"),
    [
        ((), "10.0.0.5:80", (("User-Agent", "kube-probe/1.36"), ("Accept", "*/*"))),
        ((("user-agent", "me"), ("accept", "a/b")), "10.0.0.5:80", (("User-Agent", "me"), ("Accept", "a/b"))),
        ((("User-Agent", ""), ("Accept", "")), "10.0.0.5:80", ()),
        (
            (("x-b", "1"), ("host", "example.com"), ("X-B", "2"), ("A-z", "3")),
            "example.com",
            (("User-Agent", "kube-probe/1.36"), ("A-Z", "3"), ("Accept", "*/*"), ("X-B", "1"), ("X-B", "2")),
        ),
    ],
)
def test_headers(given: tuple[tuple[str, str], ...], host: str, sent: tuple[tuple[str, str], ...]) -> None:
    made = request("/", *given)
    assert (made.host_header, made.headers) == (host, sent)


def moved(location: str, status: int = 302) -> HttpAnswer:
    return HttpAnswer(status=status, headers=(("location", location),))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/x", "http://10.0.0.5:80/x"),
        ("http://h:99/y?z", "http://h:99/y?z"),
        ("//h2/q", "http://h2/q"),
        ("?q=1", "http://10.0.0.5:80/a/b?q=1"),
        ("y/../z", "http://10.0.0.5:80/a/z"),
        ("ftp://h/", "ftp://h/"),
        ("https://10.0.0.5/", "https://10.0.0.5/"),
    ],
)
def test_a_redirect(location: str, url: str) -> None:
    follow = redirected(request("/a/b?c"), moved(location))
    assert follow is not None
    assert follow.url == url
    assert dict(follow.headers)["Referer"] == "http://10.0.0.5:80/a/b?c"


def test_a_redirect_goes_to_the_usual_port() -> None:
    follow = redirected(request(), moved("https://10.0.0.5/"))
    assert follow is not None
    assert (follow.port, follow.host_header) == (443, "10.0.0.5")


def test_a_redirect_to_plain_http_tells_nobody_where_it_came_from() -> None:
    follow = redirected(request(scheme="HTTPS"), moved("http://10.0.0.5/x"))
    assert follow is not None
    assert "Referer" not in dict(follow.headers)


@pytest.mark.parametrize(("location", "host"), [("/x", "example.com"), ("http://10.0.0.5:80/x", "10.0.0.5:80")])
def test_a_host_header_is_kept_within_the_server(location: str, host: str) -> None:
    follow = redirected(request("/", ("Host", "example.com")), moved(location))
    assert follow is not None
    assert follow.host_header == host


@pytest.mark.parametrize("answer", [moved("/x", 200), moved("/x", 304), HttpAnswer(status=302)])
def test_no_redirect(answer: HttpAnswer) -> None:
    assert redirected(request(), answer) is None


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("%zz", 'failed to parse Location header "%zz": parse "%zz": invalid URL escape "%zz"'),
        (
            "http://h:bad/",
            'failed to parse Location header "http://h:bad/": parse "http://h:bad/": invalid port ":bad" after host',
        ),
        (
            "http://h/\x7f",
            (
                r'failed to parse Location header "http://h/\x7f": parse "http://h/\x7f": '
                "net/url: invalid control character in URL"
            ),
        ),
    ],
)
def test_a_redirect_to_no_address(location: str, text: str) -> None:
    with pytest.raises(ValueError, match="failed to parse") as caught:
        redirected(request(), moved(location))
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("answer", "verdict", "output"),
    [
        (HttpAnswer(status=200, body=b"fine"), ProbeVerdict.SUCCESS, "fine"),
        (HttpAnswer(status=399, body=b"x"), ProbeVerdict.WARNING, "Probe terminated redirects, Response body: x"),
        (HttpAnswer(status=400, body=b"x"), ProbeVerdict.FAILURE, "HTTP probe failed with statuscode: 400"),
        (HttpAnswer(status=101), ProbeVerdict.FAILURE, "HTTP probe failed with statuscode: 101"),
        (HttpAnswer(status=200, body=b"y" * 20000), ProbeVerdict.SUCCESS, "y" * 10240),
    ],
)
def test_what_an_answer_means(answer: HttpAnswer, verdict: ProbeVerdict, output: str) -> None:
    assert http_outcome(answer) == ProbeOutcome(verdict=verdict, output=output)


def test_a_body_that_broke_off_is_an_error() -> None:
    found = http_outcome(HttpAnswer(status=200, error="unexpected EOF"))
    assert (found.verdict, found.error, found.result) == (ProbeVerdict.FAILURE, "unexpected EOF", None)


def test_the_words_of_a_failed_get() -> None:
    assert go_get_error("http://10.0.0.5:80/", "EOF") == 'Get "http://10.0.0.5:80/": EOF'
