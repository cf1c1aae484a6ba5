"""Text observations: lines, their ids and names, in the forms that tools write."""

from __future__ import annotations

import pytest

from etl.pages.axtree import Tree

BROWSERGYM = (
    "RootWebArea 'Shop', focused\n"
    "\t[5] heading 'Mugs [12]'\n\n"
    "\t[a12] button 'Add \\'one\\' to cart', clickable   \r\n"
    "\t\tStaticText 'Add'\n"
    "\t[7] combobox 'Colour' value='red'\n"
)
ARIA = (
    '- generic [ref=e1]:\n  - button "Buy \\"now\\"" [ref=e12] [cursor=pointer]\n'
    '  - link "[ref=e12]" [ref=s1e4]:\n    - /url: /mugs\n'
)
BROWSER_USE = (
    "[0]<button type='submit'>Buy now</button>\n*[1]<a>Mugs</a>\nplain text\n[2]<select />\n"
    "|SHADOW(open)|*[33]<input id=q placeholder=Search mail type=text />\n"
    "*|scroll element[4]<div /> (0.0 pages above)\n\t[5]<b />\n\t\tInbox\nafter\n7:\t<a>Old</a>"
)


def test_blank_lines_and_white_space_at_ends_go() -> None:
    """A text stays as it is, less blank lines, and white space and carriage returns at ends."""
    tree = Tree(BROWSERGYM)
    assert len(tree.lines) == 5
    assert "\r" not in tree.text
    assert tree.text.splitlines()[2] == "\t[a12] button 'Add \\'one\\' to cart', clickable"
    assert Tree(tree.text).text == tree.text
    assert Tree("\n \n").text == ""


@pytest.mark.parametrize(
    ("text", "id", "lines"),
    [
        (BROWSERGYM, "a12", [2]),
        (BROWSERGYM, "5", [1]),
        (BROWSERGYM, "12", []),  # within a name
        (ARIA, "e1", [0]),
        (ARIA, "s1e4", [2]),
        (ARIA, "e12", [1]),  # not that of a name that looks like it
        (BROWSER_USE, "0", [0]),
        (BROWSER_USE, "1", [1]),
        (BROWSER_USE, "2", [3]),
        (BROWSER_USE, "33", [4]),
        (BROWSER_USE, "4", [5]),
        (BROWSER_USE, "7", [9]),
        (BROWSER_USE, "3", []),
    ],
)
def test_lines_are_found_by_their_ids(text: str, id: str, lines: list[int]) -> None:
    """An id stands at the start of a line, or is a reference anywhere in it."""
    tree = Tree(text)
    assert tree.find(id) == lines
    if len(lines) == 1:
        assert tree.id(lines[0]) == id


def test_a_node_id_counts_lines_from_the_end() -> None:
    """The last line is node 0."""
    tree = Tree(BROWSERGYM)
    assert [tree.node(number) for number in range(5)] == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("text", "line", "label"),
    [
        (BROWSERGYM, 0, "Shop"),
        (BROWSERGYM, 2, "Add 'one' to cart"),
        (ARIA, 0, ""),
        (ARIA, 1, 'Buy "now"'),
        (BROWSER_USE, 1, "Mugs"),
        (BROWSER_USE, 2, ""),
        (BROWSER_USE, 4, "Search mail"),
        (BROWSER_USE, 6, "Inbox"),
        (BROWSER_USE, 9, "Old"),
    ],
)
def test_the_name_of_a_line(text: str, line: int, label: str) -> None:
    """Its first text in quotes, or what stands between tags."""
    assert Tree(text).label(line) == label


def test_lists_to_choose_from() -> None:
    """A combobox, a list box and a select element are lists."""
    assert [Tree(BROWSERGYM).is_list(line) for line in (2, 4)] == [False, True]
    assert [Tree(BROWSER_USE).is_list(line) for line in (0, 3)] == [False, True]
