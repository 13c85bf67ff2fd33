# SPDX-License-Identifier: Apache-2.0
"""Connections have deadlines, and one gives way to another when there is no room."""

from controlplane.http.guests import Guest, Guests, Patience, Stage


class House:
    """Guests by name, with a clock of its own; gone has the names of those that were sent away, in order."""

    def __init__(self, most: int) -> None:
        self.now = 100.0
        self.gone: list[str] = []
        self.guests = Guests(most, Patience(head=10, quiet=60), lambda: self.now)

    def admit(self, name: str, *, known: bool = False, stage: Stage = Stage.BEGINNING) -> Guest | None:
        guest = self.guests.admit(lambda: self.gone.append(name))
        if guest is not None:
            guest.known = known
            self.guests.move(guest, stage)
        return guest

    def later(self, seconds: float) -> list[str]:
        self.now += seconds
        self.guests.sweep()
        return self.gone


def test_each_stage_has_its_deadline() -> None:
    house = House(10)
    for stage in (Stage.BEGINNING, Stage.READING, Stage.QUIET, Stage.ANSWERING):
        house.admit(stage.value, stage=stage)
    assert house.later(9.9) == []
    assert house.later(0.1) == ["beginning", "reading"]
    assert house.later(50) == ["beginning", "reading", "quiet"]
    house.later(1e6)
    assert (house.gone[3:], len(house.guests)) == ([], 1)


def test_a_deadline_begins_anew_with_each_stage() -> None:
    house = House(10)
    guest = house.admit("a")
    assert guest is not None
    for stage in (Stage.ANSWERING, Stage.QUIET, Stage.READING, Stage.ANSWERING):
        house.later(9)
        house.guests.move(guest, stage)
    assert house.later(1000) == []
    house.guests.leave(guest)
    house.guests.move(guest, Stage.QUIET)
    assert (house.later(1000), len(house.guests)) == ([], 0)


def test_strangers_go_first_then_who_has_been_quiet_for_the_longest_time() -> None:
    house = House(4)
    house.admit("busy", stage=Stage.ANSWERING)
    house.admit("known", known=True, stage=Stage.QUIET)
    house.admit("later known", known=True, stage=Stage.QUIET)
    house.admit("stranger")
    expected = ["stranger", "known", "later known"]
    for number in range(3):
        assert house.admit(f"new{number}", stage=Stage.ANSWERING) is not None
        assert house.gone == expected[: number + 1]
    assert house.admit("too many") is None
    assert len(house.guests) == 4


def test_everybody_goes_at_the_end() -> None:
    house = House(3)
    for stage in (Stage.ANSWERING, Stage.QUIET):
        house.admit(stage.value, stage=stage)
    house.guests.dismiss_all()
    assert (house.gone, len(house.guests)) == (["answering", "quiet"], 0)
