"""Pages: reading HTML as it was recorded, and writing the text that a model sees.

This is the one room that knows HTML's syntax; a module may enter if it works on a single page. It
may import `schemas`, but neither Polars nor Arrow: agents import it where they run.

A recorded DOM is the serialisation of a live tree, so a page is read as it was written and never
repaired: by a WHATWG tokenizer and a plain stack of open elements. A void element or a tag with
``/>`` closes itself. An end tag closes up to the nearest open element of its name, and is ignored
if there is none. The content of ``iframe`` and ``noscript`` is markup, because recorders inline
frames there. In SVG and MathML, CDATA is text and ``title``, ``style`` and the like hold markup.

The specification is `etl.pages.standard`, which reads by a tokenizer library, and
`etl.pages.prune`, which writes token by token. `etl.pages.compiled` does both faster, where it is
compiled; tests hold the results equal.
"""
