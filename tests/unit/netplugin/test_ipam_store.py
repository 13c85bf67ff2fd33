# SPDX-License-Identifier: Apache-2.0
"""Allocations on disk: histories of ADD, DEL, GC and power loss against a model, and what a kill leaves."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from netplugin.errors import AddressTakenError, InputOutputError, PoolFullError
from netplugin.ipam import Holder, Store, read_allocations, table
from netplugin.model import Attachment, Pod
from netplugin.ranges import read_ranges

SMALL = read_ranges([{"subnet": "10.0.0.0/29"}])
DUAL = read_ranges([{"subnet": "10.0.0.0/29"}, {"subnet": "fd00::/64"}])
HOLDER = Holder("/run/netns/x", Pod("default", "web", "u1"), "vweb-1", "orlop0")


def attachment(name, ifname="eth0"):
    return Attachment("net", name, ifname)


def nothing_published(_allocations):
    raise AssertionError("no allocation has host ports")


def take(store, name, ranges=SMALL, wanted=(), now=0.0):
    allocations, _ = store.allocate(attachment(name), HOLDER, ranges, tuple(map(ip_address, wanted)), now)
    return [str(one.address) for one in allocations]


def test_a_file_per_address_says_who_holds_it(tmp_path):
    take(Store(tmp_path, "net"), "c1", DUAL, now=5.0)
    visible = sorted(path.name for path in (tmp_path / "ipam" / "net").glob("[!.]*"))
    assert visible == ["10.0.0.2", "fd00::2"]
    content = json.loads((tmp_path / "ipam" / "net" / "10.0.0.2").read_text())
    assert content["containerID"] == "c1"
    assert (content["podNamespace"], content["podName"], content["podUID"]) == ("default", "web", "u1")
    assert (content["hostVeth"], content["bridge"], content["created"]) == ("vweb-1", "orlop0", 5.0)


def test_other_components_can_read_all_networks(tmp_path):
    assert read_allocations(tmp_path) == ()
    take(Store(tmp_path, "net"), "c1", DUAL)
    take(Store(tmp_path, "other"), "c2")
    found = [(one.network, str(one.address), one.container_id) for one in read_allocations(tmp_path)]
    assert found == [("net", "10.0.0.2", "c1"), ("net", "fd00::2", "c1"), ("other", "10.0.0.2", "c2")]


def test_the_duration_is_written_down(tmp_path):
    store = Store(tmp_path, "net")
    allocations, _ = store.allocate(attachment("c1"), HOLDER, SMALL, (), 0.0)
    assert store.read()[0].duration_ms is None
    store.finish(allocations, 12.3456)
    assert store.read()[0].duration_ms == 12.346


def test_a_full_pool_says_how_full_and_where_to_look(tmp_path):
    store = Store(tmp_path, "net")
    for number in range(5):
        take(store, f"c{number}")
    with pytest.raises(
        PoolFullError, match=r"10\.0\.0\.0/29 is full \(5 of 5 in use\).*remove pods"
    ) as caught:
        take(store, "c5")
    assert str(tmp_path / "ipam" / "net") in str(caught.value)


def test_a_full_second_range_gives_the_first_back(tmp_path):
    store = Store(tmp_path, "net")
    narrow = (*read_ranges([{"subnet": "10.1.0.0/24"}]), *SMALL)
    for number in range(5):
        take(store, f"c{number}")
    with pytest.raises(PoolFullError):
        take(store, "late", narrow)
    assert len(store.read()) == 5


def test_an_address_can_be_asked_for(tmp_path):
    store = Store(tmp_path, "net")
    assert take(store, "c1", DUAL, ["fd00::99"]) == ["10.0.0.2", "fd00::99"]
    for wanted, why in [
        (["fd00::99"], "in use"),
        (["10.0.0.1"], "is the gateway"),
        (["192.168.0.1"], r"in no range.*10\.0\.0\.1-10\.0\.0\.6"),
        (["10.0.0.4", "10.0.0.5"], "one range"),
    ]:
        with pytest.raises(AddressTakenError, match=why):
            take(store, "c2", DUAL, wanted)
    assert len(store.read()) == 2


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "ipam").write_text("a file is in the way")
    with pytest.raises(InputOutputError, match=str(tmp_path / "ipam")):
        take(Store(tmp_path, "net"), "c1")


def test_what_a_killed_writer_left_is_swept(tmp_path):
    store = Store(tmp_path, "net")
    take(store, "c1")
    (store.folder / ".tmp-0123").write_text("{half")
    take(store, "c2")
    assert not list(store.folder.glob(".tmp-*"))


def test_a_kill_between_two_ranges_is_finished_by_the_next_add(tmp_path):
    store = Store(tmp_path, "net")
    take(store, "c1", DUAL)
    (store.folder / "fd00::2").unlink()
    assert take(store, "c1", DUAL)[0] == "10.0.0.2"
    assert len(store.read()) == 2


def test_many_threads_get_many_addresses(tmp_path):
    ranges = read_ranges([{"subnet": "10.0.0.0/24"}])
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: take(Store(tmp_path, "net"), f"c{n}", ranges)[0], range(60)))
    assert len(set(got)) == 60


@pytest.mark.parametrize("garbage", [b"", b"\0" * 200, b"{", b"[]", b'{"containerID": 5}'])
def test_a_file_of_garbage_holds_its_address_until_gc(tmp_path, garbage):
    store = Store(tmp_path, "net")
    take(store, "c1")
    (store.folder / "10.0.0.3").write_bytes(garbage)
    os.utime(store.folder / "10.0.0.3", (100, 100))
    assert take(store, "c2") == ["10.0.0.4"]
    assert [one.known for one in store.read()] == [True, False, True]
    assert store.release_unknown(older_than=99) == ()
    [freed] = store.release_unknown(older_than=100)
    assert str(freed.address) == "10.0.0.3"


def test_strange_files_are_no_addresses(tmp_path):
    store = Store(tmp_path, "net")
    take(store, "c1")
    (store.folder / "README").write_text("hello")
    (store.folder / ".cursor").write_text("garbage")
    assert take(store, "c2") == ["10.0.0.3"] or take(store, "c2") == ["10.0.0.2"]
    assert len(store.read()) == 2


class Histories(RuleBasedStateMachine):
    """Any history keeps: one holder per address, the same address for the same attachment, nothing lost."""

    names = st.sampled_from([f"c{number}" for number in range(8)])

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.held = {}
        self.unknown = set()

    def teardown(self):
        self.folder.cleanup()

    @property
    def store(self):
        return Store(self.root, "net")  # as a new process has it

    def addresses(self):
        return set(self.held.values()) | self.unknown

    @rule(name=names)
    def add(self, name):
        try:
            [address] = take(self.store, name)
        except PoolFullError:
            assert len(self.addresses()) == 5
            assert name not in self.held
            return
        assert self.held.get(name, address) == address
        assert name in self.held or address not in self.addresses()
        self.held[name] = address

    @rule(name=names)
    def delete(self, name):
        freed = self.store.release(attachment(name), nothing_published)
        assert [str(one.address) for one in freed] == ([self.held.pop(name)] if name in self.held else [])

    @rule(name=names)
    def delete_another_interface(self, name):
        assert self.store.release(attachment(name, "eth1"), nothing_published) == ()

    @rule(name=names)
    def power_fails(self, name):
        table._remembered.clear()
        if name in self.held:
            address = self.held.pop(name)
            (self.store.folder / address).write_bytes(b"")
            self.unknown.add(address)

    @rule(name=names, then=st.sampled_from(["add", "delete"]))
    def another_process_comes_between(self, name, then):
        """It knows nothing of what we remember, and we must notice that it was there."""
        ours = dict(table._remembered)
        table._remembered.clear()
        getattr(self, then)(name)
        table._remembered.clear()
        table._remembered.update(ours)

    @rule(name=names)
    def removed_by_hand(self, name):
        if name in self.held:
            (self.store.folder / self.held.pop(name)).unlink()
            os.utime(self.store.folder)  # a person is slower than a clock tick of older kernels

    @rule()
    def killed_while_writing(self):
        if self.store.folder.is_dir():
            (self.store.folder / ".tmp-dead").write_bytes(b"{")

    @rule()
    def collect(self):
        freed = self.store.release_unknown(older_than=float("inf"))
        assert {str(one.address) for one in freed} == self.unknown
        self.unknown.clear()

    @invariant()
    def disk_and_model_agree(self):
        read = self.store.read()
        assert all(self.store.held_by(attachment(name)) for name in self.held)
        assert {one.container_id: str(one.address) for one in read if one.known} == self.held
        assert {str(one.address) for one in read if not one.known} == self.unknown


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
