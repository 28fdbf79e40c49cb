"""``spaceaudit token``: what programs show to be let into the API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from models.vocabulary import TokenScope
from service.config import load_config
from service.console import JsonOption, actor, examples, out, print_json, print_table
from service.tokens import TokenWish, add_token, revoke_token, tokens
from service.wording import local_time
from service.workspace import database_session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What programs show to use the API.", no_args_is_help=True)
    group.command(
        "add",
        epilog=examples(
            "token add ranking --scope verdicts:read --scope rankings:read",
            "token add county --scope verdicts:read --county 示例县 --days 90",
        ),
    )(add)
    group.command("list", epilog=examples("token list", "token list --json"))(show)
    group.command("revoke", epilog=examples("token revoke tk_1a2b3c4d"))(revoke)
    app.add_typer(group, name="token")


def add(
    name: Annotated[str, typer.Argument(help="What it is for, for people.")],
    scope: Annotated[list[TokenScope], typer.Option(help="What it may do; may be repeated.")],
    county: Annotated[str | None, typer.Option(help="The one county it sees; else all.")] = None,
    user: Annotated[
        str | None, typer.Option(help="In whose name it decides (cases:decide only).")
    ] = None,
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0: it does not.")] = 365,
) -> None:
    """Make a token, and show it once."""
    config = load_config()
    wish = TokenWish(name=name, scopes=scope, county=county, user=user, days=days or None)
    with database_session(config) as current:
        key, secret = add_token(current, wish, at=config.clock(), actor=actor())
    out.print(f"{key}: {name}", markup=False)
    out.print(f"token, shown only now: {secret}", markup=False)


def show(*, as_json: JsonOption = False) -> None:
    """List the tokens."""
    with database_session(load_config()) as current:
        found = tokens(current)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    rows = [
        (
            each.id,
            each.name,
            " ".join(scope.value for scope in each.scopes),
            each.county or "",
            "撤销" if each.revoked_at else local_time(each.expires_at)[:10],
            local_time(each.last_used_at),
        )
        for each in found
    ]
    print_table(("编号", "名称", "权限", "县区", "到期", "最近使用"), rows)


def revoke(key: Annotated[str, typer.Argument(help="The token's id, as list shows it.")]) -> None:
    """Revoke a token at once."""
    config = load_config()
    with database_session(config) as current:
        row = revoke_token(current, key, at=config.clock(), actor=actor())
        out.print(f"{row.id}: revoked", markup=False)
