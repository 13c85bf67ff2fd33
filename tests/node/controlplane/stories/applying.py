# SPDX-License-Identifier: Apache-2.0
"""apply, diff, edit, patch, replace, label, annotate, delete: how objects are changed by hand."""

from typing import Final

from tests.node.controlplane.stories.manifests import (
    ALL,
    CHANGED,
    DEPLOYMENT,
    REPLICA_SET,
    SERVICE,
    SETTINGS,
)
from tests.support.kubectl_story import Step, Story

_PRUNE: Final = (
    "--prune-whitelist=core/v1/ConfigMap",
    "--prune-allowlist=core/v1/ConfigMap",
)
_CLIENT_SIDE: Final = Story(
    "apply",
    (
        Step(
            "apply -f -", "deployment.apps/web created\nconfigmap/settings created\nservice/web created", ALL
        ),
        Step(
            "apply -f -",
            "deployment.apps/web unchanged\nconfigmap/settings unchanged\nservice/web unchanged",
            ALL,
        ),
        Step(
            "diff -f -",
            "diff <ANY>\n--- <ANY>\n+++ <ANY>\n<LINES>- color: red\n+ color: blue\n<LINES>",
            SETTINGS.replace("red", "blue"),
            fails=True,
        ),
        Step("diff -f -", "", SETTINGS),
        Step(
            "apply --dry-run=server -f -",
            "deployment.apps/web configured (server dry run)\nconfigmap/settings configured (server dry run)\n"
            "service/web unchanged (server dry run)",
            CHANGED,
        ),
        Step(
            "apply -f -",
            "deployment.apps/web configured\nconfigmap/settings configured\nservice/web unchanged",
            CHANGED,
        ),
        Step(
            "apply view-last-applied configmap/settings",
            "apiVersion: v1\ndata:\ncolor: blue\nkind: ConfigMap\nmetadata:\nannotations: {}\nlabels:\napp: web\n"
            "name: settings\nnamespace: <NS>",
        ),
        Step(
            f"apply --prune -l app=web {_PRUNE[0]} -f -",
            "service/web unchanged\nconfigmap/settings pruned",
            SERVICE,
            until=25,
        ),
        Step(
            f"apply --prune -l app=web {_PRUNE[1]} -f -",
            "service/web unchanged\nconfigmap/settings pruned",
            SERVICE,
            since=26,
        ),
        Step(
            "apply -f -",
            'The Deployment "web" is invalid: spec.selector: Invalid value: <ANY>: field is immutable',
            DEPLOYMENT.replace("app: web}", "app: other}"),
            fails=True,
        ),
        Step("delete -f - --wait=false", '<LINES>service "web" deleted<ANY>\n<LINES>', ALL, fails=True),
    ),
)
_CONFLICT: Final = (
    '<ANY>Apply failed with 1 conflict: conflict with "one"<ANY>: .data.color\n'
    "Please review the fields above--they currently have other managers. Here\n<LINES>"
)
_SERVER_SIDE: Final = Story(
    "apply-server-side",
    (
        Step(
            "apply --server-side --field-manager=one -f -", "configmap/settings serverside-applied", SETTINGS
        ),
        Step(
            "apply --server-side --field-manager=two -f -",
            _CONFLICT,
            SETTINGS.replace("red", "blue"),
            fails=True,
        ),
        Step(
            "apply --server-side --field-manager=two --force-conflicts -f -",
            "configmap/settings serverside-applied",
            SETTINGS.replace("red", "blue"),
        ),
        Step(
            "get cm settings -o jsonpath='{.metadata.managedFields[*].manager} {.data.color}'", "one two blue"
        ),
        # What a manager leaves out goes, what others own stays.
        Step(
            "apply --server-side --field-manager=two -f -",
            "configmap/settings serverside-applied",
            SETTINGS.replace("data: {color: red}", "data: {size: big}"),
        ),
        Step("get cm settings -o jsonpath='{.data}'", '{"size":"big"}'),
        Step(
            "apply -f - --server-side --dry-run=server",
            "configmap/settings serverside-applied (server dry run)",
            SETTINGS,
            since=21,
        ),
        Step("get cm settings -o jsonpath='{.data}'", '{"size":"big"}'),
    ),
)
_EDIT: Final = Story(
    "edit",
    (
        Step("create configmap settings --from-literal=color=red", "configmap/settings created"),
        Step("edit cm settings", "configmap/settings edited", editor="s/color: red/color: blue/"),
        Step("get cm settings -o jsonpath={.data.color}", "blue"),
        Step("edit cm settings", "Edit cancelled, no changes made.", editor="s/x/x/"),
        Step("create -f -", "replicaset.apps/web created", REPLICA_SET),
        Step("edit rs web", "replicaset.apps/web edited", editor="s/replicas: 2/replicas: 3/"),
        Step(
            "edit rs web",
            'error: replicasets.apps "web" is invalid\n<LINES>',
            editor="s/^  replicas: 3/  replicas: -3/",
            fails=True,
        ),
        Step("get rs web -o jsonpath={.spec.replicas}", "3"),
    ),
)
_PATCH: Final = Story(
    "patch",
    (
        Step("create -f -", "deployment.apps/web created", DEPLOYMENT),
        Step(
            'patch deploy web -p \'{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:9"}]}}}}\'',
            "deployment.apps/web patched",
        ),
        Step(
            'patch deploy web --type=merge -p \'{"spec":{"minReadySeconds":1}}\'',
            "deployment.apps/web patched",
        ),
        Step(
            'patch deploy web --type=merge -p \'{"spec":{"minReadySeconds":1}}\'',
            "deployment.apps/web patched (no change)",
        ),
        Step(
            'patch deploy web --type=json -p \'[{"op":"replace","path":"/spec/replicas","value":4}]\'',
            "deployment.apps/web patched",
        ),
        Step(
            "get deploy web -o jsonpath='{.spec.replicas} {.spec.minReadySeconds} {..image}'",
            "4 1 web:9",
        ),
        Step(
            'patch deploy web --type=json -p \'[{"op":"test","path":"/spec/replicas","value":7}]\'',
            "<ANY>test<ANY>",
            fails=True,
            since=24,
        ),
        Step(
            'patch deploy web -p \'{"spec":{"replicas":-1}}\'',
            'The Deployment "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
            fails=True,
        ),
        Step(
            'patch deploy web -p \'{"spec":{"replicas":"many"}}\'',
            'Error from server (BadRequest): Deployment in version "v1" cannot be handled as a Deployment: '
            "<ANY>spec.replicas<ANY>",
            fails=True,
        ),
        Step(
            'patch deploy web -p \'{"spec":{"replicsa":1}}\'',
            'deployment.apps/web patched (no change)\nWarning: unknown field "spec.replicsa"',
            since=25,
        ),
        Step(
            "patch deploy nope -p '{}'",
            'Error from server (NotFound): deployments.apps "nope" not found',
            fails=True,
        ),
        Step(
            'patch deploy web --subresource=scale --type=merge -p \'{"spec":{"replicas":5}}\'',
            "scale.autoscaling/web patched",
            since=24,
        ),
        Step("get deploy web --subresource=scale", "NAME DESIRED AVAILABLE AGE\nweb 5 <ID> <AGE>", since=24),
    ),
)
_REPLACE: Final = Story(
    "replace",
    (
        Step("create -f -", "configmap/settings created", SETTINGS),
        Step("replace -f -", "configmap/settings replaced", SETTINGS.replace("red", "blue")),
        Step(
            "replace -f -",
            'Error from server (Conflict): error when replacing "STDIN": Operation cannot be fulfilled on configmaps '
            '"settings": the object has been modified; please apply your changes to the latest version and try again',
            SETTINGS.replace("{name:", '{resourceVersion: "1", name:'),
            fails=True,
        ),
        Step(
            "replace --force -f -",
            'configmap "settings" deleted<FROM>\nconfigmap/settings replaced',
            SETTINGS,
        ),
        Step(
            "replace -f -",
            'Error from server (NotFound): error when replacing "STDIN": configmaps "other" not found',
            SETTINGS.replace("name: settings", "name: other"),
            fails=True,
        ),
    ),
)
_LABELS: Final = Story(
    "label",
    (
        Step("create configmap a", "configmap/a created"),
        Step("label cm a tier=web", "configmap/a labeled"),
        Step("label cm a tier=web", "configmap/a not labeled", since=21),
        Step(
            "label cm a tier=db",
            "error: 'tier' already has a value (web), and --overwrite is false",
            fails=True,
        ),
        Step("label cm a tier=db --overwrite", "configmap/a labeled"),
        Step("get cm -l 'tier in (db,x),!y' -L tier", "NAME DATA AGE TIER\na 0 <AGE> db"),
        Step("get cm -l tier!=db -o name", "configmap/kube-root-ca.crt"),
        Step("label cm a tier-", "configmap/a unlabeled", since=22),
        Step("annotate cm a note=hello", "configmap/a annotated"),
        Step("get cm a -o jsonpath={.metadata.annotations.note}", "hello"),
        Step("annotate cm a note-", "configmap/a annotated"),
    ),
)
_DELETE: Final = Story(
    "delete",
    (
        Step("create configmap a", "configmap/a created"),
        Step("delete cm a --dry-run=server", 'configmap "a" deleted<FROM> (server dry run)'),
        Step("delete cm a", 'configmap "a" deleted<FROM>'),
        Step("delete cm a", 'Error from server (NotFound): configmaps "a" not found', fails=True),
        Step("delete cm a --ignore-not-found", ""),
        Step("create -f -", "deployment.apps/web created", DEPLOYMENT),
        Step(
            "wait deploy/web --for=condition=Progressing --timeout=60s", "deployment.apps/web condition met"
        ),
        Step("delete deploy web --cascade=orphan", 'deployment.apps "web" deleted<FROM>'),
        Step("get rs -l app=web", "NAME DESIRED CURRENT READY AGE\nweb-<ID> 2 <ANY>"),
        Step(
            "delete rs -l app=web --cascade=foreground", 'replicaset.apps "web-<ID>" deleted<FROM>', since=20
        ),
        Step("get all", "No resources found in <NS> namespace."),
        Step("create -f -", "deployment.apps/web created", DEPLOYMENT),
        Step(
            "wait deploy/web --for=condition=Progressing --timeout=60s", "deployment.apps/web condition met"
        ),
        Step("delete deploy web --cascade=background", 'deployment.apps "web" deleted<FROM>'),
        Step("wait rs -l app=web --for=delete --timeout=60s", "<LINES>", since=24),
        Step("get rs", "No resources found in <NS> namespace.", since=24),
    ),
)

APPLYING: Final = (_CLIENT_SIDE, _SERVER_SIDE, _EDIT, _PATCH, _REPLACE, _LABELS, _DELETE)
