"""Views of recordings before a build, and of the formats that stepmill reads.

They serve `stepmill check`, `stepmill schema` and `stepmill example`. They may import sources,
inputs and stages, and know of no build.
"""
