# SPDX-License-Identifier: Apache-2.0
"""The leak check's comparison, and telling whether another run went on."""

from pathlib import Path

from tests.support import leaks, overlap


def picture(labs: tuple[str, ...] = (), **kinds: str) -> leaks.Picture:
    every = dict.fromkeys(leaks.take("").kinds, "") | kinds
    return leaks.Picture(
        {kind: {word: word for word in words.split()} for kind, words in every.items()}, frozenset(labs)
    )


def test_nothing_changed() -> None:
    assert leaks.differences(picture(mount="a b"), picture(mount="b a")) == ()


def test_new_things_of_all_kinds_are_differences_gone_ones_where_others_do_not_take_them() -> None:
    before, after = picture(mount="a", link="x", file="f"), picture(mount="b", link="y")
    assert leaks.differences(before, after) == ("+ link: y", "+ mount: b", "- link: x")


def test_only_what_shows_a_name() -> None:
    assert leaks.differences(picture(), picture(mount="ol-1 ol-2"), ["ol-2"]) == ("+ mount: ol-2",)


def test_the_labs_of_others_change_by_themselves() -> None:
    labs = ("/orlop-demo", "/lib/demo")
    after = picture(labs, mount="/lib/demo/x /lib/demo2/x", cgroup="/orlop-demo/a /orlop-demo2/a /orlop-demo")
    assert leaks.differences(picture(), after) == ("+ cgroup: /orlop-demo2/a", "+ mount: /lib/demo2/x")
    assert leaks.differences(picture(labs), picture(mount="/lib/demo/y")) == ()


def test_alone_unless_runs_overlap(tmp_path: Path) -> None:
    path = tmp_path / "runs"
    first = overlap.Run(path)
    assert first.end()
    assert not path.exists()
    first = overlap.Run(path)
    second = overlap.Run(path)
    assert not first.end()
    third = overlap.Run(path)
    assert not second.end()
    assert not third.end()
    last = overlap.Run(path)
    assert last.end()
    assert not path.exists()


def test_a_run_that_was_killed_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "runs"
    path.write_text("run\nrun\n")
    assert overlap.Run(path).end()
