"""Our side: carries out the crawl order in the file that is named."""

from __future__ import annotations

import sys
from pathlib import Path

from crawler.run import Progress, run
from crawler.task import CrawlOrder


def _ignore(_progress: Progress) -> None:
    """Nobody follows."""


if __name__ == "__main__":
    sys.exit(run(CrawlOrder.model_validate_json(Path(sys.argv[1]).read_text()), _ignore))
