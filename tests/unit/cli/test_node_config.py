# SPDX-License-Identifier: Apache-2.0
"""A node's configuration: every option is documented, and what cannot be is refused by its name."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import yaml
from click.testing import CliRunner

from cli.checkconfig import command, example_text
from cli.config import NodeConfig, agent_config, network_settings, read_config
from cli.errors import CliError
from kube.annotations import field_types


def example() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(example_text())
    return data


def written(tmp_path: Path, data: dict[str, Any]) -> Path:
    path = tmp_path / "node.yaml"
    path.write_text(json.dumps(data))
    return path


def section(kind: object) -> type[msgspec.Struct] | None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((found for part in get_args(kind) if (found := section(part))), None)


def undocumented(model: type[msgspec.Struct], data: Any, path: str = "") -> list[str]:
    data = data[0] if isinstance(data, list) else data
    lines = [f"{path}{field}" for field in model.__struct_fields__ if field not in data]
    for field, kind in field_types(model).items():
        if (inner := section(kind)) and field in data:
            lines += undocumented(inner, data[field], f"{path}{field}.")
    return lines


def test_the_example_shows_every_option_and_can_be_used(tmp_path: Path) -> None:
    assert undocumented(NodeConfig, example()) == []
    config = read_config(written(tmp_path, example()))
    assert agent_config(config).node_name == "node1"
    assert network_settings(config).bridge == "orlop0"


def test_options_that_are_left_out_have_the_values_of_the_example(tmp_path: Path) -> None:
    data = example()
    short = {
        key: data[key]
        for key in ("apiVersion", "kind", "name", "runtime", "manifests", "state", "run", "logs")
    }
    needed = ("name", "podCIDRs", "nonMasqueradeCIDRs", "cniBin", "cniConf")
    short |= {"cgroupRoot": data["cgroupRoot"], "network": {key: data["network"][key] for key in needed}}
    config, full = read_config(written(tmp_path, short)), read_config(written(tmp_path, data))
    assert config.network == full.network
    assert (config.backoff, config.relistSeconds) == (full.backoff, full.relistSeconds)
    assert config.node.evictionHard == full.node.evictionHard
    assert (config.logRotation, config.images) == (full.logRotation, full.images)
    assert config.api is None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown option": ({"nodeName": "a"}, "nodeName"),
    "a name": ({"name": "Node_1"}, 'name: Invalid value: "Node_1"'),
    "an address": ({"address": "here"}, 'address: Invalid value: "here"'),
    "a relative path": ({"manifests": "here"}, 'manifests: Invalid value: "here"; accepted: an absolute path'),
    "a path that no socket can have": ({"run": "/" + "r" * 100}, "at most 107 bytes"),
    "a time": ({"relistSeconds": 0}, "relistSeconds: Invalid value: 0; accepted: more than 0"),
    "a maximum below the initial": ({"backoff": {"initial": 9, "maximum": 3}}, "backoff.maximum: Invalid value: 3"),
    "a range": ({"network": {"podCIDRs": ["10.0.0.0/33"]}}, "10.0.0.0/33"),
    "a bridge": ({"network": {"bridge": "a-name-that-is-too-long"}}, "a-name-that-is-too-long"),
    "an amount": ({"node": {"kubeReserved": {"cpu": "much"}}}, "much"),
    "a taint": ({"node": {"taints": [{"key": "a", "effect": "Never"}]}}, "effect"),
    "a port": ({"api": {"port": 70000}}, "port"),
}  # fmt: skip


@pytest.mark.parametrize("row", WRONG)
def test_what_is_wrong_is_named(row: str, tmp_path: Path) -> None:
    changes, expected = WRONG[row]
    data = example()
    for key, value in changes.items():
        data[key] = {**data[key], **value} if isinstance(value, dict) else value
    with pytest.raises(CliError, match="cannot use the node configuration") as refused:
        read_config(written(tmp_path, data))
    assert expected in refused.value.message


def test_check_config_tells_what_is_in_order(tmp_path: Path) -> None:
    data = example()
    del data["api"]
    path = written(tmp_path, data)
    done = CliRunner().invoke(command, [str(path)])
    assert (done.exit_code, done.output) == (0, f"{path} is in order: node node1 stands alone\n")


def test_check_config_tells_which_files_are_missing(tmp_path: Path) -> None:
    data = example()
    data["api"] |= {"kubeconfig": str(tmp_path / "none"), "servingKey": str(tmp_path / "key")}
    done = CliRunner().invoke(command, [str(written(tmp_path, data))])
    assert done.exit_code == 1
    assert f"api.servingKey: {tmp_path / 'key'} cannot be read" in done.output
    assert f"cannot use kubeconfig {tmp_path / 'none'}" in done.output


def test_check_config_prints_its_example() -> None:
    done = CliRunner().invoke(command, ["--example"])
    assert done.output == example_text()
