# SPDX-License-Identifier: Apache-2.0
"""DefaultTolerationSeconds: which of the two tolerations are added."""

import pytest

from controlplane.admission.default_toleration_seconds import DefaultTolerationSeconds
from tests.support.admission import admitted, pod, request

NOT_READY = {
    "key": "node.kubernetes.io/not-ready",
    "operator": "Exists",
    "effect": "NoExecute",
    "tolerationSeconds": 300,
}
UNREACHABLE = NOT_READY | {"key": "node.kubernetes.io/unreachable"}


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ([], [NOT_READY, UNREACHABLE]),
        ([{"operator": "Exists"}], []),
        ([{"operator": "Exists", "effect": "NoExecute"}], []),
        ([{"operator": "Exists", "effect": "NoSchedule"}], [NOT_READY, UNREACHABLE]),
        ([{"key": NOT_READY["key"], "operator": "Exists"}], [UNREACHABLE]),
        ([UNREACHABLE | {"tolerationSeconds": 5}], [NOT_READY]),
        ([{"key": "other", "effect": "NoExecute"}], [NOT_READY, UNREACHABLE]),
    ],
)
def test_added(given, added) -> None:
    for old in (None, pod()):
        spec = admitted(DefaultTolerationSeconds(), request(pod(tolerations=given), old=old)).object["spec"]
        assert spec["tolerations"] == given + added


def test_subresources_are_left_alone() -> None:
    admission = admitted(DefaultTolerationSeconds(), request(pod(), old=pod(), subresource="status"))
    assert "tolerations" not in admission.object["spec"]
