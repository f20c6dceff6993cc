"""Strict YAML (and JSON) text to plain values, with the line and column of every node.

The rules are those of sigs.k8s.io/yaml, which kubectl and the kubelet use for manifests: a fork of go-yaml v2 reads
the YAML and the result becomes JSON (mirrors kubernetes-sigs/yaml: goyaml.v2/resolve.go, resolve; yaml.go,
YAMLToJSONStrict).

- Plain `true`, `yes`, `on`, `y` and their negatives, in the three usual spellings of case, are booleans. A string
  field that is given `NO` is therefore refused later, as upstream refuses it, and the refusal says that quotes help:
  see `kubesim.model.convert`. They never turn into the text "false".
- `0777`, `0o777`, `0x1F`, `0b11` and `1_000` are integers. A float without a fraction becomes an integer, because its
  JSON text has none (`1e3` is 1000).
- Dates and times stay text, and there are no base-60 numbers: `22:22` is text.
- A key given twice is an error. Anchors, aliases and merge keys (`<<`) work; a key of the mapping itself wins over a
  merged one.

Stricter than upstream, on purpose: a key that YAML does not read as the text it shows (`on:`, `0x10:`, `~:`) is
refused, where upstream would silently rename it to "true", "16" or fail. Tags other than the core ones are refused.
Depth is bounded by DEPTH_MAX, and what aliases may expand to by ALIAS_NODES_MAX, so a small text cannot become a huge
value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from yaml import CBaseLoader, MappingNode, MarkedYAMLError, Node, ScalarNode, SequenceNode, YAMLError
from yaml.reader import ReaderError

from kubesim.errors import InputError
from kubesim.model.paths import Path

DEPTH_MAX = 128
"""Levels of nesting in one document. A pod needs about 15; the bound keeps the C parser's recursion safe."""

ALIAS_NODES_MAX = 100_000
"""Lists and mappings that aliases may add to one text by being expanded."""

_TOO_DEEP_FOR_LIBYAML = "exceeded maximum nesting depth"
"""What libyaml 0.2.6 says beyond 1000 levels: its scanner looks ahead, and gets there before anything is composed."""

_PLAIN = "plain"
_QUOTED = "quoted"
_COLLECTION = "collection"
_CORE = "tag:yaml.org,2002:"

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_NOT_IN_JSON = frozenset(
    sign + word for word in (".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN") for sign in ("", "+", "-")
)
_HINTS = frozenset("+-.0123456789yYnNtTfFoO~")
"""First characters of plain scalars that may be something else than text."""

_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_EXPONENT_FROM = 1e21
"""From here on Go prints a float64 with an exponent in JSON, so it is no integer any more."""

_SURROGATE_PAIR = re.compile(r"\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_ESCAPE = re.compile(rf"{_SURROGATE_PAIR.pattern}|\\.")
"""Every JSON escape, so that an escaped backslash never starts the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a YAML text: its value, and where each part of it was written."""

    value: Any
    """None, bool, int, float, str, list or dict with str keys, as JSON has them."""
    name: str
    """The file name, or what to call the text in messages."""
    root: Node | None = field(default=None, repr=False, compare=False)
    """The composed tree; None for a value that never was text."""
    base: Path = ()
    """Where in an object this document is a part of one; messages show paths from there."""

    def part(self, path: Path, value: Any, *, base: Path) -> Document:
        """`value` as a document of its own whose parts were written below `path` of this one."""
        node = self.root
        for step in path:
            found = None if node is None else _child(node, step)
            node = None if found is None else found[1]
        return Document(value=value, name=self.name, root=node, base=base)

    def position(self, path: Path = (), *, of_key: bool = False) -> tuple[int, int] | None:
        """Line and column, both from 1, of the node at `path`, or of its key in the mapping around it.

        A path that does not exist gives the nearest existing node above it. None when there is no text.
        """
        if self.root is None:
            return None
        node, key = self.root, None
        for step in path:
            found = _child(node, step)
            if found is None:
                key = None
                break
            key, node = found
        mark = (key if of_key and key is not None else node).start_mark
        return mark.line + 1, mark.column + 1

    def where(self, path: Path = (), *, of_key: bool = False) -> str:
        """`file:line:column` for messages, or the name alone for a value that never was text."""
        at = self.position(path, of_key=of_key)
        return self.name if at is None else f"{self.name}:{at[0]}:{at[1]}"

    def plain_text(self, path: Path) -> str | None:
        """The characters of the unquoted scalar at `path`; None for anything else."""
        node = self.root
        for step in path:
            found = None if node is None else _child(node, step)
            if found is None:
                return None
            node = found[1]
        return node.value if isinstance(node, ScalarNode) and node.tag == _PLAIN else None


def load_documents(text: str | bytes, *, name: str) -> list[Document]:
    """Every document of a YAML stream, or the one value of a JSON text; empty documents are left out.

    Raises InputError with `file:line:column` for text that is not UTF-8, not YAML, has a key twice, nests too deep,
    or uses a value that JSON does not have.
    """
    return list(_documents(_decoded(text, name), name))


def load_document(text: str | bytes, *, name: str) -> Document:
    """The only document of a text. Raises InputError when there is none, or more than one."""
    documents = load_documents(text, name=name)
    if not documents:
        raise InputError("the file holds no document", where=name, hint="expected exactly one YAML document")
    if len(documents) > 1:
        raise InputError(
            f"the file holds {len(documents)} documents", where=documents[1].where(), hint="expected exactly one"
        )
    return documents[0]


def _decoded(text: str | bytes, name: str) -> str:
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            before = error.object[: error.start]
            line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
            raise InputError(
                f"byte 0x{error.object[error.start]:02x} is not UTF-8",
                where=f"{name}:{line}:{column}",
                hint="YAML files are UTF-8",
            ) from error
    return text.removeprefix("\ufeff")


def _documents(text: str, name: str) -> Iterator[Document]:
    # JSON may write an emoji as two \u escapes, which YAML forbids. Only text that is JSON gets this treatment.
    if text.lstrip()[:1] in ("{", "[", '"') and _SURROGATE_PAIR.search(text) and _is_json(text):
        text = _ESCAPE.sub(_joined_escape, text)
    loader = _Composer(text, name)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None or _is_empty(node):
                continue
            yield Document(value=_Converter(name, loader.collections).value(node), name=name, root=node)
    except YAMLError as error:
        raise _syntax_error(error, text, name) from error
    finally:
        loader.dispose()


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _joined_escape(match: re.Match[str]) -> str:
    if not _SURROGATE_PAIR.fullmatch(match[0]):
        return match[0]
    return f"\\U{ord(json.loads(chr(34) + match[0] + chr(34))):08x}"


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == _PLAIN and node.value == ""


def _syntax_error(error: YAMLError, text: str, name: str) -> InputError:
    if isinstance(error, ReaderError):
        before = text.encode()[: error.position].decode(errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return InputError(f"not valid YAML: {error.reason}", where=f"{name}:{line}:{column}")
    if not isinstance(error, MarkedYAMLError):
        return InputError(f"not valid YAML: {error}", where=name)
    mark = error.problem_mark or error.context_mark
    where, hint = name, error.context or ""
    if mark is not None:
        where = f"{name}:{mark.line + 1}:{mark.column + 1}"
        if text[mark.index : mark.index + 1] == "\t":
            hint = "indent with spaces, not with tabs"
    if error.problem == _TOO_DEEP_FOR_LIBYAML:
        return InputError(f"nested deeper than {DEPTH_MAX} levels", where=where)
    return InputError(f"not valid YAML: {error.problem or error.context}", where=where, hint=hint)


class _Composer(CBaseLoader):
    """libyaml's parser, which composes nodes; the tag it resolves only says how a scalar was written."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.document_name = name
        self.collections = 0
        self._depth = 0

    def resolve(self, kind: type[Node], _value: str | None, implicit: bool | tuple[bool, bool]) -> str:
        """Called by the C parser for every node without a tag."""
        if kind is ScalarNode:
            return _PLAIN if isinstance(implicit, tuple) and implicit[0] else _QUOTED
        self.collections += 1
        return _COLLECTION

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        """Called by the C parser before each child; this is where depth is seen before the recursion happens."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            where = self.document_name
            if parent is not None:
                where += f":{parent.start_mark.line + 1}:{parent.start_mark.column + 1}"
            raise InputError(f"nested deeper than {DEPTH_MAX} levels", where=where)

    def ascend_resolver(self) -> None:
        """Called by the C parser after each child."""
        self._depth -= 1


class _Converter:
    """Nodes to plain values."""

    def __init__(self, name: str, collections: int) -> None:
        self._name = name
        self._budget = collections + ALIAS_NODES_MAX

    def value(self, node: Node, depth: int = 0) -> Any:
        """The value of a node; aliased nodes are converted again, so that no two places share one list."""
        if isinstance(node, ScalarNode):
            tag = node.tag
            if tag == _QUOTED:
                return node.value
            return self._plain(node) if tag == _PLAIN else self._tagged(node)
        self._budget -= 1
        if self._budget < 0:
            raise self._error(node, f"aliases expand to more than {ALIAS_NODES_MAX} lists and mappings")
        if depth > DEPTH_MAX:
            raise self._error(node, "an anchor contains itself")
        if isinstance(node, MappingNode):
            return self._mapping(node, depth + 1)
        if node.tag not in (_COLLECTION, _CORE + "seq"):
            raise self._error(node, f"tag {_shown(node.tag)} is not supported on a list", "leave the tag out")
        below = depth + 1
        return [self.value(child, below) for child in node.value]

    def _mapping(self, node: MappingNode, depth: int) -> dict[str, Any]:
        if node.tag not in (_COLLECTION, _CORE + "map"):
            raise self._error(node, f"tag {_shown(node.tag)} is not supported on a mapping", "leave the tag out")
        result: dict[str, Any] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if _is_merge(key_node):
                merged.extend(self._merge_sources(value_node))
                continue
            key = self._key(key_node)
            if key in result:
                raise self._error(key_node, f"key {key!r} is already set in this mapping", "keep one of the two")
            result[key] = self.value(value_node, depth)
        for source in merged:
            for key, value in self.value(source, depth).items():
                result.setdefault(key, value)
        return result

    def _merge_sources(self, node: Node) -> list[Node]:
        sources: list[Node] = list(node.value) if isinstance(node, SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, MappingNode):
                raise self._error(source, "a merge key `<<` needs a mapping or a list of mappings")
        return sources

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self._error(node, "a key must be text, not a list or a mapping")
        text: str = node.value
        if node.tag != _PLAIN or (text and text[0] not in _HINTS):
            return text
        value = resolve_plain(text)
        if isinstance(value, str) or json.dumps(value) == text:
            return text
        raise self._error(node, f"YAML reads the key `{text}` as {json.dumps(value)}", f'write "{text}" in quotes')

    def _plain(self, node: ScalarNode) -> Any:
        text: str = node.value
        if text and text[0] not in _HINTS:
            return text
        if text in _NOT_IN_JSON:
            raise self._error(node, f"{text} has no JSON value", f'write "{text}" in quotes if it is text')
        return resolve_plain(text)

    def _tagged(self, node: ScalarNode) -> Any:
        tag, text = node.tag, node.value
        if tag == _CORE + "str":
            return text
        value = resolve_plain(text)
        if tag in (_CORE + "int", _CORE + "float") and isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        if (tag == _CORE + "bool" and isinstance(value, bool)) or (tag == _CORE + "null" and value is None):
            return value
        if tag.removeprefix(_CORE) in ("int", "float", "bool", "null"):
            raise self._error(node, f"{text!r} is no {_shown(tag)}")
        raise self._error(node, f"tag {_shown(tag)} is not supported", "leave the tag out, or use !!str")

    def _error(self, node: Node, what: str, hint: str = "") -> InputError:
        mark = node.start_mark
        return InputError(what, where=f"{self._name}:{mark.line + 1}:{mark.column + 1}", hint=hint)


def resolve_plain(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means. Mirrors kubernetes-sigs/yaml: goyaml.v2/resolve.go, resolve.

    Integers beyond 64 bits stay exact, where go-yaml makes floats of some of them.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        return _integer(digits)
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        if number.is_integer() and abs(number) < _EXPONENT_FROM:
            return int(number)
        return number if math.isfinite(number) else text
    return text


def _integer(digits: str) -> int:
    unsigned = digits.lstrip("+-")
    octal = len(unsigned) > 1 and unsigned[0] == "0" and unsigned[1].isdigit()
    number = int(unsigned, 8 if octal else 0)
    return -number if digits[0] == "-" else number


def _is_merge(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value == "<<" and node.tag in (_PLAIN, _CORE + "merge")


def _shown(tag: str) -> str:
    return tag.replace(_CORE, "!!")


def _child(node: Node, step: str | int) -> tuple[Node | None, Node] | None:
    """The key node (None in a list) and value node one step below, merged mappings included."""
    if isinstance(node, SequenceNode):
        if isinstance(step, int) and 0 <= step < len(node.value):
            return None, node.value[step]
        return None
    if not isinstance(node, MappingNode) or not isinstance(step, str):
        return None
    merged: list[Node] = []
    for key, value in node.value:
        if _is_merge(key):
            merged.extend(value.value if isinstance(value, SequenceNode) else [value])
        elif isinstance(key, ScalarNode) and key.value == step:
            return key, value
    for source in merged:
        found = _child(source, step)
        if found is not None:
            return found
    return None
