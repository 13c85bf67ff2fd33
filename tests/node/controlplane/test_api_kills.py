# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the API server under eight writers: nothing acknowledged is lost, and watches go on where they were."""

import os
import random
from pathlib import Path

from tests.support.api_kills import campaign

KILLS = int(os.environ.get("ORLOP_API_KILLS", "3"))
"""A few seconds each; ORLOP_API_KILLS=300 is for an evening."""


def test_killed_while_clients_write(tmp_path: Path) -> None:
    told = campaign(tmp_path, KILLS, random.SystemRandom().randrange(1 << 30))
    assert told["kills"] == KILLS
    assert told["acknowledged"] > KILLS
