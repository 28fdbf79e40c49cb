"""The API's description: as it is checked in, and true of every answer (schemathesis)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from models.database import migrate, open_engine
from models.vocabulary import Role, TokenScope
from service.openapi import FILE, description
from service.web.app import create_app
from tests.factories import add_campaign, make_desk
from tests.serving import served
from tests.signing_in import add_account, bearer

#: For each operation and way of generating: enough to meet every parameter's edge, quick enough for each run.
EXAMPLES = 10


def test_the_description_that_is_checked_in_is_todays() -> None:
    assert FILE.read_text(encoding="utf-8") == description(), (
        "the API has changed: write docs/openapi.json anew with python -m service.openapi"
    )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('openapi') / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=8)
    add_account(made, "市级", Role.CITY_STAFF)
    held = bearer(made, *TokenScope, user="市级")
    with served(create_app(made.desk)) as address:
        yield f"{address}/api/v1", held
    engine.dispose()


SCHEMA = schemathesis.openapi.from_dict(json.loads(FILE.read_text(encoding="utf-8")))
OPERATIONS = sorted(each.ok().label for each in SCHEMA.get_all_operations())  # type: ignore[union-attr]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_described(
    api: tuple[str, dict[str, str]], label: str, mode: GenerationMode
) -> None:
    address, held = api
    method, path = label.split(" ")

    @given(SCHEMA[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate),
    )
    def conforms(case: Any) -> None:
        case.call_and_validate(base_url=address, headers=held)

    try:
        conforms()
    except Unsatisfiable:
        # The operation takes nothing that could be wrong.
        assert mode is GenerationMode.NEGATIVE
