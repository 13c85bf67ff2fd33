# SPDX-License-Identifier: Apache-2.0
"""Generates the protobuf messages from proto/; with --check only says whether the committed ones are current.

    python -m proto.generate [--check]

proto/cri/v1/x.proto becomes cri/v1/x_pb2.py and x_pb2.pyi: the folders below proto/ are the Python packages.
The output depends on the .proto files and on the version of grpcio-tools alone, which constraints.txt pins.
"""

import argparse
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]  # ships none
from grpc_tools import protoc

PACKAGES = {
    "cri/v1": "CRI v1's messages",
    "cri/events_v1": "containerd's event messages",
    "cri/health_v1": "gRPC's health messages",
    "cri/tasks_v1": "containerd's task messages",
    "controlplane/store/etcd/v3": "etcd v3's messages",
}
SPDX = "# SPDX-License-Identifier: Apache-2.0\n"

Tree = dict[str, str]
"""Generated files: path from the project's root -> text."""


class GenerateError(Exception):
    """The stubs cannot be made, or are not current; the message says which and what to do."""


def generate(root: Path) -> Tree:
    """Compile every .proto file below root/proto; protoc itself prints what is wrong with one, on stderr."""
    sources = sorted(str(path.relative_to(root / "proto")) for path in (root / "proto").rglob("*.proto"))
    with tempfile.TemporaryDirectory(prefix="orlop-proto-") as out:
        # google/protobuf/*.proto come with grpcio-tools.
        include = Path(grpc_tools.__file__).parent / "_proto"
        arguments = [
            f"-I{root / 'proto'}",
            f"-I{include}",
            f"--python_out={out}",
            f"--pyi_out={out}",
            *sources,
        ]
        if protoc.main(["protoc", *arguments]) != 0:
            raise GenerateError(
                f"cannot generate stubs: protoc refuses a file below {root / 'proto'}, see above"
            )
        tree = {str(path.relative_to(out)): SPDX + path.read_text() for path in Path(out).rglob("*_pb2.py*")}
    return tree | {
        f"{name}/__init__.py": f'{SPDX}"""{doc}; generated from proto/{name}."""\n'
        for name, doc in PACKAGES.items()
    }


def committed(root: Path) -> Tree:
    """The files that are there now in the folders that `generate` owns."""
    files = (path for name in PACKAGES for path in (root / name).glob("*.py*"))
    return {str(path.relative_to(root)): path.read_text() for path in files}


def differences(want: Tree, have: Tree) -> tuple[str, ...]:
    """One line for each path that is missing, stale or left over; empty when both trees are equal."""
    words = {
        path: "is missing" if path not in have else "is not current"
        for path in want
        if want[path] != have.get(path)
    }
    words |= dict.fromkeys(have.keys() - want.keys(), "has no .proto file")
    return tuple(f"{path} {words[path]}" for path in sorted(words))


def write(root: Path, want: Tree, have: Tree) -> None:
    """Make the committed tree equal to `want`; unchanged files are not touched."""
    for path in have.keys() - want.keys():
        (root / path).unlink()
    for path, text in want.items():
        if have.get(path) != text:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)


def check(root: Path) -> None:
    """Raise GenerateError, naming the files, unless the committed stubs are what `generate` makes today."""
    wrong = differences(generate(root), committed(root))
    if wrong:
        raise GenerateError(
            f"generated stubs are not what grpcio-tools {version('grpcio-tools')} makes of proto/: "
            f"{'; '.join(wrong)}. Run `./dev proto` and commit the result"
        )


def main(arguments: list[str], root: Path) -> int:
    """The program: 0 for success, 1 with a message on stderr otherwise."""
    parser = argparse.ArgumentParser(
        prog="python -m proto.generate", description="Generate protobuf stubs from proto/."
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing, fail when the stubs are not current"
    )
    try:
        if parser.parse_args(arguments).check:
            check(root)
        else:
            write(root, generate(root), committed(root))
    except GenerateError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parent.parent))
