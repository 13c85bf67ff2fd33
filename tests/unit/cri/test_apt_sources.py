# SPDX-License-Identifier: Apache-2.0
"""From the machine's apt sources, those of another suite: the same mirror and keys, in both formats."""

from tests.support.apt_sources import derive

DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/key.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
"""
ONE_LINE = """\
# deb http://off.test/debian bookworm main
deb [arch=amd64 signed-by=/key.gpg] http://mirror.test/debian bookworm main contrib
deb-src http://mirror.test/debian bookworm main
deb http://mirror.test/debian bookworm-updates main
deb http://vendor.test/apt stable-vendor main
"""


def test_deb822() -> None:
    assert derive({"debian.sources": DEB822}, "bookworm", "trixie") == {
        "debian.sources": (
            "types: deb\nuris: http://mirror.test/debian\nsuites: trixie\ncomponents: main\n"
            "signed-by: /usr/share/keyrings/key.gpg\n"
        )
    }


def test_one_line_format() -> None:
    assert derive({"sources.list": ONE_LINE}, "bookworm", "sid") == {
        "sources.list": "deb [arch=amd64 signed-by=/key.gpg] http://mirror.test/debian sid main\n"
    }


def test_a_key_in_the_file_stays_whole() -> None:
    key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----"
    text = f"Types: deb\nURIs: http://mirror.test/debian\nSuites: bookworm\nComponents: main\n{key}\n"
    assert (
        key.replace("Signed-By", "signed-by") in derive({"a.sources": text}, "bookworm", "sid")["a.sources"]
    )


def test_a_release_named_by_its_standing() -> None:
    assert derive({"a.list": "deb http://mirror.test/debian stable main\n"}, "bookworm", "sid")
    assert derive(
        {"a.sources": "Types: deb\nURIs: http://m.test\nSuites: oldstable\nComponents: main\n"},
        "bookworm",
        "sid",
    )


def test_what_is_not_the_archive_is_left_out() -> None:
    files = {
        "vendor.list": "deb http://vendor.test/apt vendor-bookworm main\n",
        "off.sources": "Types: deb\nEnabled: no\nURIs: http://mirror.test/debian\nSuites: bookworm\nComponents: main\n",
        "src.sources": "Types: deb-src\nURIs: http://mirror.test/debian\nSuites: bookworm\nComponents: main\n",
        "old.list.save": "deb http://mirror.test/debian bookworm main\n",
        "empty.list": "",
    }
    assert derive(files, "bookworm", "sid") == {}
