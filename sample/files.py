"""Makes the bytes of every file that the platform serves, faults included."""

from __future__ import annotations

from models.vocabulary import Openness
from sample.filespecs import Archive, Audio, Docx, FileSpec, Pdf, Picture, Pptx, Txt, Video, Xlsx
from sample.media import make_film, make_tune
from sample.office import make_docx, make_pptx, make_xlsx, make_zip
from sample.papers import make_pdf
from sample.pictures import make_picture
from sample.records import Resource

#: What a platform saved under a document's name instead of the document.
WALL = (
    b"<html>\n<head><title>Download</title></head>\n<body>\n"
    b"<center><h1>The page you asked for has moved</h1></center>\n<hr><center>nginx</center>\n"
    b"</body>\n</html>\n"
)


def make_file(spec: FileSpec) -> bytes:  # noqa: PLR0911  (one line a kind)
    """The bytes of a file."""
    match spec:
        case Docx():
            return make_docx(spec)
        case Pptx():
            return make_pptx(spec)
        case Xlsx():
            return make_xlsx(spec)
        case Pdf():
            return make_pdf(spec)
        case Txt():
            return spec.text.text.encode(spec.encoding)
        case Picture():
            return make_picture(spec)
        case Audio():
            return make_tune(spec.title, spec.notes)
        case Video():
            return make_film(spec.cards)
        case Archive():
            return make_zip({name: make_file(one) for name, one in spec.members.items()})


def resource_bytes(resource: Resource) -> bytes | None:
    """What the platform has on disk for a resource; None when it has nothing."""
    if resource.openness is Openness.EMPTY:
        return b""
    if resource.openness is Openness.DISGUISED:
        return WALL
    if resource.file is None:
        return None
    whole = make_file(resource.file)
    # Cut where an upload broke off: the end, where a zip keeps its directory, is gone.
    return whole[: len(whole) * 3 // 5] if resource.openness is Openness.CORRUPT else whole
