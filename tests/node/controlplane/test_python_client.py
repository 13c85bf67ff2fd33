# SPDX-License-Identifier: Apache-2.0
"""The official Python client, unchanged, over TLS: typed reads and writes, watches, patches, pages, errors, exec."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.control_plane import control_plane

kubernetes = pytest.importorskip("kubernetes")

NAMESPACE = "python"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An ApiClient, with a namespace that has its service account."""
    with control_plane(tmp_path_factory.mktemp("controlplane")) as kubeconfig:
        configuration = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=configuration)
        with kubernetes.client.ApiClient(configuration) as client:
            core = kubernetes.client.CoreV1Api(client)
            core.create_namespace({"metadata": {"name": NAMESPACE}})
            watch = kubernetes.watch.Watch()
            for event in watch.stream(core.list_namespaced_service_account, NAMESPACE, timeout_seconds=60):
                if event["object"].metadata.name == "default":
                    watch.stop()
            yield client


@pytest.fixture
def core(api: Any) -> Any:
    return kubernetes.client.CoreV1Api(api)


@pytest.fixture
def apps(api: Any) -> Any:
    return kubernetes.client.AppsV1Api(api)


def config_map(name: str, **data: str) -> Any:
    meta = kubernetes.client.V1ObjectMeta(name=name, labels={"of": name.partition("-")[0]})
    return kubernetes.client.V1ConfigMap(metadata=meta, data=data)


def deployment(name: str) -> Any:
    k = kubernetes.client
    container = k.V1Container(
        name="main", image="example.com/web:1", ports=[k.V1ContainerPort(container_port=80)]
    )
    template = k.V1PodTemplateSpec(
        metadata=k.V1ObjectMeta(labels={"app": name}), spec=k.V1PodSpec(containers=[container])
    )
    selector = k.V1LabelSelector(match_labels={"app": name})
    spec = k.V1DeploymentSpec(replicas=0, selector=selector, template=template)
    return k.V1Deployment(metadata=k.V1ObjectMeta(name=name), spec=spec)


def test_typed_objects_live_a_life(apps: Any) -> None:
    made = apps.create_namespaced_deployment(NAMESPACE, deployment("web"))
    assert made.spec.template.spec.containers[0].ports[0].protocol == "TCP"
    assert abs(datetime.now(UTC) - made.metadata.creation_timestamp) < timedelta(hours=1)
    made.spec.min_ready_seconds = 5
    made.metadata.resource_version = None
    assert apps.replace_namespaced_deployment("web", NAMESPACE, made).spec.min_ready_seconds == 5
    scale = apps.read_namespaced_deployment_scale("web", NAMESPACE)
    assert (scale.spec.replicas, scale.status.selector) == (0, "app=web")
    listed = apps.list_deployment_for_all_namespaces(
        label_selector="!missing", field_selector="metadata.name=web"
    )
    assert [item.metadata.name for item in listed.items] == ["web"]
    options = kubernetes.client.V1DeleteOptions(propagation_policy="Background")
    apps.delete_namespaced_deployment("web", NAMESPACE, body=options)
    with pytest.raises(kubernetes.client.ApiException) as refused:
        apps.read_namespaced_deployment("web", NAMESPACE)
    assert (refused.value.status, refused.value.reason) == (404, "Not Found")


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/strategic-merge-patch+json", {"data": {"b": "2"}}, {"a": "1", "b": "2"}),
        ("application/merge-patch+json", {"data": {"a": None, "b": "2"}}, {"b": "2"}),
        ("application/json-patch+json", [{"op": "replace", "path": "/data/a", "value": "9"}], {"a": "9"}),
    ],
)
def test_patches(core: Any, content_type: str, body: Any, data: dict[str, str]) -> None:
    name = "patch-" + content_type.partition("/")[2].partition("+")[0]
    core.create_namespaced_config_map(NAMESPACE, config_map(name, a="1"))
    patched = core.patch_namespaced_config_map(name, NAMESPACE, body, _content_type=content_type)
    assert patched.data == data


def test_server_side_apply(core: Any) -> None:
    def apply(manager: str, *, force: bool, **data: str) -> Any:
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data}
        return core.patch_namespaced_config_map(
            "applied",
            NAMESPACE,
            body,
            field_manager=manager,
            force=force,
            _content_type="application/apply-patch+yaml",
        )

    apply("one", force=False, color="red")
    with pytest.raises(kubernetes.client.ApiException) as refused:
        apply("two", force=False, color="blue")
    assert refused.value.status == 409
    assert 'conflict with \\"one\\"' in refused.value.body
    applied = apply("two", force=True, color="blue")
    assert applied.data == {"color": "blue"}
    managers = {entry.manager: entry.operation for entry in applied.metadata.managed_fields}
    assert managers["two"] == "Apply"


def test_a_watch_goes_on_where_it_ended(core: Any) -> None:
    core.create_namespaced_config_map(NAMESPACE, config_map("watched-0"))
    since = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    for number in (1, 2, 3):
        core.create_namespaced_config_map(NAMESPACE, config_map(f"watched-{number}"))
    core.delete_namespaced_config_map("watched-1", NAMESPACE)
    seen: list[tuple[str, str]] = []
    for wanted in (2, 4):
        watch = kubernetes.watch.Watch()
        for event in watch.stream(
            core.list_namespaced_config_map,
            NAMESPACE,
            label_selector="of=watched",
            resource_version=since,
            timeout_seconds=60,
        ):
            seen.append((event["type"], event["object"].metadata.name))
            since = event["object"].metadata.resource_version
            if len(seen) == wanted:
                watch.stop()
    assert seen == [
        ("ADDED", "watched-1"),
        ("ADDED", "watched-2"),
        ("ADDED", "watched-3"),
        ("DELETED", "watched-1"),
    ]


def test_pages(core: Any) -> None:
    for number in range(5):
        core.create_namespaced_config_map(NAMESPACE, config_map(f"page-{number}"))
    names: list[str] = []
    page, token = 0, None
    while page == 0 or token:
        listed = core.list_namespaced_config_map(
            NAMESPACE, limit=2, _continue=token, label_selector="of=page"
        )
        names += [item.metadata.name for item in listed.items]
        token, page = listed.metadata._continue, page + 1
    assert names == [f"page-{number}" for number in range(5)]
    assert page == 3


@pytest.mark.parametrize(
    ("body", "code", "told"),
    [
        ({"metadata": {"name": "UPPER"}}, 422, "metadata.name: Invalid value"),
        ({"metadata": {}}, 422, "metadata.name: Required value"),
        ({"metadata": {"name": "kube-root-ca.crt"}}, 409, "already exists"),
        ({"metadata": {"name": "a", "namespace": "other"}}, 400, "namespace"),
    ],
)
def test_refusals(core: Any, body: Any, code: int, told: str) -> None:
    with pytest.raises(kubernetes.client.ApiException) as refused:
        core.create_namespaced_config_map(NAMESPACE, body)
    assert refused.value.status == code
    assert told in refused.value.body


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"replicsa": 1}, 'strict decoding error: unknown field \\"spec.replicsa\\"'),
        ({"replicas": "many"}, "cannot be handled as a ReplicaSet"),
    ],
)
def test_bodies_that_are_not_as_the_type_says(api: Any, spec: Any, told: str) -> None:
    """By the untyped client: the typed one refuses them itself."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    good = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
    body = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "strict"},
        "spec": {**good, **spec},
    }
    with pytest.raises(kubernetes.client.ApiException) as refused:
        kubernetes.client.CustomObjectsApi(api).create_namespaced_custom_object(
            "apps", "v1", NAMESPACE, "replicasets", body, field_validation="Strict"
        )
    assert refused.value.status == 400
    assert told in refused.value.body


def test_exec_and_logs_of_a_pod_without_a_node(core: Any) -> None:
    pod = {"metadata": {"name": "one"}, "spec": {"containers": [{"name": "main", "image": "busybox"}]}}
    core.create_namespaced_pod(NAMESPACE, pod)
    with pytest.raises(kubernetes.client.ApiException) as refused:
        core.read_namespaced_pod_log("one", NAMESPACE)
    assert (refused.value.status, "does not have a host assigned" in refused.value.body) == (400, True)
    for name, code in (("one", 400), ("nope", 404)):
        with pytest.raises(kubernetes.client.ApiException) as refused:
            kubernetes.stream.stream(
                core.connect_get_namespaced_pod_exec, name, NAMESPACE, command=["true"], stdout=True
            )
        assert f"Handshake status {code}" in str(refused.value.reason)


def test_custom_objects_api_and_discovery(api: Any) -> None:
    custom = kubernetes.client.CustomObjectsApi(api)
    found = custom.list_namespaced_custom_object("apps", "v1", NAMESPACE, "deployments")
    assert found["kind"] == "DeploymentList"
    dynamic = kubernetes.dynamic.DynamicClient(api)
    leases = dynamic.resources.get(api_version="coordination.k8s.io/v1", kind="Lease")
    made = leases.create(
        body={"metadata": {"name": "mine"}, "spec": {"holderIdentity": "me"}}, namespace=NAMESPACE
    )
    assert made.spec.holderIdentity == "me"
    assert kubernetes.client.VersionApi(api).get_code().git_version.startswith("v1.")
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": NAMESPACE}}}
    told = kubernetes.client.AuthorizationV1Api(api).create_self_subject_access_review(review)
    assert told.status.allowed is True
