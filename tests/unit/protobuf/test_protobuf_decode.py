# SPDX-License-Identifier: Apache-2.0
"""Bodies in Kubernetes' protobuf encoding: what was encoded comes back, and nothing else does harm."""

import base64
import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.errors import ApiError
from controlplane.protobuf import decode
from controlplane.protobuf.messages import decode_message
from controlplane.protobuf.tables import (
    INLINE,
    LEAVES,
    SCALARS,
    Message,
    Shape,
    message,
    message_names,
    table_names,
)
from kube.schema import Scalar, Schema, schema_of
from kube.schema import Shape as SchemaShape
from tests.support.kube_proto import MAGIC, chunk, encode, envelope, known, number, objects, varint

NAMES = [f"{table}.{name}" for table in table_names() for name in message_names(table)]
# By kind of type: the JSON types that lightkube's models give to them.
SCALAR_TYPES = {
    "string": Scalar.STRING,
    "bytes": Scalar.STRING,
    "bool": Scalar.BOOLEAN,
    "int32": Scalar.INTEGER,
    "int64": Scalar.INTEGER,
    "double": Scalar.NUMBER,
    "Time": Scalar.TIME,
    "MicroTime": Scalar.TIME,
    "Quantity": Scalar.QUANTITY,
    "IntOrString": Scalar.INT_OR_STRING,
}


@given(st.data())
def test_what_go_would_encode_comes_back(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    obj = data.draw(objects(name))
    assert decode_message(name, encode(name, obj)) == obj


@given(st.data())
def test_a_message_in_pieces_is_all_of_them_together(data: st.DataObject) -> None:
    obj = data.draw(objects("core_v1.PodSpec", 2))
    encoded = encode("core_v1.PodSpec", obj)
    pieces = chunk(2, encoded) + chunk(2, b"")
    assert decode_message("core_v1.Pod", pieces) == decode_message("core_v1.Pod", chunk(2, encoded))


def outcome(body: bytes) -> int:
    """200, or the code of the refusal."""
    try:
        return 200 if isinstance(decode(body), dict) else 0
    except ApiError as error:
        return error.code


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_refusal(data: bytes) -> None:
    for body in (
        data,
        MAGIC + data,
        envelope("v1", "Pod", data),
        envelope("apps/v1", "Deployment", chunk(2, data)),
    ):
        assert outcome(body) in (200, 400, 415)


@given(st.data())
def test_a_body_that_is_cut_or_changed_is_an_object_or_a_refusal(data: st.DataObject) -> None:
    body = bytearray(envelope("v1", "Pod", encode("core_v1.Pod", data.draw(objects("core_v1.Pod", 3)))))
    at = data.draw(st.integers(0, len(body) - 1))
    if data.draw(st.booleans()):
        del body[at:]
    else:
        body[at] = data.draw(st.integers(0, 255))
    assert outcome(bytes(body)) in (200, 400, 415)


def flat(fields: Message) -> dict[str, object]:
    found: dict[str, object] = {}
    for field in fields.fields.values():
        if field.name == INLINE:
            found |= flat(known(field.message))
        else:
            found[field.name] = field
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_agree_with_the_models(name: str) -> None:
    """Every name of a field in JSON, and its type, against lightkube, which has them from another source."""
    module, _, short = name.partition(".")
    model = getattr(importlib.import_module(f"lightkube.models.{module}"), short, None)
    if model is None:
        pytest.skip("only a part of other types, which are compared")
    schema = schema_of(model)
    for field_name, field in flat(known(name)).items():
        assert field_name in schema.fields, field_name
        assert_same(field, schema.fields[field_name].schema)


def assert_same(field: object, schema: Schema) -> None:
    shape = getattr(field, "shape", None)
    if shape is Shape.LIST:
        assert schema.shape is SchemaShape.LIST
    if shape is Shape.MAP:
        assert schema.shape is SchemaShape.MAP
    while schema.items is not None:
        schema = schema.items
    type_ = getattr(field, "type", "")
    if type_ in SCALAR_TYPES:
        assert schema.scalar is SCALAR_TYPES[type_]
    elif type_ == "Raw":
        assert schema.shape is SchemaShape.ANY
    elif type_ == "":
        assert schema.type_name == getattr(field, "message", "")


@pytest.mark.parametrize("name", NAMES)
def test_every_type_is_known_and_none_holds_itself(name: str) -> None:
    """So the depth of an object is bounded by the tables, whatever the bytes say."""

    def walk(current: str, above: tuple[str, ...]) -> None:
        assert current not in above
        for field in known(current).fields.values():
            assert field.message or field.type in SCALARS | LEAVES
            if field.message:
                walk(field.message, (*above, current))

    walk(name, ())


def test_leaves_have_their_form_in_json() -> None:
    pod = encode(
        "core_v1.Pod",
        {
            "metadata": {"creationTimestamp": "2024-05-01T12:00:00Z", "labels": {"a": "b", "c": ""}},
            "spec": {
                "containers": [
                    {
                        "name": "c",
                        "resources": {"limits": {"cpu": "250m"}},
                        "livenessProbe": {"httpGet": {"port": "web"}, "initialDelaySeconds": 3},
                    }
                ],
                "terminationGracePeriodSeconds": 0,
            },
        },
    )
    found = decode(envelope("v1", "Pod", pod))
    assert found == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"creationTimestamp": "2024-05-01T12:00:00Z", "labels": {"a": "b", "c": ""}},
        "spec": {
            "containers": [
                {
                    "name": "c",
                    "resources": {"limits": {"cpu": "250m"}},
                    "livenessProbe": {"httpGet": {"port": "web"}, "initialDelaySeconds": 3},
                }
            ],
            "terminationGracePeriodSeconds": 0,
        },
    }
    secret = {"data": {"key": base64.b64encode(b"\x00\xff").decode()}}
    assert decode_message("core_v1.Secret", encode("core_v1.Secret", secret)) == secret
    lease = {"spec": {"renewTime": "2024-05-01T12:00:00.000001Z", "leaseDurationSeconds": 40}}
    assert decode_message("coordination_v1.Lease", encode("coordination_v1.Lease", lease)) == lease
    revision = {"data": {"spec": {"replicas": None}}, "revision": 3}
    assert (
        decode_message("apps_v1.ControllerRevision", encode("apps_v1.ControllerRevision", revision))
        == revision
    )


def test_times_before_1970_and_of_the_first_year() -> None:
    for moment in ("0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"):
        obj = {"creationTimestamp": moment}
        assert decode_message("meta_v1.ObjectMeta", encode("meta_v1.ObjectMeta", obj)) == obj


def test_options_of_a_delete_come_under_any_group() -> None:
    options = encode("meta_v1.DeleteOptions", {"gracePeriodSeconds": 0, "propagationPolicy": "Orphan"})
    for version in ("v1", "apps/v1", "example.com/v2"):
        found = decode(envelope(version, "DeleteOptions", options))
        assert (found["gracePeriodSeconds"], found["propagationPolicy"]) == (0, "Orphan")


def test_an_unknown_field_is_left_for_validation_unless_it_is_zero() -> None:
    data = encode("core_v1.Pod", {"metadata": {"name": "x"}}) + number(99, 0) + chunk(98, b"") + number(97, 5)
    found = decode(envelope("v1", "Pod", data))
    assert {key for key in found if key.startswith("protobuf")} == {"protobuf field 97"}


def test_numbers_in_one_piece() -> None:
    data = chunk(4, varint(1) + varint(2**40) + varint(-3))
    assert decode_message("core_v1.PodSecurityContext", data) == {"supplementalGroups": [1, 2**40, -3]}


def test_a_later_value_replaces_an_earlier_one() -> None:
    name = chunk(1, b"first") + chunk(1, b"second")
    assert decode_message("meta_v1.ObjectMeta", name) == {"name": "second"}
    assert decode_message("meta_v1.ObjectMeta", name + chunk(1, b"")) == {}


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        (b"", 400, "begins with the bytes"),
        (b'{"kind": "Pod"}', 400, "begins with the bytes"),
        (MAGIC, 400, "does not say its apiVersion and kind"),
        (MAGIC + b"\x0a", 400, "ends inside a number"),
        (MAGIC + b"\x0a\x7f", 400, "of which only 0 are there"),
        (MAGIC + b"\x0a" + varint(2**63), 400, "of which only 0 are there"),
        (MAGIC + b"\x08" + b"\xff" * 20, 400, "more than 64 bits"),
        (MAGIC + b"\x0b", 400, "wire type 3 is not used"),
        (MAGIC + b"\x02", 400, "0 is no field number"),
        (envelope("v1", "Pod", b"", encoding="gzip"), 400, "the content encoding 'gzip' is not read"),
        (envelope("v1", "Pod", b"{}", media="application/json"), 400, "it holds 'application/json'"),
        (envelope("v1", "Gizmo", b""), 415, "cannot read v1 Gizmo as protobuf"),
        (envelope("apps.example.com/v1", "Deployment", b""), 415, "send it as application/json"),
        (envelope("../tables/v1", "Pod", b""), 415, "cannot read"),
        (
            envelope("v1", "Pod", chunk(2, chunk(2, chunk(1, b"\xff")))),
            400,
            "Pod.spec.containers.name: a string is",
        ),
        (envelope("v1", "Pod", number(2, 1)), 400, "Pod.spec: expected length, found varint"),
        (envelope("v1", "Pod", chunk(1, chunk(8, number(1, 2**62)))), 400, "no time between the years"),
        (envelope("v1", "Pod", chunk(1, chunk(8, number(2, -1)))), 400, "-1 nanoseconds"),
        (envelope("apps/v1", "ControllerRevision", chunk(2, chunk(1, b"{"))), 400, "is no JSON"),
        (envelope("v1", "Pod", chunk(2, chunk(2, b"") * 300_000)), 400, "too many fields"),
        (envelope("v1", "Pod", chunk(1, chunk(8, number(5, 0) * 300_000))), 400, "too many fields"),
        (envelope("v1", "Pod", chunk(2, chunk(14, chunk(4, b"\x01" * 300_000)))), 400, "too many fields"),
        (MAGIC + number(9, 0) * 300_000, 400, "too many fields"),
        (envelope("apps/v1", "ControllerRevision", chunk(2, chunk(1, DEEP))), 400, "is no JSON"),
    ],
)
def test_refusals_say_where_and_why(body: bytes, code: int, told: str) -> None:
    with pytest.raises(ApiError) as refused:
        decode(body)
    assert refused.value.code == code
    assert told in refused.value.message


def test_what_clients_ask_for_is_not_remembered() -> None:
    assert message("nonsense_v1.Pod") is None
    assert message("core_v1.Nonsense") is None
    assert message("core_v1") is None
