"""Pictures of maps that show no approval number: a person must look, since no program can judge a map."""

from __future__ import annotations

import re

#: The rule under which such a picture is put before a person.
RULE = "political.maps.caption"
#: Words by which a picture says that it shows the country, a part of it, or the world.
_MAP = re.compile(
    r"(?:中国|我国|全国|世界|亚洲|东亚|台湾|南海诸岛|福建|泉州)(?:省|市)?(?:行政|政治|分省|疆域|地形|自然)?"
    r"(?:区划|区域)?(?:地图|政区图|政区|区划图|疆域图|版图|地形图|示意图|轮廓图)"
    r"|行政区划图|疆域图|政区图|世界地图|中国地图"
)
#: An approval number, or the words before it. OCR reads the brackets in many ways.
_APPROVED = re.compile(r"审图号\s*[:：为]?\s*(?:GS|[\u4e00-\u9fff]{1,2}[SＳ审])", re.IGNORECASE)


def unapproved_map(said: str, near: str) -> tuple[int, int] | None:
    """Where a picture's words say that it is a map, when no approval number stands near.

    Args:
        said: The picture's description and what was read in it.
        near: What else stands on its page or in its file.
    """
    found = _MAP.search(said)
    if found is None or _APPROVED.search(said) or _APPROVED.search(near):
        return None
    return found.span()
