# SPDX-License-Identifier: Apache-2.0
"""Node selectors: which nodes a pod or a volume may be on, by their labels and by their name."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1

from kube.selector import from_expression

NAME_FIELD: Final = "metadata.name"
"""The only field that matchFields knows."""


def matches(selector: core_v1.NodeSelector, labels: Mapping[str, str], name: str) -> bool:
    """Whether one of the terms is met by a node of these labels and this name. Raises SelectorError.

    All requirements of a term have to hold; a term without any matches nothing.
    """
    return any(_term_matches(term, labels, name) for term in selector.nodeSelectorTerms)


def _term_matches(term: core_v1.NodeSelectorTerm, labels: Mapping[str, str], name: str) -> bool:
    if not term.matchExpressions and not term.matchFields:
        return False
    return _all(term.matchExpressions or (), labels) and _all(term.matchFields or (), {NAME_FIELD: name})


def _all(requirements: Iterable[core_v1.NodeSelectorRequirement], values: Mapping[str, str]) -> bool:
    return all(from_expression(msgspec.to_builtins(each)).matches(values) for each in requirements)
