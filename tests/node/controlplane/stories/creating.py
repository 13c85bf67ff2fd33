# SPDX-License-Identifier: Apache-2.0
"""The typed create commands, and what get shows of what they made."""

from typing import Final

from tests.support.kubectl_story import Step, Story

_WORKLOADS: Final = Story(
    "create-workloads",
    (
        Step("create deployment web --image=example.com/web:1", "deployment.apps/web created"),
        Step("create job pi --image=perl -- perl -e 1", "job.batch/pi created"),
        # kubectl 1.20 speaks batch/v1beta1, which Kubernetes ended with 1.25.
        Step(
            "create cronjob tick --image=busybox --schedule='*/5 * * * *' -- date",
            "cronjob.batch/tick created",
            since=21,
        ),
        Step("create job now --from=cronjob/tick", "job.batch/now created", since=21),
        Step(
            "create cronjob bad --image=busybox --schedule='61 * * * *'",
            'error: failed to create cronjob: CronJob.batch "bad" is invalid: spec.schedule: Invalid value: '
            '"61 * * * *": <ANY>',
            fails=True,
            since=21,
        ),
        Step(
            "create deployment web --image=example.com/web:1",
            'error: failed to create deployment: deployments.apps "web" already exists',
            fails=True,
        ),
        Step("run one --image=busybox --restart=Never --env=A=B --labels=a=b -- sleep 1", "pod/one created"),
        Step(
            "get pod one -o wide --show-labels",
            "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES LABELS\n"
            "one 0/1 Pending 0 <AGE> <none> <none> <none> <none> a=b",
        ),
        Step(
            "get job pi -o wide",
            "NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR\n"
            "pi Running 0/1 <ANY> pi perl batch.kubernetes.io/controller-uid=<ID>",
        ),
        Step(
            "get cronjob -o wide",
            "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE CONTAINERS IMAGES SELECTOR\n"
            "tick */5 * * * * <none> False <ANY> tick busybox <none>",
            since=21,
        ),
    ),
)
_CONTENT: Final = Story(
    "create-content",
    (
        Step("create configmap settings --from-literal=a=b", "configmap/settings created"),
        Step("create secret generic keys --from-literal=a=b", "secret/keys created"),
        Step(
            "create secret docker-registry pull --docker-server=r.example --docker-username=u --docker-password=p",
            "secret/pull created",
        ),
        Step("create serviceaccount robot", "serviceaccount/robot created"),
        Step("get configmap settings -o wide", "NAME DATA AGE\nsettings 1 <AGE>"),
        Step(
            "get secret",
            "NAME TYPE DATA AGE\nkeys Opaque 1 <AGE>\npull kubernetes.io/dockerconfigjson 1 <AGE>",
        ),
        Step("get sa robot", "NAME SECRETS AGE\nrobot 0 <AGE>"),
        Step("create token robot --duration=10m", "<ANY>.<ANY>.<ANY>", since=24),
        Step(
            "create token nobody",
            'error: failed to create token: serviceaccounts "nobody" not found',
            fails=True,
            since=24,
        ),
        Step(
            "create configmap settings --from-literal=a=b",
            'error: failed to create configmap: configmaps "settings" already exists',
            fails=True,
            since=21,
        ),
        Step(
            "create secret generic KEYS --from-literal=a=b",
            '<ANY>metadata.name: Invalid value: "KEYS": <ANY>',
            fails=True,
        ),
    ),
)
_SERVICES: Final = Story(
    "create-services",
    (
        Step("create service clusterip plain --tcp=80:8080", "service/plain created"),
        Step("create service clusterip headless --clusterip=None", "service/headless created"),
        Step("create service nodeport node --tcp=80 --node-port=30123", "service/node created"),
        Step("create service loadbalancer lb --tcp=443", "service/lb created"),
        Step("create service externalname other --external-name=a.example", "service/other created"),
        Step(
            "get svc -o wide",
            "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR\n"
            "headless ClusterIP None <none> <none> <AGE> app=headless\n"
            "lb LoadBalancer <IP> <pending> 443:<ID>/TCP <AGE> app=lb\n"
            "node NodePort <IP> <none> 80:30123/TCP <AGE> app=node\n"
            "other ExternalName <none> a.example <none> <AGE> app=other\n"
            "plain ClusterIP <IP> <none> 80/TCP <AGE> app=plain",
        ),
        Step(
            "create service nodeport again --tcp=80 --node-port=30123",
            '<ANY>Service "again" is invalid: spec.ports[0].nodePort: Invalid value: 30123: '
            "provided port is already allocated",
            fails=True,
        ),
        Step(
            "create service nodeport low --tcp=80 --node-port=1",
            '<ANY>Service "low" is invalid: spec.ports[0].nodePort: Invalid value: 1: provided port is not in the '
            "valid range. The range of valid ports is 30000-32767",
            fails=True,
        ),
        Step(
            'patch svc plain -p \'{"spec":{"clusterIP":"10.96.9.9","clusterIPs":["10.96.9.9"]}}\'',
            'The Service "plain" is invalid: spec.clusterIPs[0]: Invalid value: <ANY>: may not change once set',
            fails=True,
        ),
        Step(
            "create ingress front --class=nginx --rule=foo.example/path=plain:80,tls=keys",
            "ingress.networking.k8s.io/front created",
        ),
        Step("get ing", "NAME CLASS HOSTS ADDRESS PORTS AGE\nfront nginx foo.example 80, 443 <AGE>"),
    ),
)
_PEOPLE: Final = Story(
    "create-roles",
    (
        Step(
            "create role reader --verb=get,list --resource=pods,deployments.apps",
            "role.rbac.authorization.k8s.io/reader created",
        ),
        Step(
            "create rolebinding reads --role=reader --user=jane --group=dev --serviceaccount=<NS>:default",
            "rolebinding.rbac.authorization.k8s.io/reads created",
        ),
        Step(
            "create clusterrole nodes-reader --verb=get --resource=nodes",
            "clusterrole.rbac.authorization.k8s.io/nodes-reader created",
        ),
        Step(
            "create clusterrolebinding reads-nodes --clusterrole=nodes-reader --user=jane",
            "clusterrolebinding.rbac.authorization.k8s.io/reads-nodes created",
        ),
        Step(
            "get rolebinding -o wide",
            "NAME ROLE AGE USERS GROUPS SERVICEACCOUNTS\nreads Role/reader <AGE> jane dev <NS>/default",
        ),
        Step("get role", "NAME CREATED AT\nreader <ANY>"),
        Step(
            "describe role reader",
            "Name: reader\nLabels: <none>\nAnnotations: <none>\nPolicyRule:\n"
            "Resources Non-Resource URLs Resource Names Verbs\n--------- ----------------- -------------- -----\n"
            "pods [] [] [get list]\ndeployments.apps [] [] [get list]",
        ),
        Step(
            'patch rolebinding reads --type=merge -p \'{"roleRef":{"name":"other"}}\'',
            'The RoleBinding "reads" is invalid: roleRef: Invalid value: <ANY>: cannot change roleRef',
            fails=True,
        ),
    ),
)
_LIMITS: Final = Story(
    "create-limits",
    (
        Step("create quota few --hard=pods=10,cpu=4", "resourcequota/few created"),
        Step(
            "create poddisruptionbudget most --selector=app=web --min-available=1",
            "poddisruptionbudget.policy/most created",
            since=22,
        ),
        Step(
            "create pdb some --selector=app=web --max-unavailable=20%",
            "poddisruptionbudget.policy/some created",
            since=22,
        ),
        Step(
            "get pdb",
            "NAME MIN AVAILABLE MAX UNAVAILABLE ALLOWED DISRUPTIONS AGE\nmost 1 N/A 0 <AGE>\nsome N/A 20% 0 <AGE>",
            since=22,
        ),
        Step(
            "create priorityclass high --value=1000 --description=x",
            "priorityclass.scheduling.k8s.io/high created",
        ),
        Step(
            "get priorityclass high",
            "NAME VALUE GLOBAL-DEFAULT AGE PREEMPTIONPOLICY\nhigh 1000 false <AGE> PreemptLowerPriority",
        ),
        Step(
            "create priorityclass higher --value=2000000000",
            "<ANY>value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
            fails=True,
        ),
    ),
)

CREATING: Final = (_WORKLOADS, _CONTENT, _SERVICES, _PEOPLE, _LIMITS)
