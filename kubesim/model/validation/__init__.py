"""What the API server refuses in pods, ConfigMaps and Secrets: every field error at once, in its words and order.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go of 1.36; each module names its functions. The values are
those after defaulting, and after `PodStrategy.prepare` took away the fields whose feature gates are off.

Vocabulary
- FieldError: one refusal: the path as the API server prints it, the text after it, and the place in the document where
  the mistake is when that is not the path (upstream forgets the index of some lists).
- problems: what is wrong with one value, as upstream's `validation.IsXxx` functions say it; no paths (`names`).
- ValidationOptions: upstream's PodValidationOptions: what feature gates and versions change.

Left out: volume sources that kubesim does not emulate but for the rule that a volume has one source.
"""
