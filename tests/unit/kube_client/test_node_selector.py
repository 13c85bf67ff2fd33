# SPDX-License-Identifier: Apache-2.0
"""Node selectors: terms are alternatives, the requirements of a term hold together."""

from typing import Any

import pytest
from lightkube.models import core_v1

from kube.node_selector import matches

LABELS = {"zone": "a", "cores": "8"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


ZONE = {"matchExpressions": [expression("zone", "In", "a", "b")]}
NAME = {"matchFields": [expression("metadata.name", "In", "node1")]}
OTHER = {"matchFields": [expression("metadata.name", "In", "node2")]}

ROWS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "no term": ([], False),
    "empty term": ([{}], False),
    "in": ([ZONE], True),
    "not in": ([{"matchExpressions": [expression("zone", "NotIn", "a")]}], False),
    "exists": ([{"matchExpressions": [expression("zone", "Exists")]}], True),
    "does not exist": ([{"matchExpressions": [expression("gpu", "DoesNotExist")]}], True),
    "greater": ([{"matchExpressions": [expression("cores", "Gt", "7")]}], True),
    "less": ([{"matchExpressions": [expression("cores", "Lt", "8")]}], False),
    "name": ([NAME], True),
    "another name": ([OTHER], False),
    "both of one term": ([{**ZONE, **OTHER}], False),
    "one of two terms": ([OTHER, ZONE], True),
}


@pytest.mark.parametrize("row", ROWS)
def test_selection(row: str) -> None:
    terms, expected = ROWS[row]
    selector = core_v1.NodeSelector.from_dict({"nodeSelectorTerms": terms})
    assert matches(selector, LABELS, "node1") is expected
