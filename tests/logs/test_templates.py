"""Templates grow with the texts that join them and keep their ids."""

import doctest

from almanac.workloads.logs.terms import levels, templates
from almanac.workloads.logs.terms.templates import Templates


def test_texts_that_differ_in_one_word_share_a_template() -> None:
    mined = Templates()
    anna, bert, closed = mined.add_all(
        ["opened the file of anna", "opened the file of bert", "closed the file of anna"]
    )
    assert anna == bert != closed
    assert mined.template(anna) == "opened the file of <*>"


def test_short_texts_share_a_template_only_if_they_are_equal() -> None:
    done, lost, done_again = Templates().add_all(["job done", "job lost", "job done"])
    assert done != lost
    assert done == done_again


def test_an_earlier_template_keeps_its_id() -> None:
    first = Templates()
    name = first.add("opened the file of anna")
    later = Templates({name: first.template(name)})
    assert later.add("opened the file of carl") == name
    assert later.template(name) == "opened the file of <*>"


def test_the_examples_in_the_docstrings_hold() -> None:
    assert [doctest.testmod(module).failed for module in (levels, templates)] == [0, 0]
