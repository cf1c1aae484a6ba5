"""Files that are not text: recognised by their first bytes, archives by the files in them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from etl.files import nodes
from etl.inputs.strangers.stranger import GIVE_PAGES, WRITE_OURS, Stranger

_UNPACK: Final = "unpack it and give the folder"
_PICTURE: Final = f"stepmill reads pages as HTML, not as pictures: record the DOM and {WRITE_OURS}"
_NO_TABLE: Final = "write it as Parquet, CSV or JSON lines"

_MAGIC: Final[tuple[tuple[bytes, int, str, str, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image", "a picture (PNG)", _PICTURE),
    (b"\xff\xd8\xff", 0, "image", "a picture (JPEG)", _PICTURE),
    (b"GIF8", 0, "image", "a picture (GIF)", _PICTURE),
    (b"WEBP", 8, "image", "a picture (WebP)", _PICTURE),
    (b"ftyp", 4, "video", "a video (MP4)", _PICTURE),
    (b"\x1a\x45\xdf\xa3", 0, "video", "a video (WebM or Matroska)", _PICTURE),
    (b"%PDF-", 0, "pdf", "a PDF", "stepmill reads HTML: " + WRITE_OURS),
    (b"\xfd7zXZ\x00", 0, "xz", "compressed with xz",
    "decompress it, or compress it with zstd or gzip: xz -d FILE"),
    (b"BZh", 0, "bz2", "compressed with bzip2",
     "decompress it, or compress it with zstd or gzip: bzip2 -d FILE"),
    (b"\x04\x22\x4d\x18", 0, "lz4", "compressed with LZ4",
     "decompress it, or compress it with zstd or gzip: lz4 -d FILE"),
    (b"\xff\x06\x00\x00sNaPpY", 0, "snappy", "compressed with Snappy",
     "decompress it, or compress it with zstd or gzip"),
    (b"LZIP", 0, "lzip", "compressed with lzip", "decompress it, or compress it with zstd or gzip"),
    (b"WARC/", 0, "warc", "a WARC file, responses of web servers", GIVE_PAGES),
    (b"filedesc://", 0, "warc", "an ARC file, responses of web servers", GIVE_PAGES),
    (b"7z\xbc\xaf\x27\x1c", 0, "7z", "a 7-Zip archive", _UNPACK),
    (b"Rar!\x1a\x07", 0, "rar", "a RAR archive", _UNPACK),
    (b"ustar", 257, "tar", "a tar archive", _UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, "xls", "an old Office file (xls, doc)",
     "save the sheet as CSV in UTF-8"),
    (b"PAR1", 0, "parquet", "a Parquet file that cannot be opened",
    "it may be cut off: copy it again"),
    (b"ARROW1", 0, "arrow", "an Arrow or Feather file",
    "write it as Parquet: pyarrow.parquet.write_table"),
    (b"\xff\xff\xff\xff", 0, "arrow", "an Arrow stream, perhaps", "write it as Parquet"),
    (b"Obj\x01", 0, "avro", "an Avro file", _NO_TABLE),
    (b"ORC", 0, "orc", "an ORC file", _NO_TABLE),
    (b"\x89HDF\r\n\x1a\n", 0, "hdf5", "an HDF5 file", _NO_TABLE),
    (b"SQLite format 3\x00", 0, "sqlite", "an SQLite database", _NO_TABLE),
    (b"\x93NUMPY", 0, "numpy", "a NumPy array", _NO_TABLE),
    (b"\x7fELF", 0, "program", "a program", "leave it out"),
    (b"MZ", 0, "program", "a program", "leave it out"),
    (b"version https://git-lfs.github.com/spec/", 0, "lfs_pointer",
     "a pointer of Git LFS, not the file itself", "fetch the file: git lfs pull"),
    (b"../.git/annex/", 0, "annex_pointer", "a pointer of git-annex, not the file itself",
     "fetch the file: git annex get"),
    (b"/annex/objects/", 0, "annex_pointer", "a pointer of git-annex, not the file itself",
     "fetch the file: git annex get"),
)  # fmt: skip
"""Bytes, their offset, the kind of file, what it is, and what to do."""

_ZIPS: Final = (
    (".trace", "playwright_trace",
     "a zip with .trace files that do not begin as those of Playwright do",
     "record it again: they begin with a line of type context-options"),
    (
        "report.jsonl",
        "playwright_report",
        "a report of Playwright's tests (a zip)",
        f"take the pages from its traces and {WRITE_OURS}",
    ),
    (
        ".har",
        "har",
        "HAR files, the network traffic of a browser (a zip)",
        GIVE_PAGES,
    ),
    ("xl/workbook.xml", "xlsx", "an Excel workbook", "save the sheet as CSV in UTF-8"),
    ("word/document.xml", "docx", "a Word document", "it holds no recording"),
    ("content.xml", "ods", "an OpenDocument file", "save the sheet as CSV in UTF-8"),
    (".warc.gz", "wacz", "web archives (a zip)", GIVE_PAGES),
    (".warc", "wacz", "web archives (a zip)", GIVE_PAGES),
    ("datapackage.json", "wacz", "web archives (WACZ)",
    GIVE_PAGES),
    (".npy", "numpy", "NumPy arrays (npz)", _NO_TABLE),
)  # fmt: skip
"""End of the name of a file in the archive, the kind of archive, what it is, and what to do."""
_SHOWN: Final = 3  # names of an unknown archive


def told(start: bytes, place: str | Path) -> Stranger | None:
    """What a file is, by its beginning; None if it may be text."""
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip(place)
    for magic, where, kind, says, advice in _MAGIC:
        if start[where : where + len(magic)] == magic:
            return Stranger(kind, says, advice)
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05" and start[1:2]:
        return Stranger(
            "pickle",
            "a pickle",
            "of pickles only BrowserGym's folders of step_N.pkl.gz are read; "
            "write JSON lines or Parquet where it was made",
        )
    return None


def _zip(place: str | Path) -> Stranger:
    """What a zip archive holds. place: of the file; empty if it was compressed in another."""
    if not place:
        return Stranger("zip", "a zip archive within it", "decompress it first")
    try:
        with nodes.open_binary(place) as stream, zipfile.ZipFile(stream) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return Stranger("zip", "a zip archive that breaks off or is damaged", "copy it again")
    for end, kind, says, advice in _ZIPS:
        if any(name.endswith(end) for name in names):
            return Stranger(kind, says, advice)
    shown = ", ".join(sorted(names)[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return Stranger(
        "zip",
        f"a zip archive of {len(names)} files ({shown})" if names else "an empty zip archive",
        _UNPACK,
    )
