# SPDX-License-Identifier: Apache-2.0
"""When a failure is over."""

from agent.pod.model import Failure, Plan, StopSandbox
from agent.pod.worker import unresolved

POD = Failure("", "FailedCreatePodSandBox", "connection lost", retry_at=1001)
APP = Failure("app", "ErrImagePull", "no such image", retry_at=1100)


def test_a_failure_stays_until_its_time() -> None:
    assert unresolved({"": POD, "app": APP}, Plan(), 1000) == {"": POD, "app": APP}


def test_a_failure_that_the_plan_tries_again_keeps_its_count() -> None:
    plan = Plan(((StopSandbox("sb"),),))
    assert unresolved({"": POD}, plan, 1002) == {"": POD}


def test_a_failure_about_which_nothing_is_left_to_do_is_over() -> None:
    assert unresolved({"": POD, "app": APP}, Plan(), 1002) == {"app": APP}
