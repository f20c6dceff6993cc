"""Documents printed the way Go's encoding/json prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""How bytes of an argument or a variable that are no UTF-8 stand in text."""

_KEPT_OUT = re.compile("[<>&\u2028\u2029]")
"""What HTML could take for its own, and two line ends of JavaScript."""


def go_json_text(value: object, plain: Callable[[Any], Any] | None = None, *, indent: int | None = None) -> str:
    """A document as Go prints it, with `<`, `>` and `&` escaped, and U+FFFD for bytes that are no UTF-8.

    `plain` gives the form of what JSON does not know; `indent` is in spaces a level, None: all on one line.

    >>> go_json_text({"a": "<b>"})
    '{"a":"\\\\u003cb\\\\u003e"}'
    """
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, separators=separators, ensure_ascii=False, default=plain, indent=indent)
    text = _NOT_UTF8.sub("\ufffd", text)
    return _KEPT_OUT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
