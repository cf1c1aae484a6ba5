"""What pruning took from a page, rule by rule."""

from __future__ import annotations

from hypothesis import given

from etl.look.story.removed import Removed, removed
from etl.pages.prune import Pruner
from etl.pages.reading import read
from tests.support.strategies import pruner, soups

NOISE = "qX7zK2vB9wT4yR6mN8pL3jH5gF1dS0aQ"  # a token a character or two


def account(html: str, own: Pruner | None = None) -> Removed:
    own = own or pruner()
    return removed(own.policy, html, own.prune(read(html)).observation)


def test_each_rule_is_told_with_its_characters() -> None:
    """Of a page where every rule takes something, each one's name, number and characters."""
    html = (
        "<!DOCTYPE html><html><body><!-- note --><script>let a = 1;</script>"
        "<template><p>hidden</p></template>"
        f'<nav><p class="menu {NOISE}" hidden data-x="1" id="{NOISE}{NOISE}">Shop</p></nav>'
        "<div><ul></ul></div></body></html>"
    )
    found = account(html)
    by_rule = {(each.rule, each.name): (each.times, each.characters) for each in found.removals}
    assert by_rule == {
        ("comments", ""): (1, len("<!DOCTYPE html><!-- note -->")),
        ("unwrapped", "html"): (1, len("<html></html>")),
        ("dropped_with_content", "script"): (1, len("<script>let a = 1;</script>")),
        ("template", "template"): (1, len("<template></template>hidden")),
        ("unwrapped", "nav"): (1, len("<nav></nav>")),
        ("class_words", "class"): (1, len(f"{NOISE} ")),
        ("attribute", "hidden"): (1, len(" hidden")),
        ("attribute", "data-x"): (1, len(' data-x="1"')),
        ("value", "id"): (1, len(f' id="{NOISE}{NOISE}"')),
        ("empty", "div"): (1, len("<div></div>")),
        ("empty", "ul"): (1, len("<ul></ul>")),
    }
    assert found.removals[0].characters == max(each.characters for each in found.removals)


def test_what_is_in_something_dropped_counts_for_it() -> None:
    """Elements and texts inside a tag that goes with its content are that tag's."""
    own = pruner()
    html = "<p>a</p><noframes><b class=x>c<i>d</i></b></noframes>"
    (only,) = account(html, own).removals
    assert (only.rule, only.name, only.times) == ("dropped_with_content", "noframes", 1)
    assert only.characters == len(html) - len("<p>a</p>")


@given(soups)
def test_the_sum_is_exact(html: str) -> None:
    """Of any page, all that was taken, added and rewritten leads from the page to its observation;
    no rule takes less than nothing.
    """
    found = account(html)
    taken = sum(each.characters for each in found.removals)
    assert found.raw == found.observation - found.added + taken + found.rewritten
    assert found.raw == len(html)
    assert all(each.characters > 0 for each in found.removals)
