# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cgroup.errors import CgroupPathError
from agent.cgroup.layout import (
    ancestor_limits,
    ancestors,
    clean_path,
    is_pod,
    kubepods,
    pod_cgroup,
    qos_cgroup,
)
from agent.cgroup.model import CgroupLimits, QosClass


def test_a_name_says_whose_cgroup_it_is() -> None:
    path = pod_cgroup("/lab/node1", QosClass.BURSTABLE, "default", "web", "1234")
    assert path.startswith("/lab/node1/kubepods/burstable/pod-default-web-")
    assert len(path.rpartition("-")[2]) == 8


def test_guaranteed_pods_are_directly_under_kubepods() -> None:
    assert pod_cgroup("/", QosClass.GUARANTEED, "a", "b", "u").startswith("/kubepods/pod-a-b-")
    assert qos_cgroup("/x/", QosClass.GUARANTEED) == kubepods("/x") == "/x/kubepods"
    assert qos_cgroup("/x", QosClass.BEST_EFFORT) == "/x/kubepods/besteffort"


def test_a_new_pod_of_an_old_name_gets_a_cgroup_of_its_own() -> None:
    first, second = (pod_cgroup("/", QosClass.GUARANTEED, "a", "b", uid) for uid in ("1", "2"))
    assert first != second
    assert first == pod_cgroup("/", QosClass.GUARANTEED, "a", "b", "1")


def test_only_the_best_effort_level_is_limited() -> None:
    assert ancestor_limits("/x/kubepods/besteffort") == CgroupLimits(cpu_shares=2)
    assert ancestor_limits("/x/kubepods/burstable") is None
    assert ancestor_limits("/besteffort") is None


def test_ancestors_come_from_the_outside_in() -> None:
    assert ancestors("/a/b/c") == ("/a", "/a/b")
    assert ancestors("/a") == ()


@pytest.mark.parametrize("path", ["", "a", "../a", "/a/../b", "/./a", "/a\0", "/" + "x" * 256])
def test_paths_that_could_leave_the_hierarchy_are_refused(path: str) -> None:
    with pytest.raises(CgroupPathError, match="cannot use cgroup"):
        clean_path(path)


@given(st.text(), st.text(), st.text(), st.sampled_from(QosClass))
def test_any_name_gives_one_safe_folder_below_the_root(
    namespace: str, name: str, uid: str, qos: QosClass
) -> None:
    path = pod_cgroup("/root", qos, namespace, name, uid)
    assert clean_path(path) == path
    folder = path.removeprefix(qos_cgroup("/root", qos) + "/")
    assert "/" not in folder
    assert is_pod(folder)
    assert len(folder.encode()) <= 200
