"""Documents printed the way Go's encoding/json prints them: the rules print as the refusals of `kubesim.model` do."""

from kubesim.model.go_json_text import go_json_text

__all__ = ["go_json_text"]
