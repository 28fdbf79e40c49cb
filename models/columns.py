"""Column types of our own: vocabulary members and moments, the same on every database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, String, TypeDecorator
from sqlmodel import Field

from models.vocabulary import Term


class TermType(TypeDecorator[Term]):
    """A member of one vocabulary, stored as its value: a new member needs no migration."""

    impl = String(32)
    cache_ok = True

    def __init__(self, vocabulary: type[Term]) -> None:
        """Make the type for one vocabulary."""
        super().__init__()
        self.vocabulary = vocabulary
        self._members = {member.value: member for member in vocabulary}

    def process_bind_param(self, value: Term | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Store the value; a string outside the vocabulary is refused."""
        return None if value is None else self._members[value].value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Term | None:  # noqa: ARG002
        """Give the member back."""
        return None if value is None else self._members[value]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: UTC in and UTC out on every database; a naive time is a programming error."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a time without a zone, store the rest as UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give SQLite's naive answer its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def term(vocabulary: type[Term], *, index: bool = False, nullable: bool = False) -> Any:  # noqa: ANN401
    """A field that holds a vocabulary's member; a nullable one is None by default."""
    return _field(Column(TermType(vocabulary), index=index, nullable=nullable))


def moment(*, index: bool = False, nullable: bool = False) -> Any:  # noqa: ANN401
    """A field that holds a moment in UTC; a nullable one is None by default."""
    return _field(Column(UtcDateTime(), index=index, nullable=nullable))


def json_field() -> Any:  # noqa: ANN401
    """A field that holds nested lists and mappings of plain values."""
    return _field(Column(JSON(), nullable=False))


def _field(column: Column[Any]) -> Any:  # noqa: ANN401
    # SQLModel's own Field() is typed Any: the annotation beside it says what the field is.
    return Field(default=None, sa_column=column) if column.nullable else Field(sa_column=column)
