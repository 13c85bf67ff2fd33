# SPDX-License-Identifier: Apache-2.0
"""Schemas derived from the models, against what the Kubernetes documentation says of the types."""

import importlib
import pkgutil

import msgspec
import pytest
from lightkube import models
from lightkube.models import apps_v1, core_v1, meta_v1, policy_v1
from lightkube.resources import core_v1 as core_resources

from kube import merge_keys
from kube.descriptions import descriptions_of
from kube.schema import ANY, Field, ListType, Scalar, Schema, Shape, schema_of, type_name

MODULES = {
    info.name: importlib.import_module(f"lightkube.models.{info.name}")
    for info in pkgutil.iter_modules(models.__path__)
}
MODELS = {
    type_name(found): found
    for module in MODULES.values()
    for found in vars(module).values()
    if isinstance(found, type)
    and issubclass(found, msgspec.Struct)
    and found.__module__ == module.__name__
    and found.__struct_fields__
}


def at(schema: Schema, *names: str) -> Field:
    """The field at the end of a path; lists and maps are entered by "*"."""
    for name in names[:-1]:
        if name == "*":
            assert schema.items is not None
            schema = schema.items
        else:
            schema = schema.fields[name].schema
    return schema.fields[names[-1]]


def test_a_resource_class_has_the_schema_of_its_model() -> None:
    assert schema_of(core_resources.Pod) is schema_of(core_v1.Pod)
    assert schema_of(core_v1.Pod).type_name == "core_v1.Pod"


@pytest.mark.parametrize(
    ("path", "shape", "scalar"),
    [
        (("metadata",), Shape.OBJECT, None),
        (("metadata", "labels"), Shape.MAP, None),
        (("metadata", "creationTimestamp"), Shape.SCALAR, Scalar.TIME),
        (("metadata", "generation"), Shape.SCALAR, Scalar.INTEGER),
        (("metadata", "managedFields", "*", "fieldsV1"), Shape.ANY, None),
        (("spec", "hostNetwork"), Shape.SCALAR, Scalar.BOOLEAN),
        (("spec", "containers"), Shape.LIST, None),
        (("spec", "containers", "*", "livenessProbe", "httpGet", "port"), Shape.SCALAR, Scalar.INT_OR_STRING),
        (("spec", "volumes", "*", "emptyDir", "sizeLimit"), Shape.SCALAR, Scalar.QUANTITY),
    ],
)
def test_shapes(path: tuple[str, ...], shape: Shape, scalar: Scalar | None) -> None:
    schema = at(schema_of(core_v1.Pod), *path).schema
    assert (schema.shape, schema.scalar) == (shape, scalar)


@pytest.mark.parametrize(
    ("path", "list_type", "keys"),
    [
        (("spec", "containers"), ListType.MAP, ("name",)),
        (("spec", "containers", "*", "ports"), ListType.MAP, ("containerPort", "protocol")),
        (("spec", "containers", "*", "args"), ListType.ATOMIC, ()),
        (("spec", "tolerations"), ListType.ATOMIC, ()),
        (("metadata", "finalizers"), ListType.SET, ()),
        (("metadata", "ownerReferences"), ListType.MAP, ("uid",)),
        (("status", "hostIPs"), ListType.ATOMIC, ()),
    ],
)
def test_list_types(path: tuple[str, ...], list_type: ListType, keys: tuple[str, ...]) -> None:
    schema = at(schema_of(core_v1.Pod), *path).schema
    assert (schema.list_type, schema.list_map_keys) == (list_type, keys)


def test_patch_strategies() -> None:
    spec = schema_of(core_v1.PodSpec).fields
    assert (spec["volumes"].merge, spec["volumes"].retain_keys, spec["volumes"].merge_key) == (
        True,
        True,
        "name",
    )
    assert not spec["tolerations"].merge
    assert at(schema_of(core_v1.Container), "ports").merge_key == "containerPort"
    strategy = at(schema_of(apps_v1.Deployment), "spec", "strategy")
    assert (strategy.merge, strategy.retain_keys) == (False, True)
    assert at(schema_of(policy_v1.PodDisruptionBudget), "spec", "selector").replace


def test_what_apply_owns_as_a_whole() -> None:
    assert schema_of(meta_v1.LabelSelector).atomic
    assert at(schema_of(core_v1.Service), "spec", "selector").schema.atomic
    assert at(schema_of(core_v1.Pod), "spec", "nodeSelector").schema.atomic
    assert not at(schema_of(core_v1.Pod), "metadata", "labels").schema.atomic
    assert schema_of(core_v1.ObjectReference).atomic
    claim = at(schema_of(core_v1.PersistentVolume), "spec", "claimRef").schema
    assert (claim.type_name, claim.atomic) == ("core_v1.ObjectReference", False)


def test_key_fields_that_may_be_left_out() -> None:
    assert dict(at(schema_of(core_v1.Service), "spec", "ports").schema.key_defaults) == {"protocol": "TCP"}


def test_required_fields_and_descriptions() -> None:
    container = schema_of(core_v1.Container)
    assert [field.name for field in container.fields.values() if field.required] == ["name"]
    assert container.description() == "A single application container that you want to run within a pod."
    assert container.description("tty").endswith("also requires 'stdin' to be true. Default is false.")


def test_names_that_python_reserves_keep_their_json_name() -> None:
    source = schema_of(MODELS["networking_v1.NetworkPolicyIngressRule"])
    assert source.fields["from"].attribute == "from_"
    assert source.description("from").startswith("from is a list")


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_model_has_a_whole_schema(name: str) -> None:
    schema = schema_of(MODELS[name])
    for field in schema.fields.values():
        assert (field.schema.shape in (Shape.LIST, Shape.MAP)) == (field.schema.items is not None)
        assert field.schema.shape is Shape.LIST or not field.merge, "merge is for lists"
        if field.schema.list_type is ListType.MAP:
            assert field.schema.items is not None
            assert set(field.schema.list_map_keys) <= field.schema.items.fields.keys()
    described = descriptions_of(MODELS[name]).fields
    assert described.keys() <= {field.attribute for field in schema.fields.values()}
    assert all(text == text.strip() and "``" not in text.split(" - ")[0] for text in described.values())


def test_every_row_of_the_table_is_of_a_field_that_exists() -> None:
    rows = merge_keys._treatments()
    assert [row for row in rows if row[1] not in schema_of(MODELS[row[0]]).fields] == []
    atomic = [
        f"{module}.{name}" for module, names in merge_keys._ATOMIC_TYPES.items() for name in names.split()
    ]
    assert [name for name in atomic if name not in MODELS] == []


def test_a_schema_can_be_made_without_a_model() -> None:
    made = Schema(Shape.OBJECT, load=lambda: {"spec": Field("spec", "spec", ANY)})
    assert made.fields["spec"].schema is ANY
    assert made.description() == ""


def test_a_raw_extension_may_be_named_like_a_map() -> None:
    assert at(schema_of(apps_v1.ControllerRevision), "data").schema is ANY
    assert at(schema_of(core_v1.ConfigMap), "data").schema.shape is Shape.MAP
