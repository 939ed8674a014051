"""Templates grow with the texts that join them and keep their names."""

from almanac.workloads.logs.terms.templates import Templates


def test_texts_that_differ_in_one_word_share_a_template() -> None:
    found = Templates()
    names = found.add_all(["opened the file of anna", "opened the file of bert", "closed the file of anna"])
    assert names[0] == names[1] != names[2]
    assert found.template(names[0]) == "opened the file of <*>"


def test_short_texts_do_not_share_a_template_unless_they_are_equal() -> None:
    one, two, again = Templates().add_all(["job done", "job lost", "job done"])
    assert one != two
    assert one == again


def test_a_template_that_is_known_from_before_keeps_its_name() -> None:
    first = Templates()
    name = first.add("opened the file of anna")
    later = Templates({name: first.template(name)})
    assert later.add("opened the file of carl") == name
    assert later.template(name) == "opened the file of <*>"
