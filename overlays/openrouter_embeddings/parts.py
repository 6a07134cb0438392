"""Inputs that are more than text: images, audio, video, files, and several parts as one input."""

from __future__ import annotations

import mimetypes
import re
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, cast
from urllib.parse import urlsplit

from attrs import field, frozen

from openrouter_embeddings._base import arguments
from openrouter_embeddings.errors import ConfigurationError

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["Audio", "Content", "File", "Image", "Part", "Video"]

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)


def _short_url(url: str) -> str:
    return url if len(url) <= 60 else f"{url[:40]}... ({len(url)} characters)"


def _read(path: str | PathLike[str]) -> bytes:
    place = _place(path)
    try:
        if place.is_dir():
            raise arguments.bad_value("path", "is a folder, not a file", str(place))
        data = place.read_bytes()
    except OSError as exc:
        message = f"path cannot be read: {arguments.shown(str(place))} ({exc.strerror})."
        raise ConfigurationError(message, argument="path") from exc
    if not data:
        raise arguments.bad_value("path", "is an empty file", str(place))
    return data


def _place(path: object) -> Path:
    """Check a path: one that the system can be asked for."""
    if not isinstance(path, str | PathLike):
        raise arguments.bad_type("path", "a path", path)
    found = arguments.read("path", lambda: fspath(cast("PathLike[str]", path)))
    if not isinstance(found, str):
        raise arguments.bad_type("path", "a path as text", found)
    plain = arguments.text("path", found)
    if "\0" in plain:
        raise arguments.bad_value("path", "holds a NUL, which no path has", plain)
    return Path(plain)


def _bytes(data: object) -> bytes:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise arguments.bad_type("data", "bytes", data)
    return arguments.read("data", lambda: bytes(data))


def _data_url(data: bytes, media_type: str) -> str:
    import pybase64  # noqa: PLC0415 - text needs none of it

    return f"data:{media_type};base64,{pybase64.b64encode_as_string(data)}"


def _checked_url(url: object) -> str:
    checked = arguments.text("url", url)
    parts = arguments.read("url", lambda: urlsplit(checked))
    if parts.scheme == "data":
        if not parts.path.partition(",")[2]:
            raise arguments.bad_value("url", "is a data URL without data", checked)
    elif parts.scheme not in {"http", "https"} or not parts.netloc:
        raise arguments.bad_value("url", "must begin with https://, http:// or data:", checked)
    return checked


def _checked_type(media_type: object) -> str:
    checked = arguments.text("media_type", media_type)
    if not _MEDIA_TYPE.fullmatch(checked):
        raise arguments.bad_value("media_type", "must be one like audio/wav", checked)
    return checked


_MEDIA_TYPE = re.compile(r"[-+.\w]+/[-+.\w]+", re.ASCII)


@frozen
class Image:
    """An image to embed, made with one of the `from_...` methods.

    Attributes:
        url: Where the image is, or the image itself as a data URL.
    """

    url: str = field(repr=_short_url)

    def __attrs_post_init__(self) -> None:
        """Refuse what is no http, https or data URL."""
        object.__setattr__(self, "url", _checked_url(self.url))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Take an image that the service fetches from the web, or a data URL.

        Raises:
            ConfigurationError: It is no http, https or data URL.
        """
        return cls(url)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Take an image file's bytes: PNG, JPEG, GIF, WebP, BMP or TIFF, told by its signature.

        Raises:
            ConfigurationError: The bytes are no image of these kinds.
        """
        raw = _bytes(data)
        return cls(_data_url(raw, _image_type(raw, "data")))

    @classmethod
    def from_path(cls, path: str | PathLike[str]) -> Self:
        """Take an image file: PNG, JPEG, GIF, WebP, BMP or TIFF, told by its signature.

        Raises:
            ConfigurationError: The path does not exist, is a folder, or is no image.
        """
        data = _read(path)
        return cls(_data_url(data, _image_type(data, "path", str(path))))

    @classmethod
    def from_pil(cls, image: PILImage) -> Self:
        """Take an image of the Pillow library; it travels as PNG, without loss.

        Raises:
            ConfigurationError: It is no Pillow image.
        """
        buffer = arguments.read("image", lambda: _as_png(image))
        return cls(_data_url(buffer.getvalue(), "image/png"))

    def to_part(self) -> dict[str, object]:
        """Write it as a content part of the contract."""
        return {"type": "image_url", "image_url": {"url": self.url}}


def _as_png(image: PILImage) -> BytesIO:
    save = getattr(image, "save", None)
    if save is None or not hasattr(image, "mode"):
        raise arguments.bad_type("image", "a Pillow image", image)
    buffer = BytesIO()
    save(buffer, format="PNG")
    return buffer


def _image_type(data: bytes, argument: str, path: str | None = None) -> str:
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    problem = "is no image (PNG, JPEG, GIF, WebP, BMP or TIFF)"
    raise arguments.bad_value(argument, problem, data[:20] if path is None else path)


@frozen
class _Media:
    """Inline media of one kind.

    Attributes:
        data: The media as a data URL, or where it is.
        format: The container or codec, ``"wav"`` say, or None.
    """

    kind: ClassVar[str]
    data: str = field(repr=_short_url)
    format: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what is no http, https or data URL, and formats that are no text."""
        object.__setattr__(self, "data", _checked_url(self.data))
        if self.format is not None:
            object.__setattr__(self, "format", arguments.text("format", self.format))

    @classmethod
    def from_url(cls, url: str, *, format: str | None = None) -> Self:  # noqa: A002 - the contract's name
        """Take media that the service fetches, or a data URL."""
        return cls(url, format)

    @classmethod
    def from_bytes(cls, data: bytes, *, media_type: str, format: str | None = None) -> Self:  # noqa: A002 - the contract's name
        """Take a media file's bytes and its media type, ``"audio/wav"`` say."""
        return cls(_data_url(_bytes(data), _checked_type(media_type)), format)

    @classmethod
    def from_path(cls, path: str | PathLike[str]) -> Self:
        """Take a media file; its type and format follow from its name.

        Raises:
            ConfigurationError: The path cannot be read, or its name tells no media type.
        """
        place = _place(path)
        media_type = mimetypes.guess_type(str(place))[0]
        if media_type is None:
            raise arguments.bad_value("path", "has a name that tells no media type", str(place))
        return cls(_data_url(_read(place), media_type), place.suffix.removeprefix(".") or None)

    def to_part(self) -> dict[str, object]:
        """Write it as a content part of the contract."""
        media = {"data": self.data} | ({} if self.format is None else {"format": self.format})
        return {"type": self.kind, self.kind: media}


@frozen
class Audio(_Media):
    """Sound to embed, made with one of the `from_...` methods."""

    kind = "input_audio"


@frozen
class Video(_Media):
    """A video to embed, made with one of the `from_...` methods."""

    kind = "input_video"


@frozen
class File(_Media):
    """A document to embed, a PDF say, made with one of the `from_...` methods."""

    kind = "input_file"


Part = str | Image | Audio | Video | File
"""One part of an input."""


@frozen(init=False)
class Content:
    """Several parts embedded together into one vector: ``Content("a red fox", image)``.

    Attributes:
        parts: Texts, images and other media, in order; at least one.
    """

    parts: tuple[Part, ...]

    def __init__(self, *parts: Part) -> None:
        """Join parts into one input.

        Raises:
            ConfigurationError: There is no part, or one that cannot be used.
        """
        if not parts:
            message = "Content needs at least one part."
            raise ConfigurationError(message, argument="parts")
        for position, part in enumerate(parts):
            where = f"parts[{position}]"
            if isinstance(part, str):
                arguments.text(where, part)
            elif not isinstance(part, Image | Audio | Video | File):
                raise arguments.bad_type(where, "text, Image, Audio, Video or File", part)
        object.__setattr__(self, "parts", parts)

    def to_item(self) -> dict[str, object]:
        """Write it as a content item of the contract."""
        return {"content": [_part(part) for part in self.parts]}


def _part(part: Part) -> dict[str, object]:
    return {"type": "text", "text": part} if isinstance(part, str) else part.to_part()
