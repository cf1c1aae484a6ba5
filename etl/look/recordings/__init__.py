"""Views of recordings before a build, of the formats that stepmill reads, and what each gave.

They serve `stepmill check`, `stepmill schema` and `stepmill example`. They may import sources,
inputs and stages, and know of no build.
"""
