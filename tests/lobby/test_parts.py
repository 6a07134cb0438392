"""Images and other media: from paths, bytes, URLs and Pillow, or a clear refusal."""

from __future__ import annotations

import base64

import pytest

from openrouter_embeddings import Audio, ConfigurationError, Content, File, Image, Video

SIGNED = {
    "image/png": b"\x89PNG\r\n\x1a\nrest",
    "image/jpeg": b"\xff\xd8\xff\xe0rest",
    "image/gif": b"GIF89arest",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPrest",
    "image/bmp": b"BMrest",
    "image/tiff": b"II*\x00rest",
}


def url_of(data, media_type):
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("media_type", SIGNED)
def test_images_come_from_bytes_and_paths(media_type, tmp_path):
    """The signature tells the kind, whatever the file is called."""
    data = SIGNED[media_type]
    path = tmp_path / "picture.dat"
    path.write_bytes(data)

    assert Image.from_bytes(data).url == url_of(data, media_type)
    assert Image.from_path(path).url == url_of(data, media_type)
    assert Image.from_path(str(path)) == Image.from_bytes(bytearray(data))


@pytest.mark.parametrize("url", ["https://example.org/a.png", url_of(b"x", "image/png")])
def test_images_come_from_urls(url):
    """A URL travels as it is."""
    assert Image.from_url(url).to_part() == {"type": "image_url", "image_url": {"url": url}}


class Picture:
    """Has what a Pillow image has."""

    mode = "RGB"

    def save(self, target, format):  # noqa: A002
        target.write(SIGNED["image/png"] if format == "PNG" else b"")


def test_images_come_from_pillow():
    """They travel as PNG, without loss."""
    assert Image.from_pil(Picture()).url == url_of(SIGNED["image/png"], "image/png")


def test_bad_paths_are_named(tmp_path):
    """A missing file, a folder, an empty file and a text are each said to be that."""
    text = tmp_path / "notes.txt"
    text.write_text("no picture")
    empty = tmp_path / "empty.png"
    empty.touch()

    for path, problem in [
        (tmp_path / "missing.png", "cannot be read.*No such file"),
        (tmp_path, "is a folder"),
        (text, "is no image"),
        (empty, "is an empty file"),
    ]:
        with pytest.raises(ConfigurationError, match=problem) as caught:
            Image.from_path(path)
        assert caught.value.argument == "path"
        assert str(tmp_path)[:20] in caught.value.message


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Image.from_bytes(b"plain text"), "is no image"),
        (lambda: Image.from_bytes("text"), "must be bytes"),
        (lambda: Image.from_url("fox.png"), "must begin with"),
        (lambda: Image.from_url("ftp://example.org/a.png"), "must begin with"),
        (lambda: Image.from_url("https://"), "must begin with"),
        (lambda: Image.from_url("data:image/png;base64"), "without data"),
        (lambda: Image.from_url(None), "must be text"),
        (lambda: Image.from_pil("fox.png"), "a Pillow image"),
        (lambda: Audio.from_bytes("text", media_type="audio/wav"), "must be bytes"),
        (Content, "at least one part"),
        (lambda: Content("a", ""), r"parts\[1\] must not be empty"),
        (lambda: Content("a", 3), r"parts\[1\] must be text, Image"),
        (lambda: Content("\ud800"), "surrogate"),
    ],
)
def test_bad_media_are_refused(make, problem):
    """Nothing unusable gets as far as a request."""
    with pytest.raises(ConfigurationError, match=problem):
        make()


@pytest.mark.parametrize(
    ("kind", "name", "media_type", "part"),
    [
        (Audio, "a.wav", "audio/x-wav", "input_audio"),
        (Video, "a.mp4", "video/mp4", "input_video"),
        (File, "a.pdf", "application/pdf", "input_file"),
    ],
)
def test_other_media_come_from_paths(kind, name, media_type, part, tmp_path):
    """Type and format follow from the name."""
    path = tmp_path / name
    path.write_bytes(b"data")

    media = kind.from_path(path)

    assert media.to_part() == {
        "type": part,
        part: {"data": url_of(b"data", media_type), "format": name[2:]},
    }


def test_other_media_come_from_bytes_and_urls():
    """The format is optional."""
    assert Audio.from_bytes(b"x", media_type="audio/wav").to_part() == {
        "type": "input_audio",
        "input_audio": {"data": url_of(b"x", "audio/wav")},
    }
    assert File.from_url("https://example.org/a.pdf", format="pdf").format == "pdf"


def test_a_name_that_tells_no_type_is_refused(tmp_path):
    """Better no request than a guess."""
    with pytest.raises(ConfigurationError, match="tells no media type"):
        File.from_path(tmp_path / "mystery")


def test_parts_are_joined_in_order():
    """Text and image become one input."""
    image = Image("https://example.org/a.png")

    assert Content("a red fox", image).to_item() == {
        "content": [{"type": "text", "text": "a red fox"}, image.to_part()]
    }


def test_a_large_image_has_a_short_repr():
    """A megabyte of base64 has no place in a log."""
    assert len(repr(Image.from_bytes(SIGNED["image/png"] + b"x" * 1_000_000))) < 100


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: Image.from_path("a\0b"), "path"),
        (lambda: Image.from_path(3), "path"),
        (lambda: Image.from_path(Odd("a.png")), "path"),
        (lambda: Image.from_path(b"a.png"), "path"),
        (lambda: Image("http://[::1"), "url"),
        (lambda: Image(None), "url"),
        (lambda: Audio.from_path(None), "path"),
        (lambda: Audio("https://example.org/a.wav", 3), "format"),
        (lambda: Audio.from_bytes(b"a", media_type="audio/wav\r\nX: y"), "media_type"),
        (lambda: Audio.from_bytes(b"a", media_type=3), "media_type"),
        (lambda: Image.from_pil(Unsaved()), "image"),
    ],
)
def test_odd_parts_are_named(make, argument):
    """No path, URL or type ends in an error of Python's."""
    with pytest.raises(ConfigurationError) as caught:
        make()

    assert caught.value.argument == argument


class Unsaved:
    """A picture of a kind that PNG cannot hold."""

    mode = "F"

    def save(self, *_, **__):
        raise OSError


class Odd(str):
    """A text whose own methods cannot be trusted."""

    __slots__ = ()

    def __str__(self):
        raise ZeroDivisionError
