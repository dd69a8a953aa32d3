"""Colours that stay the same, and can be told apart."""

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from quake.pictures.palette import GREY, STATUS_COLOURS, STATUS_HATCHES, class_colours

USUAL = ("earthquake", "surface_event", "noise", "explosion")

# Machado, Oliveira and Fernandes (2009): linear RGB as somebody without M cones sees it.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
)


def linear(colour):
    shares = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def grey(colour):
    shares = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return shares @ [0.299, 0.587, 0.114]


def test_noise_is_grey():
    assert class_colours(["noise", "ice_quake"])["noise"] == GREY


@given(st.lists(st.text(max_size=8), max_size=4, unique=True))
def test_a_usual_class_has_its_colour_whatever_else_there_is(others):
    alone = class_colours(USUAL)
    together = class_colours([*others, *USUAL])
    assert {name: together[name] for name in USUAL} == alone


@given(st.permutations(["ice_quake", "thunder", "collapse", "noise"]))
def test_colours_do_not_depend_on_the_order_of_the_classes(names):
    assert class_colours(names) == class_colours(sorted(names))
    assert list(class_colours(names)) == list(names)


@given(st.lists(st.text(max_size=8), max_size=4, unique=True).filter(lambda n: not {*n} & {*USUAL}))
def test_eight_classes_have_eight_colours(others):
    colours = class_colours([*USUAL, *others])
    assert len(set(colours.values())) == 4 + len(others)


def test_more_classes_than_colours_get_one_all_the_same():
    assert len(class_colours([f"class {i}" for i in range(30)])) == 30


def test_usual_classes_can_be_told_apart_by_people_who_do_not_see_red_and_green():
    seen = [linear(colour) @ DEUTERANOPIA.T for colour in class_colours(USUAL).values()]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.1


def test_classes_of_the_bundled_model_can_be_told_apart_in_grey():
    lightness = sorted(grey(class_colours(USUAL)[name]) for name in USUAL[:3])
    assert min(np.diff(lightness)) > 25


def test_statuses_can_be_told_apart_in_grey_and_two_by_their_hatches():
    assert min(np.diff(sorted(map(grey, STATUS_COLOURS.values())))) > 35
    assert STATUS_HATCHES.keys() == STATUS_COLOURS.keys()
    assert STATUS_HATCHES["no_data"] != STATUS_HATCHES["uncertain"] != ""
