# SPDX-License-Identifier: Apache-2.0
"""Made-up requests for every operation of our OpenAPI, over TLS, against the process that users start.

Whatever is sent, the answer is success or a Status below 500, it comes soon, and the server lives. The requests follow
from the seed. ORLOP_FUZZ=100000 ORLOP_FUZZ_SEED=7 is a campaign.
"""

import os
from collections.abc import Iterator

import pytest

from tests.support.apiprocess import ApiProcess
from tests.support.fuzz_run import documents, fuzz, samples

REQUESTS = int(os.environ.get("ORLOP_FUZZ", "1500"))
SEED = int(os.environ.get("ORLOP_FUZZ_SEED", "1"))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with ApiProcess(tmp_path_factory.mktemp("fuzz")) as process:
        yield process


def test_made_up_requests(process: ApiProcess) -> None:
    admin = process.admin()
    report = fuzz(admin, documents(admin), samples(admin), SEED, REQUESTS)
    assert not report.faults, f"seed {SEED}: {len(report.faults)} faults:\n" + "\n".join(report.faults[:20])
    assert process.process.poll() is None
    assert "a fault of this server" not in process.log
    assert "Traceback" not in process.log
    # It asked for something: all kinds of answers came.
    assert {200, 201, 400, 404, 405, 406, 409, 415, 422} <= report.codes.keys()
