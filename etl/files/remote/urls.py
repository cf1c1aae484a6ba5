"""URLs: their protocols, their fsspec file systems, and the packages that these need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, cast

from schemas.errors import ConfigError, MissingExtra

_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?:://|::(?=.*://))", re.DOTALL)
_CHAINED: Final = re.compile(r"::[A-Za-z][A-Za-z0-9+.-]*://")
_S3, _GCS = ("s3fs", "s3"), ("gcsfs", "gcs")
EXTRAS: Final = {"s3": _S3, "s3a": _S3, "gs": _GCS, "gcs": _GCS}
"""By protocol, the package that it needs, and the extra of ours that installs it."""
PUT_IS_WHOLE: Final = frozenset("s3 s3a gs gcs hf az abfs abfss adl oss oci memory".split())
"""Protocols of storages that show nothing of a file before its upload is complete."""


def remote(place: str | Path) -> bool:
    """Whether a place is a URL rather than a local path."""
    if not isinstance(place, str) or place.startswith(("/", "file://")):
        return False
    return _URL.match(place) is not None


def of_web(place: str) -> bool:
    """Whether a place is on a web server, where each file has a name and there are no folders."""
    return place.startswith(("http://", "https://"))


def system_of(place: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it.

    Raises:
        ConfigError: fsspec knows no such protocol.
        MissingExtra: the package of the protocol is not installed.
    """
    import fsspec

    protocol = cast("re.Match[str]", _URL.match(place))[1]
    try:
        # fsspec would take a "::" in a name for a chain of URLs.
        if "::" in place and not _CHAINED.search(place):
            kind = fsspec.get_filesystem_class(protocol)
            return kind(**kind._get_kwargs_from_urls(place)), str(kind._strip_protocol(place))
        system, path = fsspec.core.url_to_fs(place)
    except ImportError as error:
        raise missing_package(f"{place}: reading {protocol}://", protocol, error) from error
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        raise ConfigError(f"{place}: {protocol}:// is no storage that fsspec knows") from error
    return system, str(path)


def missing_package(what: str, protocol: str, error: ImportError) -> ConfigError:
    """The error for a protocol whose package is not installed. what: the use that needs it."""
    if extra := EXTRAS.get(protocol):
        return MissingExtra(*extra, what)
    return ConfigError(f"{what} needs a package that is not installed: {error}")
