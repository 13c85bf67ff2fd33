# SPDX-License-Identifier: Apache-2.0
"""What a ResourceQuota's controller writes."""

from typing import Any

import pytest

from controlplane.admission.quota.names import PODS
from controlplane.admission.quota.recount import recount
from controlplane.controllers.operations import Update
from controlplane.controllers.resourcequota import is_enforced, plan
from tests.unit.controllers.objects import NOW, going, metadata, pod

Json = dict[str, Any]

CONFIG_MAPS = ("", "configmaps")


def quota(used: Json | None = None, hard: Json | None = None) -> Json:
    asked = {"pods": "10", "requests.cpu": "4", "count/configmaps": "3"} if hard is None else hard
    status = {} if used is None else {"status": {"hard": asked, "used": used}}
    return {"metadata": metadata("compute"), "spec": {"hard": asked}, **status}


def pods(*cpus: str) -> list[Json]:
    containers = [[{"name": "c", "resources": {"requests": {"cpu": cpu}}}] for cpu in cpus]
    return [pod(f"p{number}", containers=each) for number, each in enumerate(containers)]


THERE = {PODS: pods("500m", "1"), CONFIG_MAPS: [{}]}
COUNTED = {"count/configmaps": "1", "pods": "2", "requests.cpu": "1500m"}


@pytest.mark.parametrize(
    ("used", "settled", "written"),
    [
        (None, False, COUNTED),
        (COUNTED, True, None),
        (COUNTED, False, None),
        # Somebody holds a place for a pod that is not there yet: it keeps it, until it surely is not coming.
        ({**COUNTED, "pods": "3", "requests.cpu": "1700m"}, False, None),
        ({**COUNTED, "pods": "3", "requests.cpu": "1700m"}, True, COUNTED),
        ({**COUNTED, "pods": "3", "requests.cpu": "1"}, False, {**COUNTED, "pods": "3"}),
        # A name that was counted once and is not asked for any more.
        ({**COUNTED, "secrets": "4"}, False, COUNTED),
        ({"pods": "2"}, False, COUNTED),
    ],
)
def test_amounts_go_up_at_once_and_down_when_nobody_takes(
    used: Json | None, settled: bool, written: Json | None
) -> None:
    operations = plan(quota(used), recount(quota(), THERE, NOW), settled=settled)
    if written is None:
        assert operations == []
        return
    (update,) = operations
    assert isinstance(update, Update)
    assert (update.subresource, update.obj["status"]) == (
        "status",
        {"hard": quota()["spec"]["hard"], "used": written},
    )


def test_pods_that_ended_are_not_counted_and_a_quota_that_goes_is_left_alone() -> None:
    there = {PODS: [*pods("1"), pod("done", phase="Succeeded")]}
    hard = {"pods": "5", "count/pods": "5"}
    (update,) = plan(quota(hard=hard), recount(quota(hard=hard), there, NOW), settled=True)
    assert isinstance(update, Update)
    assert update.obj["status"]["used"] == {"count/pods": "2", "pods": "1"}
    assert plan(going(quota()), {}, settled=True) == []


def test_it_is_enforced_when_its_status_has_its_limits() -> None:
    assert not is_enforced(quota())
    assert is_enforced(quota(COUNTED))
    changed = quota(COUNTED)
    changed["spec"] = {"hard": {"pods": "1"}}
    assert not is_enforced(changed)
