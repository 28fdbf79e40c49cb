"""The tests' own PostgreSQL server: one for a run, a database for each test."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine, text


@pytest.mark.postgres
def test_each_test_gets_a_database_of_its_own(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE mark (id int)"))
        encoding = connection.execute(text("SHOW server_encoding")).scalar()
    engine.dispose()
    assert encoding == "UTF8"


@pytest.mark.postgres
def test_the_next_one_is_empty_and_its_server_has_no_network_address(postgres_url: str) -> None:
    folder = postgres_url.partition("?host=")[2]
    name = postgres_url.partition("@/")[2].partition("?")[0]
    with psycopg.connect(host=folder, user="spaceaudit", dbname=name) as connection:
        count = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename = 'mark'")
        assert count.fetchone() == (0,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
