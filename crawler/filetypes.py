"""Names and beginnings of files, and the record of what a look at one found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models.vocabulary import ResourceKind

#: Extensions by the kind that they claim; formats of teaching software are ``OTHER``.
_BY_KIND: Mapping[ResourceKind, str] = {
    ResourceKind.DOC: "doc dot wps wpt",
    ResourceKind.DOCX: "docx docm dotx",
    ResourceKind.PPT: "ppt pps pot dps dpt",
    ResourceKind.PPTX: "pptx pptm ppsx potx",
    ResourceKind.XLS: "xls xlt et ett",
    ResourceKind.XLSX: "xlsx xlsm xltx",
    ResourceKind.PDF: "pdf",
    ResourceKind.RTF: "rtf",
    ResourceKind.EPUB: "epub",
    ResourceKind.TXT: "txt csv md json",
    ResourceKind.SUBTITLE: "srt vtt ass ssa lrc",
    ResourceKind.HTML: "htm html xhtml",
    ResourceKind.ARCHIVE: "zip rar 7z gz tgz tar bz2 xz",
    ResourceKind.AUDIO: "mp3 m4a wav aac ogg oga flac wma amr mid midi",
    ResourceKind.VIDEO: "mp4 m4v mov avi flv webm mkv wmv mpg mpeg 3gp rm rmvb ogv m3u8",
    ResourceKind.IMAGE: "png jpg jpeg gif webp bmp tif tiff heic avif",
    ResourceKind.OTHER: "odt ods odp xlsb swf enb enbx ggb gsp hht notebook flipchart caj psd",
}

EXTENSIONS: Mapping[str, ResourceKind] = MappingProxyType(
    {name: kind for kind, names in _BY_KIND.items() for name in names.split()}
)

#: Beginnings of files that tell the kind by themselves.
SIGNATURES: tuple[tuple[bytes, ResourceKind], ...] = (
    (b"\x89PNG\r\n\x1a\n", ResourceKind.IMAGE),
    (b"\xff\xd8\xff", ResourceKind.IMAGE),
    (b"GIF87a", ResourceKind.IMAGE),
    (b"GIF89a", ResourceKind.IMAGE),
    (b"II*\x00", ResourceKind.IMAGE),
    (b"MM\x00*", ResourceKind.IMAGE),
    (b"BZh", ResourceKind.ARCHIVE),
    (b"\xfd7zXZ\x00", ResourceKind.ARCHIVE),
    (b"\x1f\x8b", ResourceKind.ARCHIVE),
    (b"ID3", ResourceKind.AUDIO),
    (b"\xff\xfb", ResourceKind.AUDIO),
    (b"\xff\xfa", ResourceKind.AUDIO),
    (b"\xff\xf3", ResourceKind.AUDIO),
    (b"\xff\xf2", ResourceKind.AUDIO),
    (b"\xff\xf1", ResourceKind.AUDIO),
    (b"\xff\xf9", ResourceKind.AUDIO),
    (b"fLaC", ResourceKind.AUDIO),
    (b"#!AMR", ResourceKind.AUDIO),
    (b"MThd", ResourceKind.AUDIO),
    (b"FLV\x01", ResourceKind.VIDEO),
    (b"\x1a\x45\xdf\xa3", ResourceKind.VIDEO),
    (b"\x00\x00\x01\xba", ResourceKind.VIDEO),
    (b"\x00\x00\x01\xb3", ResourceKind.VIDEO),
    (b".RMF", ResourceKind.VIDEO),
    (b"#EXTM3U", ResourceKind.VIDEO),
    (b"FWS", ResourceKind.OTHER),
    (b"CWS", ResourceKind.OTHER),
    (b"ZWS", ResourceKind.OTHER),
    (b"8BPS", ResourceKind.OTHER),
    (b"{\\rtf", ResourceKind.RTF),
)

#: Sound and film in Microsoft's container and in Ogg's: which of both, only the name says.
ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"
OGG = b"OggS"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the bytes of a file say.

    Attributes:
        kind: By content; None when it is not recognised, or hidden by the lock.
        locked: Nobody opens it without a password.
        cut: What shows that its end is missing.
        broken: What shows that it is damaged otherwise.
        note: What an officer should know besides, or what could not be checked.
        json: It is JSON.
    """

    kind: ResourceKind | None
    locked: bool = False
    cut: str | None = None
    broken: str | None = None
    note: str | None = None
    json: bool = False
