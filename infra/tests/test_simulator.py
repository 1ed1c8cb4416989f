"""The helper that evaluates policies: AWS's rules where they are easily got wrong, and no guesses."""

import pytest
from simulator import NotKnownError, Policies, Request, holds

ROLE, OTHER = "arn:aws:iam::000000000001:role/a", "arn:aws:iam::000000000002:role/b"
READ = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::zone/*"}


def asked(by=ROLE, action="s3:GetObject", **context):
    return Request(by, action, "arn:aws:s3:::zone/x", context)


def known(identity, on=None, boundary=None, by=ROLE):
    made = Policies(identities={by: [{"Statement": identity}]}, owners={"arn:aws:s3:::zone": "000000000001"})
    if on is not None:
        made.resources["arn:aws:s3:::zone"] = {"Statement": on}
    if boundary is not None:
        made.boundaries[by] = {"Statement": boundary}
    return made


def test_a_denial_wins_over_what_is_allowed():
    deny = {**READ, "Effect": "Deny", "Principal": "*"}
    assert known([READ]).allows(asked())
    assert not known([READ], on=[deny]).allows(asked())


def test_a_boundary_limits_what_a_policy_grants():
    assert not known([READ], boundary=[{**READ, "Action": "s3:Put*"}]).allows(asked())


def test_another_account_needs_both_policies():
    on = {**READ, "Principal": {"AWS": "arn:aws:iam::000000000002:root"}}
    assert not known([READ], by=OTHER).allows(asked(OTHER))
    assert not known([], on=[on], by=OTHER).allows(asked(OTHER))
    assert known([READ], on=[on], by=OTHER).allows(asked(OTHER))


def test_actions_are_compared_whatever_their_case_and_resources_are_not():
    assert known([READ]).allows(asked(action="S3:getobject"))
    assert not known([{**READ, "Resource": "arn:aws:s3:::zone/X"}]).allows(asked())


@pytest.mark.parametrize(
    ("conditions", "context", "expected"),
    [
        ({"StringNotEquals": {"k": "a"}}, {}, True),  # what is not there differs
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"k": "a"}}, {}, True),
        ({"ForAnyValue:StringNotLike": {"k": "a*"}}, {}, False),
        ({"ForAnyValue:StringNotLikeIfExists": {"k": "a*"}}, {}, True),
        ({"ForAllValues:StringEquals": {"k": "a"}}, {}, True),
        ({"ForAllValues:StringEquals": {"k": "a"}}, {"k": ["a", "b"]}, False),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"k": ["b", "a"]}, True),
        ({"StringEquals": {"k": ["a", "b"]}}, {"K": "b"}, True),
        ({"StringEquals": {"k": "a", "l": "b"}}, {"k": "a", "l": "c"}, False),
        ({"NotIpAddress": {"k": "10.0.0.0/8"}}, {"k": "10.1.1.1"}, False),
        ({"Null": {"k": "true"}}, {}, True),
    ],
)
def test_conditions_hold_as_aws_documents_them(conditions, context, expected):
    assert holds(conditions, context) is expected


@pytest.mark.parametrize(
    ("conditions", "context"),
    [
        ({"DateLessThan": {"k": "2026-01-01"}}, {"k": "2025-01-01"}),
        ({"ForSomeValues:StringEquals": {"k": "a"}}, {"k": "a"}),
        ({"StringEquals": {"k": "a"}}, {"k": ["a", "b"]}),
    ],
)
def test_what_is_not_known_is_an_error(conditions, context):
    with pytest.raises(NotKnownError):
        holds(conditions, context)
