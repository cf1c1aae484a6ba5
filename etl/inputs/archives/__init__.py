"""Archives: pages for recordings that hold none, and many files in one.

- `zips`: the files of a zip archive, read in place and never unpacked to disk.
- `kinds`: what a file is, by its content, and its reader: `warc`, `arc`, `har`, `mhtml`, `saved`,
  and `zipped` for archives of these.
- `capture`: what readers find: pages and redirects, each with its address, time and place.
- `body`: the bytes of a response as text.
- `index`: all captures of all files, by address, in one table that is looked up on disk.
- `urls`: when two addresses are of the same page.
- `join`: the pages of a recording's steps.

An archive of pages is read once, from beginning to end, for the index; after that a page is read
from its place. A kind of archive enters with its reader and a line in `kinds`.
"""
