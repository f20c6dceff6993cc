"""Light checks of a RuntimeClass in the API server's words.

Mirrors Kubernetes: pkg/apis/node/validation/validation.go, ValidateRuntimeClass and ValidateRuntimeClassUpdate.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.errors import InputError
from kubesim.model.paths import Path
from kubesim.model.runtime_class import RuntimeClass
from kubesim.model.validation.field_error import FieldError, check_problems, input_errors, invalid, required
from kubesim.model.validation.names import label_problems, subdomain_problems
from kubesim.model.yaml_text import Document


def validate_runtime_class(one: RuntimeClass, document: Document, path: Path = ()) -> list[InputError]:
    """Every refusal, with its place; empty for a good RuntimeClass."""
    return input_errors(_errors(one), document, path)


def _errors(one: RuntimeClass) -> Iterator[FieldError]:
    if one.metadata.name:
        yield from check_problems(("metadata", "name"), one.metadata.name, subdomain_problems(one.metadata.name))
    else:
        yield required(("metadata", "name"), "name or generateName is required")
    yield from check_problems(("handler",), one.handler, label_problems(one.handler))


def runtime_class_update_errors(new: RuntimeClass, old: RuntimeClass) -> Iterator[FieldError]:
    """The handler stays. Mirrors ValidateRuntimeClassUpdate."""
    yield from _errors(new)
    if new.handler != old.handler:
        yield invalid(("handler",), new.handler, "field is immutable")
