"""Base64 as Go reads it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.go_base64 import InvalidBase64, go_base64_decode


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("", b""),
        ("YWI6Yw==", b"ab:c"),
        ("YWI6Y2Q=", b"ab:cd"),
        ("YWI6Y2Rl", b"ab:cde"),
        ("YW\nI6\r\nYw=\n=\n", b"ab:c"),
        ("YWI6Yx==", b"ab:c"),  # bits that stand for nothing
        ("\n", b""),
    ],
)
def test_decoded(text, decoded):
    assert go_base64_decode(text) == decoded


# The places are those that Go's base64.StdEncoding.DecodeString names for these inputs.
@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("!!!!", 0),
        ("====", 0),
        ("x===", 1),
        ("x", 0),
        ("AA", 0),
        ("AAA", 0),
        ("AAAAA", 4),
        ("AA=", 3),
        ("A=", 1),
        ("A=\n", 1),
        ("AA=x", 2),
        ("AA=\nx", 3),
        ("AA==A", 4),
        ("AAA=AAAA", 4),
        ("AAA=\nA", 5),
        ("A!", 1),
        ("AAAA!", 4),
        ("YWé=", 2),
        ("YW-_", 2),
    ],
)
def test_refused(text, at):
    with pytest.raises(InvalidBase64, match=f"^illegal base64 data at input byte {at}$"):
        go_base64_decode(text)


@given(st.binary(max_size=40))
def test_what_is_encoded_comes_back(content):
    assert go_base64_decode(base64.b64encode(content).decode()) == content


def _go(text):
    """decodeQuantum of base64.go as it stands there, byte by byte: the bytes, or the place of the error."""
    src, si, out = text.encode(), 0, b""
    digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    while si < len(src):
        quantum = b""
        while len(quantum) < 4:
            if si == len(src):
                return out if not quantum else si - len(quantum)
            byte = src[si]
            si += 1
            if byte in digits:
                quantum += bytes([byte])
            elif byte in b"\r\n":
                continue
            elif byte != ord("=") or len(quantum) < 2:
                return si - 1
            else:
                if len(quantum) == 2:
                    while si < len(src) and src[si] in b"\r\n":
                        si += 1
                    if si == len(src):
                        return si
                    if src[si] != ord("="):
                        return si - 1
                    si += 1
                while si < len(src) and src[si] in b"\r\n":
                    si += 1
                return si if si < len(src) else out + base64.b64decode(quantum + b"=" * (4 - len(quantum)))
        out += base64.b64decode(quantum)
    return out


@given(st.text(alphabet="AbZ09+/=!\n", max_size=12))
def test_as_go_does_it(text):
    expected = _go(text)
    if isinstance(expected, bytes):
        assert go_base64_decode(text) == expected
    else:
        with pytest.raises(InvalidBase64, match=f"^illegal base64 data at input byte {expected}$"):
            go_base64_decode(text)


@pytest.mark.parametrize(("text", "decoded"), [("YWI6Yw", b"ab:c"), ("YWI6Y2Q", b"ab:cd"), ("YWI6Y2Rl", b"ab:cde")])
def test_decoded_without_padding(text, decoded):
    assert go_base64_decode(text, is_padded=False) == decoded


# The places are those of base64.RawStdEncoding.
@pytest.mark.parametrize(("text", "at"), [("YWI6Yw==", 6), ("A", 0), ("AAAAA", 4), ("AA!A", 2)])
def test_refused_without_padding(text, at):
    with pytest.raises(InvalidBase64) as caught:
        go_base64_decode(text, is_padded=False)
    assert str(caught.value) == f"illegal base64 data at input byte {at}"
