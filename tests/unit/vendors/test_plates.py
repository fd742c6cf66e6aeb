"""Plates: one spelling, both Brazilian formats, and what a reader takes for what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmsd.errors import Invalid
from vmsd.vendors.plates import Format, Likeness, fold, format_of, gaps, normalise, resemblance, search_of

LETTERS, DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
letters = st.text(LETTERS, min_size=3, max_size=3)
olds = st.builds("{}{}".format, letters, st.text(DIGITS, min_size=4, max_size=4))
CHANGED = dict(zip(DIGITS, "ABCDEFGHIJ", strict=True))


def changed(old: str) -> str:
    """The same car's plate in Mercosul's format."""
    return old[:4] + CHANGED[old[4]] + old[5:]


@pytest.mark.parametrize(
    ("text", "plate"),
    [("abc-1d23", "ABC1D23"), ("ABC 1234", "ABC1234"), (" ábç·1234 ", "ABC1234"), ("AB\u200b123CD", "AB123CD")],
)
def test_a_plate_has_one_spelling(text: str, plate: str):
    assert normalise(text) == plate


@pytest.mark.parametrize("text", ["", "-", "A", "ABCDEFGHIJKLM", "日本", "\x00"])
def test_what_is_no_plate_is_refused(text: str):
    with pytest.raises(Invalid):
        normalise(text)


def test_both_brazilian_formats_are_known():
    assert format_of("ABC1234") is Format.OLD
    assert format_of("ABC1D23") is Format.MERCOSUL
    assert format_of("AB123CD") is None


@given(olds)
def test_a_car_that_changes_its_plate_stays_the_same_car(old: str):
    assert format_of(changed(old)) is Format.MERCOSUL
    assert fold(old) == fold(changed(old))
    found = resemblance(old, changed(old))
    assert found is not None
    assert found.likeness is Likeness.ALIKE


@given(olds, st.sampled_from([0, 1, 2, 3, 5, 6]))
def test_look_alikes_are_one_sign_where_the_format_says_which(old: str, place: int):
    alike = {"O": "0", "I": "1", "B": "8", "S": "5", "Z": "2", "G": "6"}
    alike |= {digit: letter for letter, digit in alike.items()}
    sign = old[place]
    if sign in alike:
        read = old[:place] + alike[sign] + old[place + 1 :]
        assert fold(read) == fold(old), (old, read)


@pytest.mark.parametrize(("one", "other"), [("ABC1O23", "ABC1023"), ("ABC1B23", "ABC1823"), ("ABC1I23", "ABC1123")])
def test_the_fifth_sign_may_be_either_and_its_look_alikes_are_one_sign_off(one: str, other: str):
    found = resemblance(one, other)
    assert found is not None
    assert (found.likeness, found.score) == (Likeness.ONE_OFF, 0.75)


@given(st.text(LETTERS + DIGITS, min_size=2, max_size=12), st.text(LETTERS + DIGITS, min_size=2, max_size=12))
def test_resemblance_is_mutual_and_folding_is_final(one: str, other: str):
    assert fold(fold(one)) == fold(one)
    assert resemblance(one, other) == resemblance(other, one)
    assert resemblance(one, one).score == 1.0  # type: ignore[union-attr]


@given(olds, st.integers(0, 6), st.sampled_from(LETTERS + DIGITS))
def test_one_sign_more_is_found_and_two_are_not(old: str, place: int, sign: str):
    folded = fold(old)
    other = folded[:place] + sign + folded[place + 1 :]
    assert set(gaps(folded)) & set(gaps(other))
    far = folded[:place] + ("X" if folded[place] != "X" else "W") + folded[place + 1 :]
    second = (place + 1) % 7
    far = far[:second] + ("7" if far[second] != "7" else "3") + far[second + 1 :]
    assert not set(gaps(folded)) & set(gaps(far))


def test_a_search_knows_a_whole_plate_from_a_part_of_one():
    assert search_of("abc-1d23", fuzzy=False).plate == "ABC1D23"
    assert search_of("abc1", fuzzy=False).patterns == ("*ABC1*",)
    assert search_of("abc*23", fuzzy=False).patterns == ("ABC*23",)
    assert search_of("ABC1323", fuzzy=True).folded == "ABC1D23"
    assert search_of("1o", fuzzy=True).patterns == ("*[1IL][0OQD]*",)
    for nothing in ("", "***", "[a", "-"):
        with pytest.raises(Invalid) if nothing != "[a" else pytest.MonkeyPatch.context():
            search_of(nothing, fuzzy=False)
