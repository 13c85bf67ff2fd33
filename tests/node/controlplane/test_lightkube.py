# SPDX-License-Identifier: Apache-2.0
"""lightkube, unchanged, over TLS: typed reads and writes, watches with resume, patches, apply, pages, errors."""

from collections.abc import Iterator

import pytest
from lightkube import ApiError, Client, KubeConfig
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.autoscaling_v1 import ScaleSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace
from lightkube.types import CascadeType, PatchType

from tests.support.control_plane import control_plane

NAMESPACE = "lightkube"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with control_plane(tmp_path_factory.mktemp("controlplane")) as kubeconfig:
        made = Client(
            config=KubeConfig.from_file(str(kubeconfig)), namespace=NAMESPACE, field_manager="tests"
        )
        made.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
        yield made


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(
        metadata=ObjectMeta(name=name, namespace=NAMESPACE, labels={"of": name.partition("-")[0]}), data=data
    )


def test_typed_objects_live_a_life(client: Client) -> None:
    template = PodTemplateSpec(
        metadata=ObjectMeta(labels={"app": "web"}),
        spec=PodSpec(containers=[Container(name="main", image="example.com/web:1")]),
    )
    spec = DeploymentSpec(replicas=0, selector=LabelSelector(matchLabels={"app": "web"}), template=template)
    made = client.create(Deployment(metadata=ObjectMeta(name="web", namespace=NAMESPACE), spec=spec))
    assert made.spec is not None
    assert made.spec.template.spec is not None
    assert made.spec.template.spec.restartPolicy == "Always"
    client.replace(
        Deployment.Scale(metadata=ObjectMeta(name="web", namespace=NAMESPACE), spec=ScaleSpec(replicas=2))
    )
    found = client.get(Deployment, "web")
    assert found.spec is not None
    assert found.spec.replicas == 2
    client.wait(Deployment, "web", for_conditions=["Progressing"])
    client.delete(Deployment, "web", cascade=CascadeType.FOREGROUND)


@pytest.mark.parametrize(
    ("kind", "patch", "data"),
    [
        (PatchType.STRATEGIC, {"data": {"b": "2"}}, {"a": "1", "b": "2"}),
        (PatchType.MERGE, {"data": {"a": None, "b": "2"}}, {"b": "2"}),
        (PatchType.JSON, [{"op": "replace", "path": "/data/a", "value": "9"}], {"a": "9"}),
    ],
    ids=["strategic", "merge", "json"],
)
def test_patches(client: Client, kind: PatchType, patch: object, data: dict[str, str]) -> None:
    name = f"patch-{kind.name.lower()}"
    client.create(config_map(name, a="1"))
    assert client.patch(ConfigMap, name, patch, patch_type=kind).data == data


def test_apply_and_conflicts(client: Client) -> None:
    client.apply(config_map("applied", color="red"), field_manager="one")
    with pytest.raises(ApiError) as refused:
        client.apply(config_map("applied", color="blue"), field_manager="two")
    assert (refused.value.status.code, refused.value.status.reason) == (409, "Conflict")
    assert 'conflict with "one"' in (refused.value.status.message or "")
    forced = client.apply(config_map("applied", color="blue"), field_manager="two", force=True)
    assert forced.data == {"color": "blue"}


def test_a_watch_goes_on_where_it_ended(client: Client) -> None:
    client.create(config_map("watched-0"))
    listed = client.list(ConfigMap, labels={"of": "watched"})
    assert [item.metadata.name for item in listed if item.metadata] == ["watched-0"]
    since = listed.resourceVersion
    for number in (1, 2, 3):
        client.create(config_map(f"watched-{number}"))
    client.delete(ConfigMap, "watched-1")
    seen: list[tuple[str, str | None]] = []
    for wanted in (2, 4):
        for event, obj in client.watch(ConfigMap, labels={"of": "watched"}, resource_version=since):
            assert obj.metadata is not None
            seen.append((event, obj.metadata.name))
            since = obj.metadata.resourceVersion
            if len(seen) == wanted:
                break
    assert seen == [
        ("ADDED", "watched-1"),
        ("ADDED", "watched-2"),
        ("ADDED", "watched-3"),
        ("DELETED", "watched-1"),
    ]


def test_pages(client: Client) -> None:
    for number in range(5):
        client.create(config_map(f"page-{number}"))
    listed = client.list(ConfigMap, chunk_size=2, labels={"of": "page"})
    assert [item.metadata.name for item in listed if item.metadata] == [f"page-{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [("UPPER", 422, "Invalid"), ("twice", 409, "AlreadyExists")],
)
def test_refusals(client: Client, name: str, code: int, reason: str) -> None:
    if reason == "AlreadyExists":
        client.create(config_map(name))
    with pytest.raises(ApiError) as refused:
        client.create(config_map(name))
    assert (refused.value.status.code, refused.value.status.reason) == (code, reason)


def test_what_is_not_there(client: Client) -> None:
    with pytest.raises(ApiError) as refused:
        client.get(ConfigMap, "nope")
    assert (refused.value.status.reason, refused.value.status.message) == (
        "NotFound",
        'configmaps "nope" not found',
    )
    assert client.create(config_map("dry"), dry_run=True).metadata is not None
    with pytest.raises(ApiError):
        client.get(ConfigMap, "dry")
