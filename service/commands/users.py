"""``spaceaudit user``: who may sign in and decide, in which role."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from models.vocabulary import Role
from service.config import load_config
from service.console import JsonOption, actor, examples, out, print_json, print_table
from service.logins import give_one_time_password
from service.sessions import end_sessions
from service.users import accounts, add_user, disable_user, enable_user
from service.workspace import database_session

NameArgument = Annotated[str, typer.Argument(help="Name of the user.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Who may decide, in which role.", no_args_is_help=True)
    group.command(
        "add",
        epilog=examples(
            "user add wang --role county_auditor --county 示例县", "user add li --role city_staff"
        ),
    )(add)
    group.command("list", epilog=examples("user list", "user list --json"))(show)
    group.command("disable", epilog=examples("user disable wang"))(disable)
    group.command("enable", epilog=examples("user enable wang"))(enable)
    group.command("password", epilog=examples("user password wang"))(password)
    app.add_typer(group, name="user")


def add(
    name: NameArgument,
    role: Annotated[Role, typer.Option(help="What the user may do.")],
    county: Annotated[
        str | None, typer.Option(help="The county that an auditor of a county or school sees.")
    ] = None,
    school: Annotated[
        str | None, typer.Option(help="The school that a school's auditor or a teacher is of.")
    ] = None,
    teacher: Annotated[
        str | None, typer.Option(help="The teacher's name in the nominations.")
    ] = None,
) -> None:
    """Add a user, and tell the one-time password."""
    config = load_config()
    with database_session(config) as current:
        user = add_user(
            current,
            name,
            role,
            county,
            school=school,
            teacher=teacher,
            at=config.clock(),
            actor=actor(),
        )
        current.flush()
        told = give_one_time_password(current, user.name, at=config.clock(), actor=actor())
        place = " ".join(filter(None, (county, school, teacher)))
        out.print(f"{user.name}: {role.value} ({role.label}) {place}".rstrip(), markup=False)
        out.print(f"one-time password, shown only now: {told}", markup=False)


def show(*, as_json: JsonOption = False) -> None:
    """List the users."""
    with database_session(load_config()) as current:
        found = accounts(current)
    if as_json:
        print_json([asdict(account) for account in found])
        return
    rows = [
        (
            each.name,
            each.role.label,
            each.county or "",
            each.school or "",
            "停用" if each.disabled else "",
        )
        for each in found
    ]
    print_table(("姓名", "角色", "县区", "学校", "状态"), rows)


def disable(name: NameArgument) -> None:
    """Disable a user and end all log-ins; what the user decided stays."""
    config = load_config()
    with database_session(config) as current:
        user = disable_user(current, name, at=config.clock(), actor=actor())
        end_sessions(current, user.id or 0, config.clock())
        out.print(f"{user.name}: disabled", markup=False)


def enable(name: NameArgument) -> None:
    """Let a disabled user act again."""
    config = load_config()
    with database_session(config) as current:
        user = enable_user(current, name, at=config.clock(), actor=actor())
        out.print(f"{user.name}: enabled", markup=False)


def password(name: NameArgument) -> None:
    """Give a user a new one-time password; all log-ins of the user end."""
    config = load_config()
    with database_session(config) as current:
        told = give_one_time_password(current, name, at=config.clock(), actor=actor())
    out.print(f"one-time password, shown only now: {told}", markup=False)
