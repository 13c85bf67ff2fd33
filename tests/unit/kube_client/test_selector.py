# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.errors import SelectorError
from kube.selector import (
    EVERYTHING,
    NOTHING,
    Operator,
    Requirement,
    Selector,
    from_labels,
    from_object,
    parse,
)

LABELS = {"app": "web", "tier": "front", "weight": "5"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web , tier=front", True),
        ("app=db", False),
        ("app!=db", True),
        ("none!=db", True),
        ("app!=web", False),
        ("app in (web, db)", True),
        ("app in (db)", False),
        ("app notin (db)", True),
        ("none notin (db)", True),
        ("app,tier", True),
        ("none", False),
        ("!none", True),
        ("!app", False),
        ("weight>4,weight<6", True),
        ("weight>5", False),
        ("app>5", False),
        ("none=", False),
        ("none in (,a)", False),
    ],
)
def test_a_query_selects(text: str, matches: bool) -> None:
    assert parse(text).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text", ["=a", "a=b,", "a in b", "a in (b", "a b", "a=b=c", "a>x", "-a=b", "a=-", ",", "!"]
)
def test_what_is_no_selector_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(SelectorError, match="cannot read selector"):
        parse(text)


def test_an_absent_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert from_object(None) == NOTHING
    assert not NOTHING.matches({})
    assert from_object({}) == EVERYTHING
    assert EVERYTHING.matches(None)


def test_expressions_and_labels_count_together() -> None:
    selector = from_object(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["back"]}],
        }
    )
    assert selector.matches(LABELS)
    assert not selector.matches({**LABELS, "tier": "back"})


def test_an_unknown_operator_is_named_with_those_that_exist() -> None:
    with pytest.raises(SelectorError, match="'Near' is no operator; accepted are DoesNotExist, Exists"):
        from_object({"matchExpressions": [{"key": "a", "operator": "Near"}]})


WORDS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?", fullmatch=True)
REQUIREMENTS = st.one_of(
    st.builds(
        Requirement,
        WORDS,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(Requirement, WORDS, st.sampled_from([Operator.EXISTS, Operator.DOES_NOT_EXIST])),
)


@given(st.lists(REQUIREMENTS, max_size=4).map(tuple))
def test_the_text_of_a_selector_reads_back_as_it(requirements: tuple[Requirement, ...]) -> None:
    assert parse(str(Selector(requirements))) == Selector(requirements)


@given(st.dictionaries(WORDS, WORDS, max_size=4), st.dictionaries(WORDS, WORDS, max_size=4))
def test_labels_select_their_supersets(wanted: dict[str, str], more: dict[str, str]) -> None:
    assert from_labels(wanted).matches({**more, **wanted})
