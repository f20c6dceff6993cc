"""Node selectors and required node affinity."""

import pytest

from kubesim.policy.node_affinity import NodeAffinity, NodeRequirement, NodeSelectorTerm, matches_node

LABELS = {"zone": "a", "cpus": "8", "odd": "x8"}


def requirement(key: str, operator: str, *values: str) -> NodeRequirement:
    return NodeRequirement(key=key, operator=operator, values=values)


def matches(affinity: NodeAffinity) -> bool:
    return matches_node(affinity, node_name="n1", node_labels=LABELS)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [((), True), ((("zone", "a"),), True), ((("zone", "b"),), False), ((("zone", "a"), ("gpu", "")), False)],
)
def test_node_selector(selector: tuple[tuple[str, str], ...], expected: bool) -> None:
    assert matches(NodeAffinity(node_selector=selector)) is expected


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (requirement("zone", "In", "a", "b"), True),
        (requirement("zone", "In", "b"), False),
        (requirement("gpu", "In", "a"), False),
        (requirement("zone", "NotIn", "b"), True),
        (requirement("zone", "NotIn", "a"), False),
        (requirement("gpu", "NotIn", "a"), True),
        (requirement("zone", "Exists"), True),
        (requirement("gpu", "Exists"), False),
        (requirement("gpu", "DoesNotExist"), True),
        (requirement("zone", "DoesNotExist"), False),
        (requirement("cpus", "Gt", "4"), True),
        (requirement("cpus", "Gt", "8"), False),
        (requirement("cpus", "Lt", "9"), True),
        (requirement("cpus", "Lt", "8"), False),
        (requirement("odd", "Gt", "1"), False),
        (requirement("cpus", "Gt", "many"), False),
        (requirement("cpus", "Gt"), False),
        (requirement("gpu", "Lt", "8"), False),
        (requirement("zone", "Near", "a"), False),
    ],
)
def test_one_requirement(one: NodeRequirement, expected: bool) -> None:
    assert matches(NodeAffinity(required_terms=(NodeSelectorTerm(expressions=(one,)),))) is expected


IN_A, IN_B = requirement("zone", "In", "a"), requirement("zone", "In", "b")
THIS_NODE, OTHER_NODE = requirement("metadata.name", "In", "n1"), requirement("metadata.name", "In", "n2")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((), False),
        ((NodeSelectorTerm(),), False),
        ((NodeSelectorTerm(expressions=(IN_A, IN_B)),), False),
        ((NodeSelectorTerm(expressions=(IN_B,)), NodeSelectorTerm(expressions=(IN_A,))), True),
        ((NodeSelectorTerm(fields=(THIS_NODE,)),), True),
        ((NodeSelectorTerm(fields=(OTHER_NODE,)),), False),
        ((NodeSelectorTerm(expressions=(IN_A,), fields=(OTHER_NODE,)),), False),
    ],
)
def test_terms_are_alternatives_and_their_requirements_are_not(
    terms: tuple[NodeSelectorTerm, ...], expected: bool
) -> None:
    assert matches(NodeAffinity(required_terms=terms)) is expected
    assert not matches(NodeAffinity(required_terms=terms, node_selector=(("zone", "b"),)))
