# SPDX-License-Identifier: Apache-2.0
"""Equal parts are kept once, and objects stay what they were."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kube.sharing import Shared

LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
)
OBJECTS = st.dictionaries(st.text(max_size=2), VALUES, max_size=4)


def pod(name: str, *volumes: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "web", "env": [{"name": "A", "value": "b"}]}],
            "volumes": [
                {"name": volume, "projected": {"sources": [{"downwardAPI": {}}]}} for volume in volumes
            ],
            "tolerations": [{"key": "a", "operator": "Exists"}],
        },
    }


def test_pods_of_one_template_share_what_they_have_in_common() -> None:
    shared = Shared()
    one, two = shared.share(pod("a", "token-a")), shared.share(pod("b", "token-b"))
    assert (one, two) == (pod("a", "token-a"), pod("b", "token-b"))
    assert one["metadata"]["labels"] is two["metadata"]["labels"]
    for field in ("containers", "tolerations"):
        assert one["spec"][field] is two["spec"][field]
    first, second = (each["spec"]["volumes"][0] for each in (one, two))
    assert first["projected"] is second["projected"]
    assert first["name"] != second["name"]


@given(st.lists(OBJECTS, max_size=6), st.integers(1, 4))
def test_objects_are_what_they_were(objects: list[dict[str, Any]], kept: int) -> None:
    shared = Shared(kept)
    told = [shared.share(copy.deepcopy(obj)) for obj in objects]
    assert told == objects
    assert len(shared._parts) <= kept
