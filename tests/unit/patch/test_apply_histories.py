# SPDX-License-Identifier: Apache-2.0
"""Random histories of three managers that apply, force and update one object: what must hold after every step."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import ApiError
from controlplane.patch.apply import apply
from controlplane.patch.field_set import paths
from controlplane.patch.managed_fields import track_update
from controlplane.patch.plain import clone
from kube.schema import ANY, Field, ListType, Scalar, Schema, Shape

Json = dict[str, Any]
Path = tuple[str, ...]
MISSING: Any = object()

TEXT = Schema(Shape.SCALAR, scalar=Scalar.STRING)


def an_object(**fields: Schema) -> Schema:
    return Schema(
        Shape.OBJECT, load=lambda: {name: Field(name, name, schema) for name, schema in fields.items()}
    )


INNER = an_object(x=TEXT, y=TEXT, args=Schema(Shape.LIST, items=TEXT))
ITEM = an_object(name=TEXT, kind=TEXT, x=TEXT, inner=INNER)
ITEMS = Schema(
    Shape.LIST,
    items=ITEM,
    list_type=ListType.MAP,
    list_map_keys=("name", "kind"),
    key_defaults={"kind": "K"},
)
ROOT = an_object(
    a=TEXT,
    inner=INNER,
    labels=Schema(Shape.MAP, items=TEXT),
    selector=Schema(Shape.MAP, items=TEXT, atomic=True),
    names=Schema(Shape.LIST, items=TEXT, list_type=ListType.SET),
    items=ITEMS,
    free=ANY,
    metadata=an_object(name=TEXT, managedFields=ANY),
)

WORD = st.sampled_from(["1", "2"])
LABELS = st.dictionaries(st.sampled_from("pqr"), WORD, max_size=2)
INNERS = st.fixed_dictionaries({}, optional={"x": WORD, "y": WORD, "args": st.lists(WORD, max_size=2)})
AN_ITEM = st.fixed_dictionaries(
    {"name": st.sampled_from("mno")}, optional={"kind": st.just("L"), "x": WORD, "inner": INNERS}
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "a": WORD,
        "inner": INNERS,
        "labels": LABELS,
        "selector": LABELS,
        "names": st.lists(WORD, unique=True, max_size=2),
        "items": st.lists(AN_ITEM, unique_by=lambda item: (item["name"], item.get("kind")), max_size=3),
        "free": st.dictionaries(
            st.sampled_from("st"), WORD | st.lists(WORD, max_size=1) | LABELS, max_size=2
        ),
    },
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["apply", "force", "update"]), st.sampled_from(["A", "B", "C"]), CONFIGS),
    min_size=1,
    max_size=8,
)


def at(value: Any, path: Path) -> Any:
    """The value at a path of FieldsV1 steps, or MISSING."""
    for step in path:
        kind, _, rest = step.partition(":")
        if kind == "f":
            value = value.get(rest, MISSING) if isinstance(value, dict) else MISSING
        elif isinstance(value, list):
            wanted = json.loads(rest)
            value = next(
                (item for item in value if item == wanted or (kind == "k" and keys(item) == wanted)), MISSING
            )
        if value is MISSING:
            return MISSING
    return value


def keys(item: Any) -> Any:
    return {"name": item.get("name"), "kind": item.get("kind", "K")}


def sets(obj: Json) -> dict[tuple[str, str], frozenset[Path]]:
    """Every manager's paths."""
    entries = obj["metadata"].get("managedFields", [])
    return {(entry["manager"], entry["operation"]): frozenset(paths(entry["fieldsV1"])) for entry in entries}


def leaves(value: Any, schema: Schema, path: Path = ()) -> dict[Path, Any]:
    """What a configuration lists: each smallest field with its value, written without the code under test."""
    if schema.atomic or not isinstance(value, (dict, list)) or not value:
        return {path: value}
    found: dict[Path, Any] = {}
    if isinstance(value, dict):
        for key, item in value.items():
            inner = schema.fields[key].schema if schema.shape is Shape.OBJECT else schema.items or ANY
            found |= leaves(item, inner, (*path, f"f:{key}"))
        return found
    if schema.list_type is ListType.SET:
        return {(*path, f"v:{json.dumps(item)}"): item for item in value}
    if schema.list_type is ListType.MAP:
        for item in value:
            step = "k:" + json.dumps(keys(item), sort_keys=True, separators=(",", ":"))
            found |= leaves(item, ITEM, (*path, step))
        return found
    return {path: value}


class History:
    """One object and its clock."""

    def __init__(self) -> None:
        self.object: Json | None = None
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def apply(self, manager: str, config: Json, *, force: bool) -> Json:
        self.now += timedelta(minutes=1)
        config = {**config, "metadata": {"name": "n"}}
        return apply(ROOT, self.object, config, manager=manager, force=force, now=self.now, api_version="v1")

    def update(self, manager: str, new: Json) -> Json:
        self.now += timedelta(minutes=1)
        return track_update(ROOT, self.object, new, manager=manager, now=self.now, api_version="v1")

    def step(self, verb: str, manager: str, config: Json) -> None:
        before = clone(self.object)
        if verb == "update":
            old = self.object or {}
            self.object = self.update(
                manager, {**clone(config), "metadata": old.get("metadata", {"name": "n"})}
            )
        else:
            with contextlib.suppress(ApiError):
                self.object = self.apply(manager, config, force=verb == "force")
                check_applied(self, before, manager, config)
        check_always(self.object or {"metadata": {}})


def check_always(obj: Json) -> None:
    for manager, owned in sets(obj).items():
        for path in owned:
            assert at(obj, path) is not MISSING, f"{manager} owns {path}, which is not there"


def check_applied(history: History, before: Json | None, manager: str, config: Json) -> None:
    obj = history.object
    assert obj is not None
    listed = leaves(config, ROOT) if config else {}
    for path, value in listed.items():
        there = at(obj, path)
        assert there == value or (value in ({}, []) and isinstance(there, type(value))), f"{path} was applied"
    assert listed.keys() <= sets(obj).get((manager, "Apply"), frozenset()), "all that is listed is owned"
    assert history.apply(manager, config, force=False) == obj, "a second time changes nothing"
    check_others(before, obj, manager)


def check_others(before: Json | None, obj: Json, manager: str) -> None:
    """Other appliers keep what this one did not change, with its value; they gain nothing."""
    for each, owned in sets(before or {"metadata": {}}).items():
        if each == (manager, "Apply"):
            continue
        now = sets(obj).get(each, frozenset())
        assert now <= owned
        for path in now:
            if not isinstance(at(obj, path), (dict, list)):
                assert at(obj, path) == at(before, path)
        if each[1] == "Apply":
            assert all(at(obj, path) != at(before, path) for path in owned - now), (
                "only what changed is taken"
            )


@given(STEPS)
def test_every_owned_path_exists_and_every_applied_field_has_its_value(
    steps: list[tuple[str, str, Json]],
) -> None:
    history = History()
    for verb, manager, config in steps:
        history.step(verb, manager, config)


@given(STEPS, CONFIGS)
def test_an_apply_without_force_takes_nothing_and_force_takes_all(
    steps: list[tuple[str, str, Json]], config: Json
) -> None:
    history = History()
    for verb, manager, wanted in steps:
        history.step(verb, manager, wanted)
    before = history.object
    if before is None or not sets(before):  # whose fields become before-first-apply's
        return
    forced = history.apply("D", config, force=True)
    try:
        gentle = history.apply("D", config, force=False)
    except ApiError as refused:
        conflicts = len(refused.causes)
        lost = sum(len(owned - sets(forced).get(each, frozenset())) for each, owned in sets(before).items())
        assert conflicts
        assert lost >= conflicts
    else:
        assert sets(gentle) == sets(forced)
        for each, owned in sets(before).items():
            assert sets(gentle)[each] == owned, "nobody loses a field without a conflict"


@given(CONFIGS, CONFIGS)
def test_a_manager_alone_gets_what_it_lists_and_nothing_else(first: Json, second: Json) -> None:
    history = History()
    history.object = history.apply("A", first, force=False)
    history.object = history.apply("A", second, force=False)
    listed = leaves(second, ROOT) if second else {}
    found = {path: value for path, value in leaves(without_metadata(history.object), ROOT).items() if path}
    assert {path: value for path, value in found.items() if value not in ({}, [])} == {
        path: value for path, value in listed.items() if value not in ({}, [])
    }


def without_metadata(obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key != "metadata"}


@given(CONFIGS, CONFIGS)
def test_an_update_owns_the_difference(first: Json, second: Json) -> None:
    history = History()
    history.object = history.update("A", {**first, "metadata": {"name": "n"}})
    before = leaves(first, ROOT) if first else {}
    new = {**second, "metadata": history.object["metadata"]}
    obj = history.update("B", new)
    after = leaves(second, ROOT) if second else {}
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    emptied = {
        path for path in changed if after[path] in ({}, []) and isinstance(at(first, path), type(after[path]))
    }
    changed -= {path for path in emptied if before.get(path, MISSING) is MISSING} | {()}
    if sets(history.object):
        assert changed <= sets(obj).get(("B", "Update"), frozenset())
        assert not changed & sets(obj).get(("A", "Update"), frozenset())
    check_always(obj)
