# SPDX-License-Identifier: Apache-2.0
"""The chain: order, phases, and giving back."""

import asyncio

import pytest

from controlplane.admission import chain
from controlplane.admission.base import AdmissionPlugin
from controlplane.admission.errors import forbidden
from tests.support.admission import pod, request


class Noting(AdmissionPlugin):
    def __init__(self, name, notes, *, refuses=False):
        self.name, self._notes, self._refuses = name, notes, refuses

    async def mutate(self, _):
        self._notes.append(f"{self.name} mutates")

    async def validate(self, admission):
        if self._refuses:
            raise forbidden(admission, "no")
        self._notes.append(f"{self.name} validates")
        admission.undo.append(self._undo)

    async def _undo(self):
        self._notes.append(f"{self.name} gives back")


async def run(plugins, failure=None):
    admission = request(pod())
    await chain.mutate(plugins, admission)
    async with chain.validated(plugins, admission):
        if failure:
            raise failure


def test_all_mutate_before_any_validates() -> None:
    notes: list[str] = []
    asyncio.run(run([Noting("a", notes), Noting("b", notes)]))
    assert notes == ["a mutates", "b mutates", "a validates", "b validates"]


@pytest.mark.parametrize("failure", [OSError("disk full"), None])
def test_a_failure_gives_back_last_first(failure) -> None:
    notes: list[str] = []
    plugins = [Noting("a", notes), Noting("b", notes)]
    if not failure:
        plugins.append(Noting("c", notes, refuses=True))
    with pytest.raises(Exception):  # noqa: B017
        asyncio.run(run(plugins, failure))
    assert notes[-2:] == ["b gives back", "a gives back"]


def test_a_cancelled_write_may_have_happened() -> None:
    notes: list[str] = []
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run([Noting("a", notes)], asyncio.CancelledError()))
    assert "a gives back" not in notes


def test_order() -> None:
    given = ["ResourceQuota", "Own", "PodSecurity", "NamespaceLifecycle", "ServiceAccount", "LimitRanger"]
    result = [plugin.name for plugin in chain.ordered(Noting(name, []) for name in given)]
    assert result == [
        "NamespaceLifecycle",
        "LimitRanger",
        "ServiceAccount",
        "PodSecurity",
        "Own",
        "ResourceQuota",
    ]
