"""Profile documents: how they stack, what they are refused for, and how a profile is shown."""

from typing import Annotated, get_args, get_origin

import pytest

from kubesim.errors import InputError
from kubesim.model.yaml_text import load_document
from kubesim.policy.runtime_profile import Deviation, Reason
from kubesim.policy.runtime_profile_layers import build_profile, read_layer
from kubesim.policy.runtime_profile_report import compare_profiles, describe_profile
from kubesim.policy.runtime_profile_rpcs import CRI_RPCS, RpcRefusal, is_stream_empty, rpc_refusal, rpc_refusals
from kubesim.policy.runtime_profile_schema import camel_case, groups, switches

_PLAIN = {str: "x", int: 1, bool: True}


def _any_value(type_):
    """Some value of a switch: a plain one, the first of its choices, a list of one, or nothing where it may be."""
    if type_ in _PLAIN:
        return _PLAIN[type_]
    if get_origin(type_) is Annotated:
        return _any_value(get_args(type_)[0])
    if get_origin(type_) is tuple:
        return [_any_value(get_args(type_)[0])]
    return None if type(None) in get_args(type_) else get_args(type_)[0]


def _root_settings():
    settings = {}
    for key, switch in switches().items():
        *group, name = key.split(".")
        (settings.setdefault(group[0], {}) if group else settings)[name] = _any_value(switch.type)
    return settings


def document(spec, name="test"):
    import json

    text = json.dumps(
        {"apiVersion": "kubesim/v1", "kind": "RuntimeProfile", "metadata": {"name": name}, "spec": spec}, indent=1
    )
    return load_document(text, name=f"{name}.yaml")


def layer(*changes, name="test", **spec):
    return read_layer(document({"changes": list(changes), **spec}, name))


def root(**given):
    return layer({"why": "everything", "set": _root_settings()}, *given.pop("more", ()), name="root", **given)


def change(why="because", **given):
    return {"why": why, **given}


def test_a_root_sets_every_switch():
    profile = build_profile("root", [(root(), None)])

    assert profile.name == "root"
    assert profile.rpcs["Version"] == "served"
    assert profile.identity.algorithm == "containerd"
    assert profile.status.conditions == ("x",)
    assert profile.status.supplemental_groups_policy is None
    assert profile.reasons["identity.algorithm"] == Reason(why="everything", reference="", layer="root")
    with pytest.raises(AttributeError, match="immutable"):
        profile.name = "other"


def test_a_child_changes_what_it_names_and_keeps_the_rest():
    parent = root()
    child = layer(
        change(set={"pauseImage": "p", "identity": {"knowsPolicy": False}}, reference="KEP-1"), extends="root"
    )

    before, after = build_profile("a", [(parent, None)]), build_profile("b", [(parent, None), (child, None)])

    assert (after.pause_image, after.identity.knows_policy) == ("p", False)
    assert after.reasons["identity.knowsPolicy"] == Reason(why="because", reference="KEP-1", layer="test")
    assert [(row.key, row.before, row.after) for row in compare_profiles(before, after)] == [
        ("pauseImage", "x", "p"),
        ("identity.knowsPolicy", "true", "false"),
    ]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [(0, "old"), (3, "old"), (4, "middle"), (8, "middle"), (9, "new"), (12, "new"), (None, "new")],
)
def test_changes_hold_for_some_patch_levels(patch, expected):
    child = layer(
        change(set={"pauseImage": "new"}),
        change(set={"pauseImage": "middle"}, beforePatch=9),
        change(set={"pauseImage": "old"}, beforePatch=4),
        change(set={"runtimeName": "late"}, sincePatch=10),
    )

    profile = build_profile("x", [(root(), None), (child, patch)])

    assert profile.pause_image == expected
    assert profile.runtime_name == ("late" if patch is None or patch >= 10 else "x")


def test_the_version_carries_the_patch_level():
    child = layer(change(set={"runtimeVersion": "v1.2.{patch}"}))

    assert build_profile("x", [(root(), None), (child, 7)]).runtime_version == "v1.2.7"
    with pytest.raises(InputError, match=r"^test.yaml:\d+:\d+: runtimeVersion 'v1.2.\{patch\}' needs a patch level"):
        build_profile("x", [(root(), None), (child, None)])


def test_deviations_come_and_go():
    one, two = {"id": "one", "text": "first"}, {"id": "two", "text": "second", "reference": "x#1"}
    parent = root(more=[change(deviations=[one, two])])
    child = layer(change(fixes=["one"]))

    before, after = build_profile("a", [(parent, None)]), build_profile("b", [(parent, None), (child, None)])

    assert [deviation.id for deviation in before.deviations] == ["one", "two"]
    assert after.deviations == (Deviation(id="two", text="second", reference="x#1"),)
    assert [(row.key, row.before, row.after) for row in compare_profiles(before, after)] == [
        ("deviation one", "first", "")
    ]
    assert [(row.key, row.before, row.after, row.why) for row in compare_profiles(after, before)] == [
        ("deviation one", "", "first", "")
    ]


def test_a_fix_of_nothing_is_refused():
    parent = root(more=[change(deviations=[{"id": "lost-tag", "text": "t"}])])

    with pytest.raises(InputError, match="fixes 'lost-tags', which is no deviation here, did you mean 'lost-tag'"):
        build_profile("x", [(parent, None), (layer(change(fixes=["lost-tags"])), None)])


@pytest.mark.parametrize(
    ("left_out", "what"),
    [
        (["pauseImage"], "profile 'x' does not set pauseImage"),
        (["namePrefix", "pauseImage", "runtimeName", "texts"], "does not set texts, runtimeName, pauseImage ..."),
    ],
)
def test_a_root_that_leaves_something_out_is_refused(left_out, what):
    settings = _root_settings()
    for key in left_out:
        del settings[key]

    with pytest.raises(InputError) as error:
        build_profile("x", [(layer(change(set=settings)), None)])

    assert what in str(error.value)
    assert str(error.value).startswith("test.yaml:1:1: ")


def test_no_layers_are_no_profile():
    with pytest.raises(InputError, match="does not set texts"):
        build_profile("x", [])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"identity": {"knowPolicy": True}}, "unknown key 'knowPolicy', did you mean 'knowsPolicy'?"),
        ({"identiy": {}}, "unknown key 'identiy', did you mean 'identity'?"),
        ({"pauseImages": "x"}, "unknown key 'pauseImages', did you mean 'pauseImage'?"),
        ({"rpcs": {"runtimeconfig": "served"}}, "unknown key 'runtimeconfig', did you mean 'RuntimeConfig'?"),
        ({"logs": {"zzz": 1}}, "unknown key 'zzz'; known keys: timestamp, lineBytesMax, defaultDirectory"),
        ({"": {}}, "unknown key ''; known keys: texts, operatingSystems"),
        ({"name": "x"}, "unknown key 'name'"),
        ({"identity": True}, "expected a mapping; known keys: algorithm"),
        ({"identity": {"knowsPolicy": "yes"}}, "found the text 'yes'; expected true or false"),
        ({"identity": {"numericOverflow": "wrap"}}, "unknown value 'wrap', did you mean 'wraps'?"),
        ({"rpcs": {"Version": "servd"}}, "unknown value 'servd', did you mean 'served'?"),
        ({"status": {"conditions": ["a", 1]}}, "found the number 1; expected a string"),
        ({"pauseImage": None}, "found nothing; expected a string"),
    ],
)
def test_settings_are_checked_where_they_stand(settings, message):
    with pytest.raises(InputError) as error:
        layer(change(set=settings))

    assert message in str(error.value)
    assert str(error.value).startswith("test.yaml:")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"extend": "root"}, "unknown field 'extend', did you mean 'extends'?"),
        ({"newestPatch": -1}, "-1 is out of range"),
        ({"changes": [{"set": {}}]}, "missing required field 'why'"),
        ({"changes": [{"why": ""}]}, "the text is empty"),
        ({"changes": [{"why": "w", "sincepatch": 1}]}, "unknown field 'sincepatch', did you mean 'sincePatch'?"),
        ({"changes": [{"why": "w", "deviations": [{"id": "x"}]}]}, "missing required field 'text'"),
    ],
)
def test_documents_are_checked(spec, message):
    with pytest.raises(InputError) as error:
        read_layer(document(spec))

    assert message in str(error.value)


def test_a_document_of_another_kind_is_refused():
    with pytest.raises(InputError, match="RuntimeProfile"):
        read_layer(load_document("{apiVersion: kubesim/v1, kind: Pod, metadata: {name: x}, spec: {}}", name="x"))


def test_a_layer_knows_its_parent():
    child = layer(extends="root", newestPatch=3)

    assert (child.extends, child.newest_patch, child.changes) == ("root", 3, ())
    assert child.extends_where.startswith("test.yaml:")


def test_keys_are_fields_in_camel_case():
    assert camel_case("status_has_image_ref") == "statusHasImageRef"
    assert camel_case("psi") == "psi"
    assert "imageVolumes.subPath" in switches()
    assert groups()["execSync"] == (
        "timeoutAnswer",
        "outputBytesMax",
        "outputLimit",
        "waitsForOutput",
        "ttyOfContainer",
    )
    assert len([key for key in switches() if key.startswith("rpcs.")]) == len(set(CRI_RPCS)) == 43


def test_a_profile_is_shown_with_its_reasons():
    more = [change(set={"pauseImage": ""}, reference="x#1", deviations=[{"id": "d", "text": "t", "reference": "x#2"}])]
    profile = build_profile("root", [(root(more=more), None)])

    rows = {row.key: row for row in describe_profile(profile)}

    assert list(rows) == [*switches(), "deviation d"]
    assert (rows["pauseImage"].value, rows["pauseImage"].why) == ('""', "because (x#1, root)")
    assert (rows["runtimeName"].value, rows["runtimeName"].why) == ("x", "everything (root)")
    assert rows["status.conditions"].value == '["x"]'
    assert rows["status.supplementalGroupsPolicy"].value == "null"
    assert rows["rpcs.PullImage"].value == "served"
    assert (rows["deviation d"].value, rows["deviation d"].why) == ("t", "x#2")


@pytest.mark.parametrize(
    ("rpc", "answer", "refusal"),
    [
        ("Version", "served", None),
        ("GetContainerEvents", "ends-at-once", None),
        ("RuntimeConfig", "unimplemented-method", ("UNIMPLEMENTED", "method RuntimeConfig not implemented")),
        ("ListMetricDescriptors", "unimplemented-plain", ("UNIMPLEMENTED", "method unimplemented")),
        (
            "RuntimeConfig",
            "unknown-method",
            ("UNIMPLEMENTED", "unknown method RuntimeConfig for service runtime.v1.RuntimeService"),
        ),
        (
            "StreamImages",
            "unknown-method",
            ("UNIMPLEMENTED", "unknown method StreamImages for service runtime.v1.ImageService"),
        ),
        ("UpdatePodSandboxResources", "not-implemented-yet", ("UNKNOWN", "not implemented yet")),
        ("UpdatePodSandboxResources", "not-implemented", ("UNIMPLEMENTED", "not implemented")),
        ("CheckpointContainer", "disabled", ("UNKNOWN", "checkpoint/restore support not available")),
    ],
)
def test_how_an_rpc_is_refused(rpc, answer, refusal):
    profile = build_profile("x", [(root(more=[change(set={"rpcs": {rpc: answer}})]), None)])

    expected = None if refusal is None else RpcRefusal(code=refusal[0], message=refusal[1])
    assert rpc_refusal(profile, rpc) == rpc_refusals(profile).get(rpc) == expected
    assert is_stream_empty(profile, rpc) == (answer == "ends-at-once")
