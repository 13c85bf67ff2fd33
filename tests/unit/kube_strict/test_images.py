# SPDX-License-Identifier: Apache-2.0
"""Image references: the parts, the pull policy that follows, and why one is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.errors import ImageReferenceError
from kube.images import ImageReference, parse_image, pull_policy

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected", "policy"),
    [
        ("busybox", ImageReference("busybox", "", ""), "Always"),
        ("busybox:latest", ImageReference("busybox", "latest", ""), "Always"),
        ("busybox:1.36", ImageReference("busybox", "1.36", ""), "IfNotPresent"),
        ("docker.io/local/pause:1", ImageReference("docker.io/local/pause", "1", ""), "IfNotPresent"),
        ("localhost:5000/a/b", ImageReference("localhost:5000/a/b", "", ""), "Always"),
        ("[::1]:5000/a:b", ImageReference("[::1]:5000/a", "b", ""), "IfNotPresent"),
        ("Registry.Example/a__b.c-d---e", ImageReference("Registry.Example/a__b.c-d---e", "", ""), "Always"),
        (f"a@{DIGEST}", ImageReference("a", "", DIGEST), "IfNotPresent"),
        (f"a:latest@{DIGEST}", ImageReference("a", "latest", DIGEST), "Always"),
        ("a:" + "T" * 128, ImageReference("a", "T" * 128, ""), "IfNotPresent"),
    ],
)
def test_parts(text: str, expected: ImageReference, policy: str) -> None:
    assert parse_image(text) == expected
    assert pull_policy(text) == policy


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("a b", "it contains white space"),
        ("a\n", "it contains white space"),
        ("http://a/b", "it is a URL; leave the scheme out"),
        ("Busybox", "the name has upper-case letters"),
        ("a/B", "the name has upper-case letters"),
        ("busybox:", "'' is no tag"),
        ("busybox:a:b", "'a:b' is no tag"),
        ("a:-", "'-' is no tag"),
        ("a:" + "T" * 129, "is no tag"),
        ("a@sha256:12", "is no digest such as sha256:<64 hexadecimal digits>"),
        ("a//b", "the name is not well-formed"),
        ("/a", "the name is not well-formed"),
        ("-a", "the name is not well-formed"),
        ("a" * 256, "its name may have 255 characters"),
        ("a-" * 100_000, "its name may have 255 characters"),
    ],
)
def test_faults(text: str, why: str) -> None:
    with pytest.raises(ImageReferenceError, match="cannot read image reference") as error:
        parse_image(text)
    assert why in str(error.value)
    assert "; accepted: [registry[:port]/]name[:tag][@digest]" in str(error.value)
    assert len(str(error.value)) < 600
    assert pull_policy(text) == "IfNotPresent"


@given(st.text(max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    try:
        reference = parse_image(text)
    except ImageReferenceError:
        return
    tag = f":{reference.tag}" if reference.tag else ""
    digest = f"@{reference.digest}" if reference.digest else ""
    assert text == f"{reference.name}{tag}{digest}"
