# SPDX-License-Identifier: Apache-2.0
"""Finding kinds."""

import pytest

from controlplane.registry import RESOURCES, Registry, default_registry


def test_a_kind_is_found_by_plural_and_by_kind() -> None:
    registry = default_registry()
    pods = registry.find("", "v1", "pods")
    assert pods is not None
    assert pods is registry.by_kind("", "v1", "Pod") is registry.preferred("", "pods")
    assert registry.find("", "v2", "pods") is None
    assert registry.by_kind("", "v1", "Nothing") is None


def test_a_kind_is_registered_once() -> None:
    with pytest.raises(ValueError, match="two have the same"):
        Registry([*RESOURCES, RESOURCES[0]])


def test_keys_of_the_store() -> None:
    pods = default_registry().find("", "v1", "pods")
    assert pods is not None
    assert pods.key("default", "web") == "/core/pods/default/web"
