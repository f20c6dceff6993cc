"""Strings printed the way Go's `%q` prints them: the rules quote as the refusals of `kubesim.model` do."""

from kubesim.model.go_quote import go_quote

__all__ = ["go_quote"]
