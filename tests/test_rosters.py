"""Tables of pupils: rosters, rankings and contact lists are found, other tables are left alone."""

from __future__ import annotations

import io

import pytest
from openpyxl import Workbook

from audit.extract.worker import ExtractionWorker
from audit.rosters import TableKind, find_rosters
from audit.tables import (
    PlacedText,
    page_tables,
    rows_of_places,
    rows_of_text,
    tables,
)
from models.manifest import Line, TextBlock
from models.vocabulary import ResourceKind
from rules.surnames import is_person_name


def table(text: str) -> list[list[str]]:
    return rows_of_text(text)


ROSTER = "学号\t姓名\t性别\t家庭住址\n1\t林示例\t男\t东海街道示例小区3栋\n2\t陈小样\t女\t新门街8号\n3\t吴样本\t男\t梅岭路9号"
RANKING = "班级\t姓名\t语文\t数学\t总分\t名次\n一班\t林示例\t95\t98\t193\t1\n一班\t陈小样\t90\t91\t181\t2\n一班\t吴样本\t61\t70\t131\t3"
CONTACTS = "姓名\t家长\t联系电话\n林示例\t林大样\t13805950001\n陈小样\t陈大样\t13805950002\n吴样本\t吴大样\t13805950003"


@pytest.mark.parametrize(
    ("text", "kinds", "first"),
    [
        (ROSTER, {TableKind.ROSTER}, "家庭住址"),
        (RANKING, {TableKind.RANKING}, "语文"),
        (CONTACTS, {TableKind.CONTACTS}, "家长"),
        ("三年二班通讯录\n姓名 电话\n林示例 13805950001\n陈小样 13805950002\n吴样本 13805950003",
         {TableKind.CONTACTS}, "电话"),
        ("林示例 13805950001\n陈小样 13805950002\n吴样本 13805950003", {TableKind.CONTACTS}, "13805950001"),
        ("林示例 95\n陈小样 88\n吴样本 42", {TableKind.RANKING}, "95"),
        ("姓 名|出生日期\n林示例|2012-03-01\n陈小样|2012-05-06\n吴样本|2011/12/9", {TableKind.ROSTER}, "出生日期"),
        ("姓名\t备注(低保、残疾)\n林示例\t低保户\n陈小样\t残疾\n吴样本\t建档立卡", {TableKind.ROSTER}, "备注(低保、残疾)"),
    ],
)  # fmt: skip
def test_a_list_of_pupils_is_found(text: str, kinds: set[TableKind], first: str) -> None:
    hits = find_rosters(table(text))
    assert {hit.kind for hit in hits} == kinds
    assert hits[0].text == first
    assert hits[0].persons == 3
    assert table(text)[hits[0].row][hits[0].column] == first


@pytest.mark.parametrize(
    "text",
    [
        # What may stay: name, school, class, prize.
        "序号\t姓名\t学校\t班级\n1\t林示例\t示例小学\t三年一班\n2\t陈小样\t示例小学\t三年二班\n3\t吴样本\t样本小学\t四年一班",
        "作品\t姓名\t学校\t得分\t等次\n船\t林示例\t示例小学\t95\t一等奖\n山\t陈小样\t示例小学\t93\t一等奖\n海\t吴样本\t示例小学\t92\t二等奖",
        # Authors, teachers, historic persons.
        "姓名\t朝代\t出生日期\n李白\t唐\t701年2月\n杜甫\t唐\t712年2月\n苏轼\t宋\t1037年1月",
        "姓名\t出生日期\t代表作\n鲁迅\t1881年9月25日\t呐喊\n朱自清\t1898年11月22日\t背影\n叶圣陶\t1894年10月28日\t稻草人",
        "任课教师\t姓名\t办公电话\n语文\t林示例\t0595-22340001\n数学\t陈小样\t0595-22340002\n英语\t吴样本\t0595-22340003",
        # No names, masked names, masked cells, blank forms.
        "学号\t语文\t数学\t总分\n1\t95\t98\t193\n2\t90\t91\t181\n3\t88\t70\t158",
        "姓名\t总分\n林*例\t193\n陈*样\t181\n吴*本\t158",
        "姓名\t电话\n林示例\t138****0001\n陈小样\t138****0002\n吴样本\t138****0003",
        "姓名\t性别\t家庭住址\t联系电话\n\t\t\t\n\t\t\t",
        # Tables of a textbook.
        "城市\t1月\t7月\n北京\t-4\t26\n广州\t14\t29\n福州\t11\t29",
        "金属\t密度\n铜\t8.9\n铁\t7.9\n金\t19.3",
        "方法\t时间\n黄金分割\t95\n高斯消元\t88\n方程组\t42",
        "林示例 95",
    ],
)
def test_other_tables_are_left_alone(text: str) -> None:
    assert find_rosters(table(text)) == []


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("林示例", True), ("欧阳示例", True), ("陈宇", True), ("高兴", False), ("周末", False),
        ("安全", False), ("合计", False), ("林*例", False), ("三年一班", False), ("林", False), ("Tom", False),
    ],
)  # fmt: skip
def test_a_name_is_told_by_its_surname_and_by_being_no_word(name: str, is_one: bool) -> None:
    assert is_person_name(name) is is_one


def test_cells_of_a_sheet_and_lines_of_a_csv_make_tables() -> None:
    book = Workbook()
    assert book.active is not None
    for line in CONTACTS.splitlines():
        book.active.append(line.split("\t"))
    data = io.BytesIO()
    book.save(data)
    with ExtractionWorker() as worker:
        sheet = worker.extract(data.getvalue(), ResourceKind.XLSX, "a.xlsx")
        csv = CONTACTS.replace("\t", ",").encode("gb18030")
        lines = worker.extract(csv, ResourceKind.TXT, "a.csv")
    for extraction, where in ((sheet, "工作表“Sheet”!B1"), (lines, "第1行第2列")):
        found = list(tables((s.text, s.locator) for s in extraction.segments))
        hits = [(each, hit) for each in found for hit in find_rosters(each.rows)]
        assert [hit.kind for _, hit in hits] == [TableKind.CONTACTS]
        assert [each.locator(hit.row, hit.column) for each, hit in hits] == [where]


def test_cells_of_a_documents_table_make_a_table() -> None:
    runs = [
        (cell, f"表1 第{row}行第{column}列")
        for row, line in enumerate(ROSTER.splitlines(), 1)
        for column, cell in enumerate(line.split("\t"), 1)
    ]
    [found] = tables([("三年二班", "第1段"), *runs])
    [hit] = find_rosters(found.rows)
    assert (hit.kind, found.locator(hit.row, hit.column)) == (TableKind.ROSTER, "表1 第1行第4列")


def test_places_on_a_picture_make_rows_under_their_headings() -> None:
    runs = [
        PlacedText("姓名", 10, 10, 40, 20), PlacedText("语文", 110, 12, 40, 20), PlacedText("数学", 210, 11, 40, 20),
        PlacedText("林示例", 5, 40, 60, 20), PlacedText("95", 120, 41, 20, 20), PlacedText("98", 220, 40, 20, 20),
        PlacedText("陈小样", 5, 70, 60, 20), PlacedText("88", 220, 70, 20, 20),
        PlacedText("吴样本", 5, 100, 60, 20), PlacedText("61", 120, 100, 20, 20), PlacedText("70", 220, 100, 20, 20),
    ]  # fmt: skip
    rows = rows_of_places(runs)
    assert rows[0] == ["姓名", "语文", "数学"]
    assert rows[2] == ["陈小样", "", "88"]
    assert [hit.kind for hit in find_rosters(rows)] == [TableKind.RANKING]
    assert rows_of_places([]) == []


def test_a_table_on_a_page_is_read_by_the_places_of_its_cells() -> None:
    def block(text: str, row: int, column: int) -> TextBlock:
        line = Line(
            x=column * 100, y=row * 30, width=15 * len(text), height=20, start=0, end=len(text)
        )
        return TextBlock(text=text, locator="table > tbody > tr > td", lines=(line,))

    cells = [
        block(cell, row, column)
        for row, line in enumerate(RANKING.splitlines())
        for column, cell in enumerate(line.split("\t"))
    ]
    [found] = page_tables([TextBlock(text="成绩", locator="body > h1"), *cells])
    assert [hit.kind for hit in find_rosters(found.rows)] == [TableKind.RANKING]
    assert list(page_tables(cells[:4])) == []
