# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest

from lab.image.builtin import host_architecture
from lab.image.errors import ImageError, ImageSpecError
from lab.image.model import Directory, ImageSpec, Inline, LocalFile, Symlink
from lab.image.specfile import read_spec

WHOLE = """
reference: docker.io/local/web:1
architecture: arm64
files:
  /bin/web: {file: web, mode: "0755"}
  /bin/plain: {file: sub/plain}
  /bin/sh: {symlink: busybox}
  /data: {directory: true, mode: "1777"}
  /etc/motd: {text: "hello\\n"}
  /etc/key: {base64: "AAEC /w==", mode: "600"}
entrypoint: [/bin/web, --port, "80"]
cmd: [serve]
env: {HOME: /data}
user: "65534:65534"
workingDir: /data
labels: {org.example.kind: demo}
stopSignal: SIGINT
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "web").write_bytes(b"web")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "plain").write_bytes(b"plain")
    return tmp_path


def read(folder: Path, text: str) -> ImageSpec:
    path = folder / "image.yaml"
    path.write_text(text)
    return read_spec(path)


def test_reads_every_field(folder: Path) -> None:
    assert read(folder, WHOLE) == ImageSpec(
        reference="docker.io/local/web:1",
        files={
            "/bin/web": LocalFile(folder / "web", 0o755),
            "/bin/plain": LocalFile(folder / "sub" / "plain"),
            "/bin/sh": Symlink("busybox"),
            "/data": Directory(0o1777),
            "/etc/motd": Inline(b"hello\n"),
            "/etc/key": Inline(b"\x00\x01\x02\xff", 0o600),
        },
        architecture="arm64",
        entrypoint=("/bin/web", "--port", "80"),
        cmd=("serve",),
        env={"HOME": "/data"},
        user="65534:65534",
        working_dir="/data",
        labels={"org.example.kind": "demo"},
        stop_signal="SIGINT",
    )


def test_reads_json_and_fills_in_this_machine(folder: Path) -> None:
    assert read(folder, json.dumps({"reference": "localhost/a:1"})) == ImageSpec(
        "localhost/a:1", {}, host_architecture()
    )


NAME = "reference: localhost/a:1\n"


@pytest.mark.parametrize(
    ("text", "field", "accepted"),
    [
        ("", "the document", "a mapping"),
        ("- 1", "the document", "a mapping"),
        ("{1: 2}", "the document", "keys are text"),
        ("files: {}", "reference", "text"),
        (NAME + "flies: {}", "flies", "accepted are reference, files"),
        (NAME + "files: [a]", "files", "a mapping"),
        (NAME + "files: {/a: b}", "files./a", "a mapping"),
        (NAME + "files: {/a: {}}", "files./a", "exactly one of file, text"),
        (NAME + "files: {/a: {text: x, symlink: y}}", "files./a", "exactly one of file, text"),
        (NAME + "files: {/a: {txet: x}}", "files./a.txet", "accepted are file, text"),
        (NAME + "files: {/a: {file: gone}}", "files./a.file", "a file that exists"),
        (NAME + "files: {/a: {file: sub}}", "files./a.file", "a file that exists"),
        (NAME + "files: {/a: {file: ''}}", "files./a.file", "without '..'"),
        (NAME + "files: {/a: {file: ../web}}", "files./a.file", "without '..'"),
        (NAME + "files: {/a: {file: sub/../web}}", "files./a.file", "without '..'"),
        (NAME + "files: {/../a: {text: x}}", "files./../a", "without '.', '..'"),
        (NAME + "files: {a: {text: x}}", "files.a", "an absolute path"),
        (NAME + "files: {/a: {text: 1}}", "files./a.text", "text (in quotes"),
        (NAME + "files: {/a: {base64: '?'}}", "files./a.base64", "base64"),
        (NAME + "files: {/a: {directory: yes please}}", "files./a.directory", "true"),
        (NAME + "files: {/a: {symlink: b, mode: '0777'}}", "files./a.symlink", "a link without a mode"),
        (NAME + "files: {/a: {text: x, mode: 0755}}", "files./a.mode", "octal digits in quotes"),
        (NAME + "files: {/a: {text: x, mode: '999'}}", "files./a.mode", "octal digits in quotes"),
        (NAME + "files: {/a: {text: x}, /a/b: {text: x}}", "files./a/b", "whose parent /a is a directory"),
        (NAME + "entrypoint: sh", "entrypoint", "a list of texts"),
        (NAME + "cmd: [sleep, 1]", "cmd[1]", "text (in quotes"),
        (NAME + "env: {A: 1}", "env.A", "text (in quotes"),
        (NAME + "env: [A=1]", "env", "a mapping"),
        (NAME + "user: 0", "user", "text (in quotes"),
        (NAME + "architecture: z80", "architecture", "one of 386"),
        ("reference: a", "reference", "a full name with a tag"),
    ],
)
def test_what_makes_no_sense_is_refused_with_file_field_and_what_is_accepted(
    folder: Path, text: str, field: str, accepted: str
) -> None:
    with pytest.raises(ImageSpecError) as caught:
        read(folder, text)
    message = str(caught.value)
    assert message.startswith(f"{folder}/image.yaml: cannot describe image: {field}: ")
    assert accepted in message


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (NAME + "files:\n  /a: {text: x}\n  /a: {text: y}\n", "'/a' stands here twice"),
        (NAME + NAME, "'reference' stands here twice"),
        ("a: [", "line 1"),
        ("!!python/object:os.system {}", "could not determine a constructor"),
        ("\x00", "special characters"),
    ],
)
def test_broken_yaml_is_refused_with_its_line(folder: Path, text: str, what: str) -> None:
    with pytest.raises(ImageSpecError, match="cannot read the image file") as caught:
        read(folder, text)
    assert what in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read the image file .*gone"):
        read_spec(tmp_path / "gone")
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(ImageError, match=r"cannot read the image file .*latin"):
        read_spec(tmp_path / "latin")
