"""Reading nomination files: what comes out of a good one, and what is said of a bad one."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time
from pathlib import Path

import pytest

from models.vocabulary import SchoolKind
from service.errors import SheetError
from service.nomination_columns import REQUIRED, Column
from service.nomination_rows import NominationFile, address_problem, read_nominations
from service.sheets import OLE_MAGIC
from tests.nomination_samples import GOOD, numbered, row, table, write_csv, write_xlsx


def problems(file: NominationFile) -> list[tuple[int, str, str]]:
    return [(problem.row, problem.column, problem.value) for problem in file.refused]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_reads_in_every_encoding_and_delimiter(
    encoding: str, delimiter: str, tmp_path: Path
) -> None:
    cells = table([{"序号": "1", **row(备注='说“好”,\n再说;又说\t"好"')}])
    file = read_nominations(write_csv(tmp_path / "a.csv", cells, encoding, delimiter))
    assert file.refused == ()
    (read,) = file.rows
    assert (read.code, read.county, read.teacher) == ("s001", "示例县", "张三")
    assert read.school_kind is SchoolKind.RURAL
    assert (read.pilot, read.front_line, read.consent) == (False, True, True)
    assert read.note == '说“好”, 再说;又说 "好"'
    assert read.number == 2
    assert read.extra == {"序号": "1"}


def test_an_xlsx_reads_the_same_as_a_csv(tmp_path: Path) -> None:
    cells = table([row(额外="甲"), numbered(2) | {"额外": ""}])
    from_csv = read_nominations(write_csv(tmp_path / "a.csv", cells))
    from_xlsx = read_nominations(write_xlsx(tmp_path / "a.xlsx", {"汇总": cells}))
    assert from_csv.rows == from_xlsx.rows
    assert from_csv.rows[0].extra == {"额外": "甲"}


def test_columns_stand_in_any_order_and_are_written_in_many_ways(tmp_path: Path) -> None:
    headers = {
        "县区": "县 区",
        "学校": "*学校",
        "学校类别": "学校类别(城区/镇区/乡村/偏远)",
        "姓名": "姓名(必填)",
        "学段": "学段:",
        "是否5G专递课堂试点": "是否5g专递课堂试点",
        "空间地址": " 空间　地址\n",
    }
    renamed = {headers.get(name, name): value for name, value in reversed(GOOD.items())}
    file = read_nominations(write_xlsx(tmp_path / "a.xlsx", {"一": table([renamed])}))
    assert file.refused == ()
    assert file.rows[0].url == GOOD["空间地址"]
    assert file.rows[0].school_kind is SchoolKind.RURAL
    assert file.rows[0].pilot is False
    assert file.rows[0].extra == {}


def test_optional_columns_may_be_absent(tmp_path: Path) -> None:
    cells = table([{column: GOOD[column] for column in REQUIRED}])
    (read,) = read_nominations(write_csv(tmp_path / "a.csv", cells)).rows
    assert (read.code, read.school_kind, read.consent, read.unit) == ("", None, None, "")


def test_a_title_above_the_header_and_blank_rows_shift_the_numbers(tmp_path: Path) -> None:
    cells = table([GOOD])
    cells = [["2022年度推荐汇总表", "", ""], [], *cells, [], ["s9", *[""] * 13]]
    file = read_nominations(write_xlsx(tmp_path / "a.xlsx", {"一": cells}))
    assert [read.number for read in file.rows] == [4]
    assert {problem.row for problem in file.refused} == {6}


def test_rows_with_nothing_in_a_known_column_are_no_nominations(tmp_path: Path) -> None:
    cells = table([{"序号": "1", **GOOD}])
    cells.append(["2", *[""] * len(GOOD)])
    file = read_nominations(write_csv(tmp_path / "a.csv", cells))
    assert (len(file.rows), file.refused) == (1, ())


def test_the_sheet_with_the_columns_is_read_whatever_stands_before_it(tmp_path: Path) -> None:
    sheets = {"填表说明": [["请逐行填写"]], "汇总": table([GOOD]), "空": []}
    assert len(read_nominations(write_xlsx(tmp_path / "a.xlsx", sheets)).rows) == 1


def test_numbers_and_dates_in_cells_become_text(tmp_path: Path) -> None:
    header, values = table([row(备注="", 分数="", 日期="", 时刻="")])
    cells: list[object] = [
        7.0,
        *values[1:-3],
        9.5,
        datetime.combine(date(2022, 10, 10), time()),
        datetime.combine(date(2022, 10, 10), time(8)),
    ]
    (read,) = read_nominations(write_xlsx(tmp_path / "a.xlsx", {"一": [header, cells]})).rows
    assert read.code == "7"
    assert read.extra == {"分数": "9.5", "日期": "2022-10-10", "时刻": "2022-10-10 08:00:00"}


def test_a_formula_without_a_result_and_an_error_value_are_refused(tmp_path: Path) -> None:
    cells: list[list[object]] = [list(line) for line in table([GOOD, numbered(2), numbered(3)])]
    cells[2][4] = '=CONCATENATE("张","三")'
    cells[3][13] = "#REF!"
    file = read_nominations(write_xlsx(tmp_path / "a.xlsx", {"一": cells}))
    assert [read.number for read in file.rows] == [2]
    assert [(each.row, each.column) for each in file.refused] == [(3, "姓名"), (4, "备注")]
    assert "公式" in file.refused[0].reason


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("县区", "", "不能为空"),
        ("姓名", "  ", "不能为空"),
        ("空间名称", "长" * 201, "超过 200 字"),
        ("学校类别", "郊区", "城区/镇区/乡村/偏远"),
        ("是否一线教师", "也许", "是/否"),
        ("是否同意开放", "Y", "是/否"),
        ("编号", "s 1", "编号只能用"),
        ("编号", "../s1", "编号只能用"),
        ("备注", "a\x00b", "控制字符"),
        ("空间地址", "space.example.test/t/1", "http://"),
    ],
)
def test_a_bad_cell_refuses_its_row_and_no_other(
    column: str, value: str, says: str, tmp_path: Path
) -> None:
    cells = table([numbered(1), row(**{column: value}), numbered(3)])
    file = read_nominations(write_csv(tmp_path / "a.csv", cells))
    assert [read.number for read in file.rows] == [2, 4]
    (problem,) = file.refused
    assert (problem.row, problem.column) == (3, column)
    assert says in problem.reason


@pytest.mark.parametrize(
    ("column", "value", "read_as"),
    [
        (Column.TEACHER, "张　 三", "张三"),
        (Column.TEACHER, "Anna  Lee", "Anna Lee"),
        (Column.CODE, "S０1", "S01"),
        (Column.FRONT_LINE, " 是 ", True),
        (Column.FRONT_LINE, "", None),
        (Column.SCHOOL_KIND, "", None),
        (Column.TITLE, "我的　空间", "我的 空间"),
    ],
)
def test_layout_is_not_part_of_a_value(
    column: Column, value: str, read_as: object, tmp_path: Path
) -> None:
    file = read_nominations(write_csv(tmp_path / "a.csv", table([row(**{column: value})])))
    assert file.refused == ()
    assert getattr(file.rows[0], column.name.lower()) == read_as


def test_every_problem_of_a_row_is_named(tmp_path: Path) -> None:
    file = read_nominations(
        write_csv(tmp_path / "a.csv", table([row(姓名="", 空间地址="ftp://x", 学校类别="镇")]))
    )
    assert problems(file) == [(2, "学校类别", "镇"), (2, "姓名", ""), (2, "空间地址", "ftp://x")]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://space.example.test/t/1", None),
        ("https://space.example.test:8443/t?id=1#top", None),
        ("http://127.0.0.1:8000/s/1", None),
        ("http://[::1]:8000/s/1", None),
        ("http://例子.测试/空间", None),
        ("www.example.test", "开头"),
        ("javascript:alert(1)", "开头"),
        ("file:///etc/passwd", "开头"),
        ("http:///t/1", "主机"),
        ("http://", "主机"),
        ("http://a_b!c/", "主机"),
        ("http://host:99999/", "端口"),
        ("http://host:x/", "端口"),
        ("http://host:0/", "主机"),
        ("http://[::1/", "主机"),
        ("http://user:word@host/", "用户名"),
        ("http://a.test/1 http://b.test/2", "一格只写一个"),
        ("http:\\\\a.test\\1", "反斜杠"),
        ("http：//a.test/1", "全角"),
        ("http://a.test/1。", "全角"),
    ],
)
def test_addresses(url: str, says: str | None) -> None:
    problem = address_problem(url)
    assert problem is None if says is None else says in (problem or "")


def test_a_wrong_header_names_what_is_missing_and_what_is_nearest(tmp_path: Path) -> None:
    wrong = {"县区": "a", "学校": "b", "教师姓名": "c", "学段": "d", "学科": "e", "空间名称": "f"}
    with pytest.raises(SheetError) as caught:
        read_nominations(write_csv(tmp_path / "a.csv", table([wrong])))
    assert "缺少列:姓名(是否写成了“教师姓名”?)、空间地址" in caught.value.message
    assert "第 1 行" in caught.value.message
    assert all(column in caught.value.hint for column in REQUIRED)


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "是空的"),
    "only spaces": (b" \r\n\r\n", "是空的"),
    "only a header": ("\n".join([",".join(GOOD)]).encode(), "没有一行提名"),
    "no header": (b"1,2,3\n4,5,6\n", "找不到表头"),
    "a column twice": ((",".join([*GOOD, "姓名"]) + "\n1").encode(), "重复的列:姓名"),
    "an open quote": ((",".join(GOOD) + '\n"s1,').encode(), "引号"),
    "a web page": ("<html><table>县区</table></html>".encode(), "网页"),
    "a picture": (bytes.fromhex("89504e470d0a1a0a") + bytes(range(256)), "编码"),
    "an old xls": (OLE_MAGIC + bytes(600), "旧格式"),
    "behind a password": (
        OLE_MAGIC + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
        "打开密码",
    ),
    "half an xlsx": (b"PK\x03\x04" + bytes(100), "不是完好的 xlsx"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_file_that_cannot_be_read_says_why(case: str, tmp_path: Path) -> None:
    content, says = BAD_FILES[case]
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(SheetError) as caught:
        read_nominations(path)
    assert says in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.hint


def test_a_missing_file_and_a_folder_say_so(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(SheetError, match="打不开"):
            read_nominations(path)


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as package:
        package.writestr("word/document.xml", "<w/>")
    with pytest.raises(SheetError, match="不是完好的 xlsx"):
        read_nominations(tmp_path / "a.xlsx")


def test_a_damaged_sheet_is_refused(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "whole.xlsx", {"一": table([GOOD])})
    with zipfile.ZipFile(whole) as package, zipfile.ZipFile(tmp_path / "a.xlsx", "w") as damaged:
        for name in package.namelist():
            content = package.read(name)
            damaged.writestr(name, content[:300] if name.endswith("sheet1.xml") else content)
    with pytest.raises(SheetError, match="不是完好的 xlsx"):
        read_nominations(tmp_path / "a.xlsx")


def test_an_empty_workbook_and_a_wrong_sheet_are_named(tmp_path: Path) -> None:
    with pytest.raises(SheetError, match="没有内容"):
        read_nominations(write_xlsx(tmp_path / "a.xlsx", {"一": []}))
    path = write_xlsx(tmp_path / "b.xlsx", {"说明": [["请填表"]], "汇总": table([GOOD])})
    with pytest.raises(SheetError, match="没有工作表“汇总表”") as caught:
        read_nominations(path, "汇总表")
    assert caught.value.hint == "现有工作表:说明、汇总"
    with pytest.raises(SheetError, match="找不到表头"):
        read_nominations(path, "说明")


def test_two_sheets_that_both_fit_are_not_guessed_between(tmp_path: Path) -> None:
    sheets = {"甲县": table([numbered(1)]), "乙县": table([numbered(2)])}
    path = write_xlsx(tmp_path / "a.xlsx", sheets)
    with pytest.raises(SheetError, match="甲县、乙县"):
        read_nominations(path)
    assert read_nominations(path, "乙县").rows[0].code == "s002"
