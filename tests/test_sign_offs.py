"""逐级签署: whose word is on record, for which content, and what a missing one holds back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, select

from audit.facts import facts_of
from audit.sign_offs import SignOffError, levels_signed, sign
from audit.verdict import Judged, judge
from models.database import migrate, open_engine, session
from models.review_tables import SignOff
from models.tables import Nomination, Snapshot, Space, User
from models.vocabulary import Role, SignOffLevel, VerdictReason, VerdictState
from rules.policy import load_policy
from service.web.app import create_app
from tests.factories import CAMPAIGN, NOW, Made, add_campaign, make_desk
from tests.serving import client_of
from tests.signing_in import add_account, log_in, post

#: A space of 甲县第三中学 whose only hold is what was found on it: one suspect finding.
CODE = "s002"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=4)
    add_account(made, "教师示例", Role.TEACHER, "甲县", "甲县第三中学", "林晓文1")
    add_account(made, "学校示例", Role.SCHOOL_AUDITOR, "甲县", "甲县第三中学")
    add_account(made, "县区示例", Role.COUNTY_AUDITOR, "甲县")
    yield made
    engine.dispose()


def space_id(current: Session) -> int:
    return current.exec(select(Space.id).where(Space.code == CODE)).one() or 0


def put(current: Session, made: Made, name: str, *, withdraw: bool = False) -> SignOff:
    user = current.exec(select(User).where(User.name == name)).one()
    at = made.desk.clock()
    return sign(current, user, space_id(current), withdraw=withdraw, note="", at=at)


def missing(current: Session) -> str:
    """What the verdict names as missing; "" when nothing is."""
    judged: Judged = judge(facts_of(current, space_id(current)), load_policy("signed"))
    named = [g for g in judged.grounds if g.code is VerdictReason.SIGN_OFF_MISSING]
    assert all(ground.state is VerdictState.PENDING for ground in named)
    return named[0].basis if named else ""


def test_the_shipped_policy_asks_nobody_and_the_example_three_levels(made: Made) -> None:
    assert load_policy().required_sign_offs == ()
    needed = (SignOffLevel.TEACHER, SignOffLevel.SCHOOL, SignOffLevel.COUNTY)
    assert load_policy("signed").required_sign_offs == needed
    with session(made.desk.engine) as current:
        judged = judge(facts_of(current, space_id(current)), load_policy())
        assert VerdictReason.SIGN_OFF_MISSING not in [g.code for g in judged.grounds]


def test_each_level_signs_for_itself_and_what_is_missing_is_named(made: Made) -> None:
    with session(made.desk.engine) as current:
        assert missing(current) == "缺:教师同意开放、学校安全签署、县区安全签署"
        put(current, made, "学校示例")
        assert missing(current) == "缺:教师同意开放、县区安全签署"
        word = put(current, made, "教师示例")
        assert (word.signed_name, word.snapshot_id, word.level) == (
            "教师示例",
            "sn1",
            SignOffLevel.TEACHER,
        )
        put(current, made, "县区示例")
        assert missing(current) == ""
        put(current, made, "学校示例", withdraw=True)
        assert missing(current) == "缺:学校安全签署"


def test_safety_is_signed_on_one_content_and_consent_on_any(made: Made) -> None:
    with session(made.desk.engine) as current:
        for name in ("教师示例", "学校示例", "县区示例"):
            put(current, made, name)
        old = current.get_one(Snapshot, "sn1")
        values = old.model_dump() | {"id": "new", "crawl_id": "c1", "content_digest": "sha256:new"}
        facts = facts_of(current, space_id(current))
        newer = Snapshot(**values)
        assert facts.signed == {SignOffLevel.TEACHER, SignOffLevel.SCHOOL, SignOffLevel.COUNTY}
    from_file = levels_of(made, newer)
    assert from_file == {SignOffLevel.TEACHER}


def levels_of(made: Made, snapshot: Snapshot) -> frozenset[SignOffLevel]:
    with session(made.desk.engine) as current:
        return levels_signed(current, snapshot)


def test_consent_in_the_nomination_file_counts_until_the_teacher_takes_it_back(made: Made) -> None:
    with session(made.desk.engine) as current:
        old = current.exec(select(Nomination).where(Nomination.space_id == space_id(current))).one()
        values = old.model_dump(exclude={"id"}) | {"revision": 2, "consent": True}
        current.add(Nomination(**values))
        current.flush()
        assert "教师" not in missing(current)
        put(current, made, "教师示例", withdraw=True)
        assert "教师同意开放" in missing(current)


def test_a_role_without_a_level_signs_nothing(made: Made) -> None:
    add_account(made, "排名示例", Role.RANKING_CLIENT)
    with session(made.desk.engine) as current, pytest.raises(SignOffError, match="不能签署"):
        put(current, made, "排名示例")


def test_a_level_signs_on_its_page_and_takes_it_back(made: Made) -> None:
    address = f"/campaigns/{CAMPAIGN}/spaces/{CODE}/sign-offs"
    with client_of(create_app(made.desk)) as client:
        assert log_in(client, "学校示例").status_code == 303
        assert "学校" in client.get(address).text
        assert post(client, address, word="sign", note="已逐页查看").status_code == 303
        shown = client.get(address).text
        assert "已逐页查看" in shown
        assert "sn1" in shown
        assert post(client, address, word="withdraw").status_code == 303
        assert "撤回签署" in client.get(address).text
    with session(made.desk.engine) as current:
        assert len(current.exec(select(SignOff)).all()) == 2
        assert current.exec(select(SignOff.at)).first() >= NOW  # type: ignore[operator]
