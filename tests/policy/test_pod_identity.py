"""What the kubelet asks of a runtime, and which field of the manifest or part of the image decided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.pod_identity import (
    IMAGE_CONFIG,
    IdentityQuestion,
    ManifestPlaces,
    ask_identity,
    ask_windows_identity,
)
from kubesim.policy.pod_security import ContainerSecurity, ImageUser, PodSecurity, container_security_context

POD = "spec.securityContext"
OWN = "spec.containers[0].securityContext"


def question(pod=None, container=None, image_user="", **more):
    user = image_user.partition(":")[0]
    image = ImageUser(uid=int(user)) if user.isdecimal() else ImageUser(username=user)
    return IdentityQuestion(
        pod=PodSecurity(**pod or {}),
        container=ContainerSecurity(**container or {}),
        image=image,
        image_user=image_user,
        pod_display_name="p_default(u)",
        container_name="c",
        container_path="spec.containers[0]",
        **more,
    )


def step(answer, rule):
    (found,) = [one for one in answer.steps if one.rule == rule]
    return found


@pytest.mark.parametrize(
    ("image_user", "text"),
    [
        ("", "the image has no USER"),
        ("1000", "USER of the image is '1000'; ImageStatus says the uid 1000"),
        ("app", "USER of the image is 'app'; ImageStatus says the name 'app'"),
        ("app:dev", "USER of the image is 'app:dev'; ImageStatus says the name 'app', and the group part gets lost"),
    ],
)
def test_the_user_of_the_image_comes_first(image_user, text):
    first = ask_identity(question(image_user=image_user)).steps[0]

    assert (first.rule, first.outcome, first.text, first.file) == ("image-user", "note", text, IMAGE_CONFIG)


@pytest.mark.parametrize(
    ("given", "uid", "text"),
    [
        ({"pod": {"run_as_user": 5}}, 5, f"{POD}.runAsUser is 5"),
        ({"container": {"run_as_user": 6}}, 6, f"{OWN}.runAsUser is 6"),
        (
            {"pod": {"run_as_user": 5}, "container": {"run_as_user": 6}},
            6,
            f"{OWN}.runAsUser is 6; it wins over 5 of {POD}.runAsUser",
        ),
        ({"container": {"run_as_user": 0}}, 0, f"{OWN}.runAsUser is 0"),
        ({"image_user": "7"}, 7, "the manifest sets no runAsUser, so run_as_user is the image's"),
        ({"image_user": "app"}, None, "the manifest sets no runAsUser, so run_as_username is the image's: 'app'"),
        ({}, 0, "the manifest sets no runAsUser and the image names no user, so run_as_user is 0"),
    ],
)
def test_who_says_the_user(given, uid, text):
    found = step(ask_identity(question(**given)), "run-as-user")

    assert (found.outcome, found.uid, found.text) == ("sent", uid, text)


@pytest.mark.parametrize(
    ("given", "outcome", "gid", "text"),
    [
        ({"pod": {"run_as_group": 5}}, "sent", 5, f"{POD}.runAsGroup is 5"),
        (
            {"pod": {"run_as_group": 5}, "container": {"run_as_group": 0}},
            "sent",
            0,
            f"{OWN}.runAsGroup is 0; it wins over 5 of {POD}.runAsGroup",
        ),
        ({}, "note", None, "the manifest sets no runAsGroup: nothing is sent, the runtime finds the gid"),
    ],
)
def test_who_says_the_group(given, outcome, gid, text):
    found = step(ask_identity(question(**given)), "run-as-group")

    assert (found.outcome, found.gid, found.text) == (outcome, gid, text)


def test_fs_group_is_the_first_group_and_a_claim_may_bring_more():
    answer = ask_identity(question({"fs_group": 9, "supplemental_groups": (4, 9)}, claims=("data",)))

    groups = [(one.rule, one.gid) for one in answer.steps if "group" in one.rule and one.outcome == "sent"]
    assert groups == [("fs-group", 9), ("supplemental-groups", 4), ("supplemental-groups", 9)]
    assert answer.context.supplemental_groups == (9, 4, 9)
    assert step(answer, "fs-group").text == f"{POD}.fsGroup is 9: supplemental_groups[0]"
    assert step(answer, "volume-groups").text.startswith("the volume 'data' may bring a group")


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (None, "the manifest sets no supplementalGroupsPolicy, which means Merge"),
        ("Merge", f"{POD}.supplementalGroupsPolicy is Merge"),
        ("Strict", f"{POD}.supplementalGroupsPolicy is Strict"),
    ],
)
def test_the_policy_is_always_sent(policy, text):
    assert step(ask_identity(question({"supplemental_groups_policy": policy})), "policy").text == text


def test_an_unknown_policy_is_refused_before_anything_else():
    answer = ask_identity(question({"supplemental_groups_policy": "Loose", "run_as_non_root": True}))

    assert (answer.refusal, answer.reason) == ("unsupported supplementalGroupsPolicy: Loose", "FailedCreatePodSandBox")
    assert [(one.rule, one.outcome) for one in answer.steps] == [("policy", "refused")]
    assert answer.context is None


@pytest.mark.parametrize(
    ("given", "refusal", "text"),
    [
        (
            {"pod": {"run_as_non_root": True}},
            'container has runAsNonRoot and image will run as root (pod: "p_default(u)", container: c)',
            f"{POD}.runAsNonRoot is true, and the container would break it",
        ),
        (
            {"container": {"run_as_non_root": True}, "image_user": "app"},
            (
                "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root "
                '(pod: "p_default(u)", container: c)'
            ),
            f"{OWN}.runAsNonRoot is true, and the container would break it",
        ),
        (
            {"pod": {"run_as_non_root": False}, "container": {"run_as_non_root": True}, "image_user": "7"},
            "",
            f"{OWN}.runAsNonRoot is true; it wins over false of {POD}.runAsNonRoot, and the container keeps it",
        ),
    ],
)
def test_run_as_non_root_is_a_step(given, refusal, text):
    answer = ask_identity(question(**given))

    assert (answer.refusal, step(answer, "run-as-non-root").text) == (refusal, text)
    assert (answer.steps[-1].outcome == "refused") is bool(refusal)
    assert answer.reason == ("CreateContainerConfigError" if refusal else "")


def test_run_as_non_root_that_a_container_turns_off_is_no_step():
    answer = ask_identity(question({"run_as_non_root": True}, {"run_as_non_root": False}))

    assert "run-as-non-root" not in [one.rule for one in answer.steps]


def test_steps_have_the_place_of_the_field_that_decides():
    places = ManifestPlaces(file="pod.yaml", lines={f"{POD}.runAsUser": 9, f"{POD}.supplementalGroups[0]": 11})
    answer = ask_identity(question({"run_as_user": 5, "supplemental_groups": (4,)}, places=places))

    assert [(one.rule, one.file, one.line) for one in answer.steps] == [
        ("image-user", IMAGE_CONFIG, None),
        ("run-as-user", "pod.yaml", 9),
        ("run-as-group", "", None),
        ("supplemental-groups", "pod.yaml", 11),
        ("policy", "", None),
    ]


@pytest.mark.parametrize(
    ("given", "username", "outcome"),
    [
        ({"pod": {"run_as_user_name": "A"}, "image_user": "I"}, "A", "sent"),
        ({"pod": {"run_as_user_name": "A"}, "container": {"run_as_user_name": "B"}}, "B", "sent"),
        ({"image_user": "I"}, "I", "sent"),
        ({}, "", "note"),
        ({"image_user": "1000"}, "", "note"),
    ],
)
def test_on_windows_a_name_is_sent(given, username, outcome):
    answer = ask_windows_identity(question(**given))

    assert (answer.username, step(answer, "run-as-user-name").outcome) == (username, outcome)
    assert (answer.context, answer.refusal) == (None, "")


@pytest.mark.parametrize(
    ("pod", "container", "text"),
    [
        ({"host_process": True}, {}, f"{POD}.windowsOptions.hostProcess is true: the user is one of the node"),
        ({}, {"host_process": False}, f"{OWN}.windowsOptions.hostProcess is false: the user is one of the image"),
    ],
)
def test_a_host_process_container_has_a_user_of_the_node(pod, container, text):
    answer = ask_windows_identity(question(pod, container))

    assert (step(answer, "host-process").outcome, step(answer, "host-process").text) == ("sent", text)


def test_an_administrator_is_root_on_windows():
    answer = ask_windows_identity(question({"run_as_non_root": True, "run_as_user_name": "containerADMINISTRATOR"}))

    assert answer.refusal.startswith(
        "container's runAsUserName (containerADMINISTRATOR) which will be regarded as root"
    )
    assert [one.outcome for one in answer.steps] == ["note", "refused"]


IDS = st.none() | st.sampled_from([0, 1, 1000])


@given(
    pod=st.fixed_dictionaries(
        {
            "run_as_user": IDS,
            "run_as_group": IDS,
            "fs_group": IDS,
            "supplemental_groups": st.lists(st.integers(0, 5)).map(tuple),
            "supplemental_groups_policy": st.sampled_from([None, "Merge", "Strict"]),
        }
    ),
    container=st.fixed_dictionaries({"run_as_user": IDS, "run_as_group": IDS}),
    image_user=st.sampled_from(["", "0", "1000", "app", "app:dev"]),
)
def test_what_the_steps_say_is_what_is_sent(pod, container, image_user):
    asked = question(pod, container, image_user)
    answer = ask_identity(asked)
    context = container_security_context(asked.pod, asked.container, asked.image)

    assert answer.context == context
    assert step(answer, "run-as-user").uid == context.run_as_user
    assert step(answer, "run-as-group").gid == context.run_as_group
    sent = [one.gid for one in answer.steps if one.rule in {"fs-group", "supplemental-groups"}]
    assert tuple(sent) == context.supplemental_groups
