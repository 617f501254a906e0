"""Read what a URL names: over HTTP, from S3, and through whatever else fsspec can open."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

from mlv.errors import UnreadableFileError

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import Request

_TIMEOUT_S = 60.0
_WEB = frozenset(("http", "https"))
_VALIDATORS = ("etag", "lastmodified", "mtime", "updated", "created", "last_modified")


class UrlState(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of a file besides its content.

    Attributes:
        etag: Changes whenever the content does; empty when there is none to believe.
        modified: When the content changed last, as the server writes it; empty likewise.
        modified_ns: The same, nanoseconds since 1970; 0 when it is exact, or not told.
        size_bytes: None when it is not told.
    """

    etag: str = ""
    modified: str = ""
    modified_ns: int = 0
    size_bytes: int | None = None


class _S3(Protocol):
    """The part of a client of boto3 that is used."""

    def get_object(self, **place: str) -> Mapping[str, object]:
        """Return an object, its content as `Body`."""

    def head_object(self, **place: str) -> Mapping[str, object]:
        """Return what is known of an object."""


@contextmanager
def open_url(url: str) -> Iterator[tuple[UrlState, BinaryIO]]:
    """Open what a URL names for reading from its beginning to its end.

    Raises:
        Exception: Whatever the library raises that reads from there.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme in _WEB:
        with _answer(_request(url, "GET")) as response:
            yield _state_of_headers(response.headers), cast("BinaryIO", response)
    elif scheme == "s3":
        answer = _s3().get_object(**_s3_place(url))
        with cast("BinaryIO", answer["Body"]) as body:
            yield _state_of_s3(answer), body
    else:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        files, path = url_to_fs(url)
        state = _state_of_info(files.info(path))
        with files.open(path, "rb") as file:
            yield state, file


def look_at_url(url: str) -> UrlState:
    """Return what the server says now, without the content.

    Raises:
        Exception: Whatever the library raises that asks there.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme in _WEB:
        with _answer(_request(url, "HEAD")) as response:
            return _state_of_headers(response.headers)
    if scheme == "s3":
        return _state_of_s3(_s3().head_object(**_s3_place(url)))
    from fsspec.core import url_to_fs

    files, path = url_to_fs(url)
    files.invalidate_cache()
    return _state_of_info(files.info(path))


def require_whole(state: UrlState, n_bytes: int) -> None:
    """Check that as many bytes came as were announced.

    Raises:
        UnreadableFileError: The connection broke.
    """
    if state.size_bytes is not None and n_bytes != state.size_bytes:
        message = f"only {n_bytes} of {state.size_bytes} bytes came"
        raise UnreadableFileError(message, hint="run the same command again")


@contextmanager
def _answer(request: Request) -> Iterator[HTTPResponse]:
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310  # of _WEB
            yield response
    except HTTPError as error:
        error.close()
        raise


def _request(url: str, method: str) -> Request:
    from urllib.request import Request

    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=host, fragment=""))
    # A compressed answer would have the length and the digest of something else.
    request = Request(plain, method=method, headers={"Accept-Encoding": "identity"})  # noqa: S310
    if at:
        name, _, password = login.partition(":")
        word = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
        # Not to be sent on to where a redirection leads.
        request.add_unredirected_header("Authorization", f"Basic {word}")
    return request


def _state_of_headers(headers: Message) -> UrlState:
    etag = headers.get("ETag") or ""
    length = headers.get("Content-Length") or ""
    modified = headers.get("Last-Modified") or ""
    is_plain = (headers.get("Content-Encoding") or "identity").lower() == "identity"
    return UrlState(
        etag="" if etag.startswith("W/") else etag,  # a weak one is the same for other bytes
        modified=modified,
        modified_ns=_parse_date(modified),
        size_bytes=int(length) if length.isdigit() and is_plain else None,
    )


def _parse_date(text: str) -> int:
    """Return a time of HTTP, to the second, as nanoseconds since 1970; 0 when it is none."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) * 1_000_000_000
    except (TypeError, ValueError):
        return 0


def _s3() -> _S3:
    import boto3

    return cast("_S3", boto3.client("s3"))


def _s3_place(url: str) -> dict[str, str]:
    bucket, _, key = url.partition("://")[2].partition("/")
    return {"Bucket": bucket, "Key": key}


def _state_of_s3(answer: Mapping[str, object]) -> UrlState:
    size = answer.get("ContentLength")
    return UrlState(
        etag=str(answer.get("ETag") or ""),
        modified=str(answer.get("LastModified") or ""),
        size_bytes=size if isinstance(size, int) else None,
    )


def _state_of_info(info: Mapping[str, object]) -> UrlState:
    known = {str(name).lower(): value for name, value in info.items()}
    facts = [f"{name}={known[name]}" for name in _VALIDATORS if known.get(name)]
    size = info.get("size")
    return UrlState(
        etag=str(known.get("etag") or ""),
        modified=" ".join(facts),
        size_bytes=size if isinstance(size, int) else None,
    )
