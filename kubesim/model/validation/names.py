"""What is wrong with a name, a label, a key or an address, in the API server's words; empty for a good one.

Mirrors apimachinery: pkg/util/validation/validation.go, pkg/util/validation/ip.go and pkg/api/validate/content/kube.go.
The answers are kept: the same few names come again with every pod.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from kubesim.model.validation.field_error import byte_length

LABEL_MAX = 63
SUBDOMAIN_MAX = 253
PORT_NAME_MAX = 15
PORT_MAX = 65535
_KEPT = 4096

Problems = tuple[str, ...]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LOOSE = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_LOOSE_SUBDOMAIN = rf"{_LOOSE}(\.{_LOOSE})*"
_KEY = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_KEY})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_ENV_NAME = "[-._a-zA-Z][-._a-zA-Z0-9]*"
_HEADER = "[-A-Za-z0-9]+"
_SUBDOMAIN_WORDS = "must start and end with an alphanumeric character"

_IS_LABEL = re.compile(_LABEL)
_IS_SUBDOMAIN = re.compile(_SUBDOMAIN)
_IS_LOOSE_SUBDOMAIN = re.compile(_LOOSE_SUBDOMAIN)
_IS_KEY = re.compile(_KEY)
_IS_VALUE = re.compile(_VALUE)
_IS_CONFIG_KEY = re.compile(_CONFIG_KEY)
_IS_ENV_NAME = re.compile(_ENV_NAME)
_IS_HEADER = re.compile(_HEADER)
_IS_PORT_NAME = re.compile("[-a-z0-9]+")
_IS_RELAXED_ENV_NAME = re.compile("[ -<>-~]*")
_IS_DECIMAL = re.compile("0|-?[1-9][0-9]*")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")


def _form(words: str, pattern: str, *examples: str) -> str:
    """Mirrors RegexError, with its comma before every `or`."""
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{words} (e.g. {shown}regex used for validation is '{pattern}')"


_LABEL_TEXT = _form(
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and {_SUBDOMAIN_WORDS}",
    _LABEL,
    "my-name",
    "123-abc",
)
_SUBDOMAIN_TEXT = _form(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
    f"{_SUBDOMAIN_WORDS}",
    _SUBDOMAIN,
    "example.com",
)
_LOOSE_SUBDOMAIN_TEXT = _form(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and "
    f"{_SUBDOMAIN_WORDS}",
    _LOOSE_SUBDOMAIN,
    "example.com",
)
_KEY_TEXT = _form(
    f"must consist of alphanumeric characters, '-', '_' or '.', and {_SUBDOMAIN_WORDS}",
    _KEY,
    "MyName",
    "my.name",
    "123-abc",
)
_VALUE_TEXT = _form(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
    f"{_SUBDOMAIN_WORDS}",
    _VALUE,
    "MyValue",
    "my_value",
    "12345",
)
_CONFIG_KEY_TEXT = _form(
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
    _CONFIG_KEY,
    "key.name",
    "KEY_NAME",
    "key-name",
)
_ENV_NAME_TEXT = _form(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit",
    _ENV_NAME,
    "my.env-name",
    "MY_ENV.NAME",
    "MyEnvName1",
)
_RELAXED_ENV_NAME_TEXT = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_HEADER_TEXT = _form("a valid HTTP header must consist of alphanumeric characters or '-'", _HEADER, "X-Header-Name")
_IP_TEXT = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


@lru_cache(_KEPT)
def label_problems(value: str) -> Problems:
    """A DNS label: names of containers, volumes and namespaces. Mirrors IsDNS1123Label."""
    problems = _too_long(value, LABEL_MAX, "characters")
    if not _IS_LABEL.fullmatch(value):
        problems += ("must not contain dots" if _IS_SUBDOMAIN.fullmatch(value) else _LABEL_TEXT,)
    return problems


@lru_cache(_KEPT)
def subdomain_problems(value: str) -> Problems:
    """A DNS subdomain: names of pods and of most objects. Mirrors IsDNS1123Subdomain."""
    problems = _too_long(value, SUBDOMAIN_MAX, "characters")
    return problems if _IS_SUBDOMAIN.fullmatch(value) else (*problems, _SUBDOMAIN_TEXT)


def loose_subdomain_problems(value: str) -> Problems:
    """A DNS subdomain that may have underscores. Mirrors IsDNS1123SubdomainWithUnderscore."""
    problems = _too_long(value, SUBDOMAIN_MAX, "characters")
    return problems if _IS_LOOSE_SUBDOMAIN.fullmatch(value) else (*problems, _LOOSE_SUBDOMAIN_TEXT)


@lru_cache(_KEPT)
def qualified_name_problems(value: str) -> Problems:
    """A key of a label, with or without a domain before it. Mirrors IsLabelKey, once IsQualifiedName."""
    parts = value.split("/")
    if len(parts) > 2:
        return (
            f"a valid label key {_KEY_TEXT} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        )
    problems: Problems = ()
    if len(parts) == 2:
        if not parts[0]:
            problems = ("prefix part must be non-empty",)
        else:
            long = _too_long(parts[0], SUBDOMAIN_MAX, "bytes")
            form = () if _IS_SUBDOMAIN.fullmatch(parts[0]) else (_SUBDOMAIN_TEXT,)
            problems = tuple(f"prefix part {problem}" for problem in (*long, *form))
    name = parts[-1]
    if not name:
        problems += ("name part must be non-empty",)
    problems += tuple(f"name part {problem}" for problem in _too_long(name, LABEL_MAX, "bytes"))
    return problems if _IS_KEY.fullmatch(name) else (*problems, f"name part {_KEY_TEXT}")


@lru_cache(_KEPT)
def label_value_problems(value: str) -> Problems:
    """The value of a label. Mirrors IsLabelValue."""
    problems = _too_long(value, LABEL_MAX, "bytes")
    return problems if _IS_VALUE.fullmatch(value) else (*problems, _VALUE_TEXT)


@lru_cache(_KEPT)
def config_key_problems(value: str) -> Problems:
    """A key of a ConfigMap or Secret. Mirrors IsConfigMapKey."""
    problems = _too_long(value, SUBDOMAIN_MAX, "characters")
    if not _IS_CONFIG_KEY.fullmatch(value):
        problems += (_CONFIG_KEY_TEXT,)
    return problems + _dots(value)


@lru_cache(_KEPT)
def env_name_problems(value: str) -> Problems:
    """The name of an environment variable before RelaxedEnvironmentVariableValidation. Mirrors IsEnvVarName."""
    return (() if _IS_ENV_NAME.fullmatch(value) else (_ENV_NAME_TEXT,)) + _dots(value)


@lru_cache(_KEPT)
def relaxed_env_name_problems(value: str) -> Problems:
    """The name of an environment variable, not empty. Mirrors IsRelaxedEnvVarName."""
    return () if _IS_RELAXED_ENV_NAME.fullmatch(value) else (_RELAXED_ENV_NAME_TEXT,)


def header_problems(value: str) -> Problems:
    """The name of an HTTP header. Mirrors IsHTTPHeaderName."""
    return () if _IS_HEADER.fullmatch(value) else (_HEADER_TEXT,)


@lru_cache(_KEPT)
def port_problems(value: int | str) -> Problems:
    """The number or the name of a port. Mirrors IsValidPortNum and IsValidPortName."""
    if isinstance(value, int):
        return () if 1 <= value <= PORT_MAX else (f"must be between 1 and {PORT_MAX}, inclusive",)
    problems = _too_long(value, PORT_NAME_MAX, "characters")
    if not _IS_PORT_NAME.fullmatch(value):
        problems += ("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",)
    if not any("a" <= letter <= "z" for letter in value):
        problems += ("must contain at least one letter (a-z)",)
    if "--" in value:
        problems += ("must not contain consecutive hyphens",)
    if value.startswith("-") or value.endswith("-"):
        problems += ("must not begin or end with a hyphen",)
    return problems


def ip_problems(value: str, *, strict: bool) -> Problems:
    """An address; a strict check refuses leading zeros and IPv4 in IPv6. Mirrors IsValidIPForLegacyField."""
    if ":" not in value:
        plain = _LEADING_ZEROS.sub("", value)
        try:
            IPv4Address(plain)
        except AddressValueError:
            return (_IP_TEXT,)
        return ("must not have leading 0s",) if strict and plain != value else ()
    head, colon, tail = value.rpartition(":")
    plain = head + colon + _LEADING_ZEROS.sub("", tail) if "." in tail else value
    try:
        found = IPv6Address(plain)
    except AddressValueError:
        return (_IP_TEXT,)
    if found.scope_id is not None:
        return (_IP_TEXT,)
    if strict and plain != value:
        return ("must not have leading 0s",)
    return ("must not be an IPv4-mapped IPv6 address",) if strict and found.ipv4_mapped is not None else ()


def decimal_problems(value: str) -> Problems:
    """A whole number as it is usually written. Mirrors IsDecimalInteger."""
    if not value:
        return ("must be non-empty",)
    return () if _IS_DECIMAL.fullmatch(value) else ("must be a valid decimal integer in canonical form",)


def descending_path_problems(value: str) -> Problems:
    """A path below another one. Mirrors validateLocalDescendingPath."""
    absolute = ("must be a relative path",) if value.startswith("/") else ()
    return absolute + backstep_problems(value)


def backstep_problems(value: str) -> Problems:
    """A path that never goes up. Mirrors validatePathNoBacksteps."""
    return ("must not contain '..'",) if ".." in value and ".." in value.split("/") else ()


def file_path_problems(value: str) -> Problems:
    """The path of a file in a volume of an atomic writer. Mirrors ValidateLocalNonReservedPath."""
    is_reserved = value.startswith("..") and not value.startswith("../")
    return descending_path_problems(value) + (("must not start with '..'",) if is_reserved else ())


def _too_long(value: str, length_max: int, unit: str) -> Problems:
    return (f"must be no more than {length_max} {unit}",) if byte_length(value) > length_max else ()


def _dots(value: str) -> Problems:
    if value in {".", ".."}:
        return (f"must not be '{value}'",)
    return ("must not start with '..'",) if value.startswith("..") else ()
