# SPDX-License-Identifier: Apache-2.0
"""How `orlop exec` reads the Status that ends a command."""

import pytest

from cli.errors import CliError
from cli.exec import exit_code
from cli.options import pod_name


def test_success_is_zero() -> None:
    assert exit_code({"status": "Success"}) == 0


def test_exit_code_comes_from_its_cause() -> None:
    details = {"causes": [{"reason": "ExitCode", "message": "42"}]}
    assert exit_code({"status": "Failure", "reason": "NonZeroExitCode", "details": details}) == 42


def test_any_other_failure_is_told() -> None:
    with pytest.raises(CliError, match="no such file"):
        exit_code({"status": "Failure", "message": "exec failed: no such file"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("web", ("default", "web")), ("pod/web", ("default", "web")), ("shop/web", ("shop", "web"))],
)
def test_pod_names(text: str, expected: tuple[str, str]) -> None:
    assert pod_name(text, "default") == expected


def test_pod_name_with_too_many_parts() -> None:
    with pytest.raises(CliError, match="NAMESPACE/NAME"):
        pod_name("a/b/c", "default")
