"""The words in a tried file's pictures, read as a screening reads them."""

from __future__ import annotations

from audit.extract.records import Extraction, Gap, joined
from audit.pictures.files import look, unanswered
from audit.pictures.layout import script
from audit.pictures.reader import PictureReader
from audit.pictures.records import View
from models.vocabulary import NotScreened, Part, ResourceKind

Text = tuple[str, Part]


def pictures_of(
    data: bytes, kind: ResourceKind, name: str, extraction: Extraction, reader: PictureReader
) -> tuple[list[Text], list[Gap]]:
    """The texts of a file's pictures, and what of the file is still unread after them."""
    texts: list[Text] = []
    gaps = list(unanswered(kind, name, extraction))
    for looked in look(data, kind, extraction, reader.read):
        what = joined(name, looked.name)
        if looked.reading.reason is not None:
            gaps.append(Gap(what, looked.reading.reason))
        if looked.reading.unsure:
            unsure = f"{what}({looked.reading.unsure} 行文字识别没有把握)"
            gaps.append(Gap(unsure, NotScreened.PICTURE_TEXT))
        for view in looked.reading.views:
            texts += [(text, Part.IMAGE) for text in _said(view) if text]
    return texts, gaps


def _said(view: View) -> list[str]:
    return [
        script(view).text,
        *(f"图中{code.label}:{code.target}" for code in view.codes),
    ]
