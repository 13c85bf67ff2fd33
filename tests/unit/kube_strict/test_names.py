# SPDX-License-Identifier: Apache-2.0
"""Names: what fits and what does not, at the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube import names
from kube.names import NameRule, check_annotations, check_labels

FITS: list[tuple[NameRule, list[str], list[str]]] = [
    (
        names.DNS_LABEL,
        ["a", "0", "a-b", "a" * 63, "1-2-3"],
        ["", "A", "-a", "a-", "a.b", "a_b", "a" * 64, "ä", "a\n", "a b"],
    ),
    (
        names.DNS_SUBDOMAIN,
        ["a", "a.b", "0.1", "a-b.c-d", ".".join(["a" * 60] * 4), "a" * 253],
        ["", ".", "a.", ".a", "a..b", "a.-b", "A.b", "a" * 254, "a\n"],
    ),
    (names.ENV_NAME, ["A", "a.b-c", "1", "A B", "[x]", "$"], ["", "A=B", "ä", "A\n", "A\tB"]),
    (
        names.PORT_NAME,
        ["http", "a", "1a", "a-b", "a" * 15],
        ["", "80", "-a", "a-", "a--b", "A", "a" * 16, "a_b", "a\n"],
    ),
    (
        names.LABEL_KEY,
        ["app", "a/b", "example.com/Tier_1.x", "A", "a" * 63, "a" * 253 + "/b"],
        ["", "/a", "a/", "a/b/c", "-a", "a-", "Example.com/a", "a" * 64, "a" * 254 + "/b", "a b", "app\n"],
    ),
    (names.LABEL_VALUE, ["", "a", "A_b.c-1", "a" * 63], ["-", "a-", "a/b", "a" * 64, "a b", "a\n"]),
    (names.ANNOTATION_KEY, ["Example.com/Tier", "a"], ["a/b/c", ""]),
    (
        names.UID,
        ["0b0c9d3e-7f0a-4a37-9a54-6f1d3f1f0c11"],
        ["", "0B0C9D3E-7F0A-4A37-9A54-6F1D3F1F0C11", "0b0c9d3e", "../../../../../../../../../../../../"],
    ),
]


@pytest.mark.parametrize(
    ("rule", "name", "is_good"),
    [(rule, name, True) for rule, good, _ in FITS for name in good]
    + [(rule, name, False) for rule, _, bad in FITS for name in bad],
    ids=lambda part: repr(part)[:30] if not isinstance(part, NameRule) else part.accepted[:12],
)
def test_what_fits(rule: NameRule, name: str, is_good: bool) -> None:
    assert rule.fits(name) == is_good
    problems = rule.check(("at",), name)
    # An empty label value is fine, but where a name is asked for, empty is missing.
    assert [problem.accepted for problem in problems] == ([] if is_good and name else [rule.accepted])


def test_a_missing_name_is_required() -> None:
    assert [str(p) for p in names.DNS_LABEL.check(("metadata", "name"), None)] == [
        f"metadata.name: Required value; accepted: {names.DNS_LABEL.accepted}"
    ]


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    for rule, _, _ in FITS:
        assert rule.check(("at",), text) == [] or rule.check(("at",), text)[0].accepted == rule.accepted


def test_labels_are_checked_key_by_key() -> None:
    labels = {"good": "yes", "bad key": "a", "value": "a b", "": "a"}
    assert [problem.field for problem in check_labels(("labels",), labels)] == [
        "labels[bad key]",
        "labels.value",
        "labels[]",
    ]
    assert check_labels(("labels",), None) == []


def test_annotations_are_limited_together() -> None:
    assert check_annotations(("annotations",), {"a": "x" * 262143}) == []
    assert [str(p) for p in check_annotations(("annotations",), {"a": "x" * 262144})] == [
        "annotations: Too long: may not be more than 262144 bytes"
    ]
