"""The text of a command, as `jobs` shows it. Mirrors busybox: shell/ash.c, cmdtxt and cmdputs."""

from __future__ import annotations

from collections.abc import Iterable

from kubesim.userland.shell import syntax
from kubesim.userland.shell.syntax import Arithmetic, Command, HereDocument, Literal, Parameter, Tilde, Word


def command_text(command: Command) -> str:
    """A command in one line; what a here-document says is left out."""
    match command:
        case syntax.Simple():
            words = [f"{name}={word_text(word)}" for name, word in command.assignments]
            words += [word_text(word) for word in command.words]
            return " ".join([*words, *_redirections(command.redirections)])
        case syntax.Pipeline():
            text = " | ".join(command_text(item) for item in command.commands)
            return f"! {text}" if command.is_negated else text
        case syntax.AndOr():
            return command_text(command.first) + "".join(f" {how} {command_text(item)}" for how, item in command.rest)
        case syntax.Background():
            return f"{command_text(command.command)} &"
        case syntax.Sequence():
            return "; ".join(command_text(item) for item in command.commands)
        case syntax.Group():
            body = command_text(command.body)
            # Braces stand only where they were written: other commands with redirections are groups as well.
            is_list = isinstance(command.body, syntax.Sequence)
            return " ".join([f"{{ {body}; }}" if is_list else body, *_redirections(command.redirections)])
        case syntax.Subshell():
            return " ".join([f"({command_text(command.body)})", *_redirections(command.redirections)])
        case syntax.If():
            return _if(command)
        case syntax.Loop():
            name = "until" if command.is_until else "while"
            return f"{name} {command_text(command.condition)}; do {command_text(command.body)}; done"
        case syntax.For():
            values = "" if command.words is None else "".join(f" {word_text(word)}" for word in command.words)
            return f"for {command.name} in{values}; do {command_text(command.body)}; done"
        case syntax.Case():
            return _case(command)
        case syntax.Function():
            return f"{command.name}() {{ {command_text(command.body)}; }}"


def _if(command: syntax.If) -> str:
    parts = []
    for number, (condition, body) in enumerate(command.branches):
        parts.append(f"{'elif' if number else 'if'} {command_text(condition)}; then {command_text(body)}; ")
    if command.otherwise is not None:
        parts.append(f"else {command_text(command.otherwise)}; ")
    return f"{''.join(parts)}fi"


def _case(command: syntax.Case) -> str:
    branches = [
        f"{'|'.join(word_text(pattern) for pattern in patterns)}) {'' if body is None else command_text(body)};; "
        for patterns, body in command.branches
    ]
    return f"case {word_text(command.word)} in {''.join(branches)}esac"


def _redirections(redirections: Iterable[syntax.Redirection]) -> list[str]:
    texts = []
    for item in redirections:
        target = "..." if isinstance(item.target, HereDocument) else word_text(item.target)
        texts.append(f"{item.fd}{item.operator}{target}")
    return texts


def word_text(word: Word) -> str:
    """A word; every kind of quotes is shown as `"`, and every parameter in braces."""
    text = ""
    is_quoted = False
    for part in word.parts:
        if not isinstance(part, Tilde) and part.is_quoted is not is_quoted:
            text += '"'
            is_quoted = not is_quoted
        if isinstance(part, Literal):
            text += part.text
        elif isinstance(part, Tilde):
            text += f"~{part.user}"
        elif isinstance(part, Parameter):
            text += _parameter(part)
        elif isinstance(part, Arithmetic):
            text += f"$(({word_text(part.word)}))"
        else:
            text += f"$({command_text(part.body)})"
    return text + ('"' if is_quoted else "")


def _parameter(part: Parameter) -> str:
    if part.operator == "length":
        return f"${{#{part.name}}}"
    argument = "" if part.argument is None else word_text(part.argument)
    replacement = "" if part.replacement is None else f"/{word_text(part.replacement)}"
    return f"${{{part.name}{part.operator}{argument}{replacement}}}"
