"""``spaceaudit export``: what is handed on as files."""

from __future__ import annotations

import csv
import io
import zipfile
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from models.audit_log import record
from models.database import session
from service.campaigns import find_campaign
from service.config import load_config
from service.console import CampaignOption, actor, examples, out
from service.notice_links import link_of
from service.notice_view import NoticeShown, paper_values, show_notice
from service.notices import listed_notices, visible_notice
from service.printing import print_page
from service.scope import EVERYTHING
from service.seals import load_sealer
from service.web.rendering import render_alone
from service.wording import local_time
from service.workspace import open_database

INDEX = "目录.csv"
_HEAD = ("编号", "空间", "县区", "学校", "教师", "状态", "期限", "是否逾期", "项数", "文件")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Hand on results as files.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("notices", epilog=examples("export notices --campaign 2022 --out 整改通知.zip"))(
        notices
    )
    app.add_typer(group, name="export")


def notices(
    campaign: CampaignOption,
    out_path: Annotated[Path, typer.Option("--out", help="The zip file to write.")],
) -> None:
    """Write the notices to mend of a campaign: a PDF each, and a list of them, in one zip."""
    config = load_config()
    sealer, printer = load_sealer(config.home), partial(print_page, config.browser)
    base = config.public_url.rstrip("/")
    engine = open_database(config)
    with session(engine) as current:
        row, now = find_campaign(current, campaign), config.clock()
        rows: list[tuple[str, ...]] = [_HEAD]
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
            for each in listed_notices(current, row, now):
                notice = visible_notice(current, EVERYTHING, each.notice.id)
                if notice is None:
                    continue
                shown = show_notice(current, notice, now)
                token = link_of(sealer, notice) if base else None
                link = f"{base}/mend/{token}" if token else None
                name = f"{notice.number:03d}-{each.code}.pdf"
                paper = render_alone("mend/paper.html", paper_values(shown, link))
                bundle.writestr(name, printer(paper))
                rows.append(_index_row(shown, name))
            bundle.writestr(INDEX, _csv(rows))
        details = {"notices": len(rows) - 1}
        subject = f"campaign:{campaign}"
        record(
            current,
            actor=actor(),
            action="notices.exported",
            at=now,
            subject=subject,
            details=details,
        )
    engine.dispose()
    out_path.write_bytes(buffer.getvalue())
    out.print(f"{len(rows) - 1} 份整改通知 → {out_path}", markup=False)
    if not base:
        out.print("未设置 SPACEAUDIT_PUBLIC_URL:通知上没有答复链接,请在页面上复制", markup=False)


def _index_row(shown: NoticeShown, name: str) -> tuple[str, ...]:
    notice, who = shown.notice, shown.nomination
    return (
        str(notice.number),
        who.code,
        who.county,
        who.school,
        who.teacher,
        notice.state.label,
        local_time(notice.due_at),
        "是" if shown.overdue else "否",
        str(len(shown.items)),
        name,
    )


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    """A sheet that Excel opens as Chinese, and in which no cell begins a formula."""
    written = io.StringIO()
    csv.writer(written).writerows([[_harmless(cell) for cell in row] for row in rows])
    return written.getvalue().encode("utf-8-sig")


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
