"""Documents printed the way Go's encoding/json prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

_NOT_UTF8 = re.compile("[\ud800-\udfff]")
"""How bytes of an argument or a variable that are no UTF-8 stand in text."""


def go_json_text(value: object, plain: Callable[[Any], Any] | None = None) -> str:
    """A document as Go prints it: compact, with `<`, `>` and `&` escaped, and U+FFFD for bytes that are no UTF-8.

    `plain` gives the form of what JSON does not know.

    >>> go_json_text({"a": "<b>"})
    '{"a":"\\\\u003cb\\\\u003e"}'
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=plain)
    text = _NOT_UTF8.sub("\ufffd", text)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
