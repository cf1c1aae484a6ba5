"""The description of TurkingBench's batches."""

from __future__ import annotations

from typing import Final

from etl.inputs.description import Field, Format

_TEMPLATE: Final = """<html><head><title>Rate a sentence</title></head><body>
<p>${sentence}</p>
<form>
<label><input type="radio" name="clear" value="yes"> Clear</label>
<label><input type="radio" name="clear" value="no"> Not clear</label>
<textarea name="better"></textarea>
<input type="submit" value="Send">
</form></body></html>
"""
_EXAMPLE: Final = (
    "Title,Description,sentence,Answer.clear,Answer.better\n"
    "Rate a sentence,Say whether the sentence is clear and write a better one.,"
    "Mugs the cat likes.,no,The cat likes mugs.\n"
)

DESCRIBED: Final = Format(
    name="turkingbench",
    sign="has `template.html` and a `batch.csv` with columns `Answer.*`",
    about="TurkingBench: forms of crowd workers with their answers, a folder for each task.",
    record="a row of `batch.csv`: what one worker was shown and answered",
    files="a folder with `template.html` and `batch.csv` (UTF-8, commas) that has columns "
          "`Answer.*`",
    fields=(
        Field("Answer.NAME", "string",
              "the answer in the element of this name; empty, `nan` or `{}`: none", True),
        Field("Title", "string", "the objective, with `Description`; without both it is the "
              "template's title, else the folder's name"),
        Field("Description", "string", "see `Title`"),
        Field("Keywords", "string", "the topic"),
        Field("COLUMN", "string", "put into the page where the template says `${COLUMN}`"),
    ),
    example=_EXAMPLE,
    example_name="rate-a-sentence/batch.csv",
    beside=(("rate-a-sentence/template.html", _TEMPLATE),),
    notes=(
        ("Each row is a workflow of its own: the answers of several workers to the same question "
        "are several workflows. The page is the template with the row's values. Each answer is an "
        "action, in the order of the elements: text is typed, an option of a list selected, a "
        "radio button clicked, a box checked. The page before a step shows the answers before "
        "it."),
        ("The target is the element with the answer's name and, of buttons and boxes, its value. "
        "An answer that the page shows already is no action. An answer without an element that a "
        "person could fill in is counted."),
        ("Limits: elements that a script makes are not in the page; the click that sends the form "
        "is not recorded."),
    ),
    csv=True,
    kinds=(
        ("an answer in a field of text, numbers or dates", "type"),
        ("an answer in a list", "select"),
        ("an answer that is a radio button's value", "click"),
        ("an answer that is a checkbox's value", "check"),
        ("an answer in a range or a color", "change"),
        ("an answer in a field of files", "upload"),
    ),
)  # fmt: skip
