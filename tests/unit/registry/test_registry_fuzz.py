# SPDX-License-Identifier: Apache-2.0
"""Whatever a strict decode lets through, a strategy and the columns bear it: it is stored or refused, never a crash."""

from copy import deepcopy
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.errors import Cause
from kube.strict import decode
from tests.support.minimal_objects import STORED, Key
from tests.support.random_objects import random_object, without_some
from tests.support.registry_objects import UID, created, resource

Json = dict[str, Any]


def _object(key: Key, random: Random) -> Json:
    kind = resource(key)
    obj = {**random_object(kind.model, random), "apiVersion": kind.api_version, "kind": kind.kind}
    obj["metadata"] = {**obj.get("metadata", {}), "name": "web", "uid": UID}
    return obj


def _causes(causes: Any) -> None:
    assert all(isinstance(cause, Cause) and cause.message for cause in causes)


@pytest.mark.parametrize("key", STORED, ids=lambda key: "/".join(key))
@settings(max_examples=12, deadline=None)
@given(random=st.integers(0, 2**32).map(Random))
def test_any_typed_object_is_borne(key: Key, random: Random) -> None:
    kind, strategy = resource(key), resource(key).strategy
    served = _object(key, random)
    assert decode(kind.model, served).problems == ()
    obj = kind.to_storage(served) if kind.to_storage else served
    strategy.set_defaults(obj)
    again = deepcopy(obj)
    strategy.set_defaults(again)
    assert again == obj
    strategy.prepare_create(obj)
    _causes(strategy.validate(obj))
    msgspec.json.encode([column.value(obj) for column in kind.columns])
    assert all(isinstance(value, str) for value in strategy.fields(obj).values())
    back = kind.from_storage(obj) if kind.from_storage else obj
    assert [p for p in decode(kind.model, back).problems if p.path != ("eventTime",)] == []


@pytest.mark.parametrize("key", STORED, ids=lambda key: "/".join(key))
@settings(max_examples=8, deadline=None)
@given(random=st.integers(0, 2**32).map(Random))
def test_any_change_is_borne(key: Key, random: Random) -> None:
    kind, strategy = resource(key), resource(key).strategy
    old, new = (
        kind.to_storage(obj) if kind.to_storage else obj for obj in (_object(key, random) for _ in range(2))
    )
    strategy.set_defaults(old)
    strategy.prepare_create(old)
    strategy.set_defaults(new)
    parts = [s.name for s in kind.subresources if "update" in s.verbs and s.name not in ("scale", "proxy")]
    for part in parts:
        changed = deepcopy(new)
        strategy.prepare_subresource(part, changed, old)
        _causes(strategy.validate_subresource(part, changed, old))
    strategy.prepare_update(new, old)
    _causes([*strategy.validate(new), *strategy.validate_update(new, old)])


@pytest.mark.parametrize("key", STORED, ids=lambda key: "/".join(key))
@settings(max_examples=8, deadline=None)
@given(random=st.integers(0, 2**32).map(Random))
def test_what_is_not_whole_is_borne_until_it_is_refused(key: Key, random: Random) -> None:
    """Required fields are asked for after defaults, and not at all of what a subresource takes."""
    kind, strategy = resource(key), resource(key).strategy
    served = without_some(_object(key, random), random)
    served["metadata"] = {**(served.get("metadata") or {}), "name": "web", "uid": UID}
    new = kind.to_storage(served) if kind.to_storage else served
    old = created(key)
    strategy.set_defaults(new)
    for part in [
        s.name for s in kind.subresources if "update" in s.verbs and s.name not in ("scale", "proxy")
    ]:
        changed = deepcopy(new)
        strategy.prepare_subresource(part, changed, old)
        _causes(strategy.validate_subresource(part, changed, old))
    made = deepcopy(new)
    strategy.prepare_create(made)
    msgspec.json.encode([column.value(made) for column in kind.columns])
    strategy.prepare_update(new, old)
    assert kind.from_storage is None or kind.from_storage(new)
