"""Take one line of text out of a language model's response, or say why there is none.

Removed are reasoning blocks (``<think>``, ``[THINK]``, channels), tokens that end a turn, code
fences, tags like ``<answer>``, emphasis, quotes around the whole, a first line such as ``Here is
the rewritten objective:`` and closing remarks. A text in quotes is taken as it is. A doubtful text
is no answer: reasoning without an end, several paragraphs or fences, a refusal, an answer that was
cut off or filtered.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from etl.evaluate.asking.endpoint import NoAnswer, short, words_of

_LONGEST: Final = 2_000
"""The most characters of an answer; a longer one is no objective."""
_TAGS: Final = (
    "seed:think|think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad|antthinking"
)
_OPEN: Final = rf"<(?:{_TAGS})\b[^>]*>|\[THINK\]|◁think▷"
_CLOSE: Final = rf"</(?:{_TAGS})\s*>|\[/THINK\]|◁/think▷"
_BLOCK: Final = re.compile(rf"(?:{_OPEN})(?:(?!{_OPEN}).)*?(?:{_CLOSE})", re.DOTALL | re.IGNORECASE)
_OPENING: Final = re.compile(_OPEN, re.IGNORECASE)
_CLOSING: Final = re.compile(_CLOSE, re.IGNORECASE)
_CHANNEL: Final = re.compile(r"<\|channel\|>\s*(\w+).*?<\|message\|>", re.DOTALL)
_TURN_ENDS: Final = re.compile(r"(?:\s*(?:<\|[\w-]+\|>|</s>|<end_of_turn>))+\s*$")
_FENCE: Final = re.compile(r"```[^\n`]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_WRAPPED: Final = re.compile(
    r"<(answer|final_answer|final|output|result|response|objective|rewritten_objective|description)>(.*?)</\1>",
    re.DOTALL | re.IGNORECASE,
)
_OF_WHAT: Final = (
    r"(?:objective|description|task|goal|sentence|step|version|text|answer|output|result|response)"
)
_LEAD: Final = re.compile(
    r"[*_#>\s]*(?:"
    r"(?:sure|certainly|of course|absolutely|okay|ok|alright|great)\b[^\n:]{0,100}"
    rf"|(?:here|below|this)(?:['’]s|\s+is|\s+are)?\b[^\n:]{{0,60}}?\b{_OF_WHAT}\b[^\n:]{{0,60}}?"
    r"|(?:here|below|this)(?:['’]s|\s+is|\s+are)?\b[^\n:]{0,100}(?=:[*_]*\s*\n)"
    rf"|(?:the|my|a|your)?\s*(?:(?:final|rewritten|revised|rephrased|improved|new|updated|clear|short)\s+)*{_OF_WHAT}"
    r")\s*[*_]*:[*_]*\s*",
    re.IGNORECASE,
)
_POLITE: Final = re.compile(
    r"(?:sure|certainly|of course|absolutely|okay|ok|alright)\s*[!.,]\s+", re.IGNORECASE
)
_HEADING: Final = re.compile(r"#{1,6} [^\n]*\n+")
_REMARK: Final = re.compile(
    r"[*_(\[]*(?:note|explanation|let me know|i hope|this "
    r"(?:rewrite|rewritten|revised|version|objective|description)|"
    r"feel free|if you (?:need|want|would)|i(?:'ve| have) |the "
    r"(?:rewrite|rewritten|revised|original) )",
    re.IGNORECASE,
)
_REFUSAL: Final = re.compile(
    r"(?:(?:i['’]?m|i am)\s+(?:very |really )?sorry|sorry|i apologi[sz]e|unfortunately|as an ai\b"
    r"|i\s+(?:can(?:['’]t|not| not)|won['’]t|am unable|['’]m unable|am not able)|i['’]m "
    r"(?:unable|not able))"
    r".{0,80}?\b(?:assist|help|comply|fulfil+|provide|rewrite|creat|generat|continu|answer|do "
    r"that|support|process)",
    re.DOTALL | re.IGNORECASE,
)
_QUOTES: Final = {'"': '"', "“": "”", "'": "'", "‘": "’", "«": "»", "`": "`"}
_ENDED: Final = {
    "length": ("cut_off", "the answer was cut off (finish_reason length); allow more tokens"),
    "content_filter": (
        "filtered",
        "the server's filter withheld the answer (finish_reason content_filter)",
    ),
}
_ALSO: Final = {"max_tokens": "length", "model_length": "length", "safety": "content_filter"} | {
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
}
_NO_TEXT: Final = ("tool_calls", "function_call", "error", "abort", "cancelled")


def answer_of(response: Any) -> str:
    """The answer in a response of an OpenAI-compatible endpoint, as one line.

    Raises:
        NoAnswer: the response holds no usable text.
    """
    if words := words_of(response):
        raise NoAnswer("server_error", words)
    try:
        choice = response["choices"][0]
        message = choice["message"]
        content = message["content"]
        ended = str(choice.get("finish_reason") or "").casefold()
    except (LookupError, TypeError, AttributeError) as error:
        raise NoAnswer("bad_answer", "no choices[0].message.content") from error
    ended = _ALSO.get(ended, ended)
    if ended in _ENDED:
        raise NoAnswer(*_ENDED[ended], final=True)
    if refusal := message.get("refusal"):
        raise NoAnswer("refused", short(str(refusal)), final=True)
    if ended in _NO_TEXT:
        raise NoAnswer("bad_answer", f"finish_reason {ended}")
    if isinstance(content, list):  # parts, some of them reasoning
        texts = [
            part.get("text")
            for part in content
            if isinstance(part, dict) and part.get("type") == "text"
        ]
        content = "".join(text for text in texts if isinstance(text, str))
    thought = message.get("reasoning_content") or message.get("reasoning")
    if not content and thought:
        raise NoAnswer("thoughts_only", "the answer is empty but for reasoning; allow more tokens")
    if not isinstance(content, str):
        raise NoAnswer("bad_answer", "choices[0].message.content is no text")
    return cleaned(content)


def thinks(text: str) -> bool:
    """Whether a text holds marks of reasoning."""
    return bool(_OPENING.search(text) or _CLOSING.search(text) or "<|channel|>" in text)


def cleaned(content: str) -> str:
    """The answer in a model's text, as one line.

    Raises:
        NoAnswer: the text is empty, too long, doubtful or a refusal.
    """
    text = _unwrapped(_without_thoughts(content).strip())
    quoted = _unquoted(text)
    if quoted == text:
        text = _paragraph(_without_lead(text))
        quoted = _unquoted(text)
    text = " ".join(quoted.split())
    if _REFUSAL.match(text):
        raise NoAnswer("refused", short(text), final=True)
    if not text:
        raise NoAnswer("bad_answer", "the answer is empty")
    if len(text) > _LONGEST:
        raise NoAnswer(
            "bad_answer", f"an answer of {len(text):,} characters; {_LONGEST:,} are the most"
        )
    return text


def _without_thoughts(text: str) -> str:
    if channels := [*_CHANNEL.finditer(text)]:
        if channels[-1][1] != "final":
            raise NoAnswer("thoughts_only", "no final channel")
        text = text[channels[-1].end() :]
    removed = 1
    while removed:
        text, removed = _BLOCK.subn("", text)
    ends = [*_CLOSING.finditer(text)]
    if ends:  # the chat template had opened it
        text = text[ends[-1].end() :]
    if _OPENING.search(text):
        raise NoAnswer("thoughts_only", "reasoning that does not end; allow more tokens")
    return _TURN_ENDS.sub("", text)


def _unwrapped(text: str) -> str:
    """A text without the one fence, pair of tags or JSON field around it."""
    fences = _FENCE.findall(text)
    if len(fences) > 1:
        raise NoAnswer("bad_answer", "several code fences")
    if fences:
        text = fences[0].strip()
    wrapped = _WRAPPED.findall(text)
    if len(wrapped) == 1:
        text = wrapped[0][1].strip()
    if text.startswith("{") and text.endswith("}"):
        try:
            fields = json.loads(text)
        except ValueError:
            return text
        if len(fields) == 1 and isinstance(value := next(iter(fields.values())), str):
            return value.strip()
    return text


def _without_lead(text: str) -> str:
    """A text without headings and announcements before the answer, if something follows them."""
    while True:
        lead = _HEADING.match(text) or _LEAD.match(text) or _POLITE.match(text)
        if lead is None or not text[lead.end() :].strip():
            return text
        text = text[lead.end() :].strip()


def _paragraph(text: str) -> str:
    """The one paragraph of an answer, or its first where only remarks follow."""
    first, *others = re.split(r"\n\s*\n|\n-{3,}\n", text)
    if others and not (_unquoted(first) != first or _REMARK.match(others[0].strip())):
        raise NoAnswer("bad_answer", f"{len(others) + 1} paragraphs where one was asked for")
    lines = first.strip().split("\n")
    if len(lines) > 1 and _unquoted(lines[0]) != lines[0].strip():
        return lines[0]
    return first


def _unquoted(text: str) -> str:
    """A text without emphasis and quotes around the whole."""
    text = text.strip()
    for mark in ("**", "__", "*"):
        inner = text[len(mark) : -len(mark)]
        if text.startswith(mark) and text.endswith(mark) and inner.strip() and mark not in inner:
            text = inner.strip()
    end = _QUOTES.get(text[:1])
    inner = text[1:-1]
    if end and len(text) > 2 and text.endswith(end) and text[0] not in inner and end not in inner:
        return inner.strip()
    return text
