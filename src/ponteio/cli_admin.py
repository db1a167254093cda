"""The words of administration: organizations, people, keys, instances, servers. Each opens the database for itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponteio.model.rights import KeyScope, Role

if TYPE_CHECKING:
    from ponteio.config import Settings

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Server = Annotated[str, typer.Option(help="The Evolution server's id.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read it from the first line of standard input.")]

org = typer.Typer(name="org", help="Organizations: the tenants of this deployment.", no_args_is_help=True)
user = typer.Typer(name="user", help="People: accounts, invitations, passwords.", no_args_is_help=True)
key = typer.Typer(name="key", help="API keys: shown once, kept as a hash.", no_args_is_help=True)
instance = typer.Typer(name="instance", help="Instances and who owns them.", no_args_is_help=True)
server = typer.Typer(name="server", help="Evolution API servers besides the environment's.", no_args_is_help=True)
keys = typer.Typer(name="keys", help="The keys that seal stored secrets.", no_args_is_help=True)
APPS = (org, user, key, instance, server, keys)


def with_settings(work: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    """Run a command that needs a database and no Evolution server."""
    from ponteio.commands import runner
    from ponteio.config import load_settings

    runner.run(work(runner.load(load_settings)))


@org.command("create")
def org_create(name: Annotated[str, typer.Argument(help="1 to 64 characters.")], as_json: AsJson = False) -> None:
    """Make an organization."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.create_organization(settings, name, as_json=as_json))


@org.command("list")
def org_list(as_json: AsJson = False) -> None:
    """List organizations."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.list_organizations(settings, as_json=as_json))


@org.command("disable")
def org_disable(organization: str) -> None:
    """Let nobody act for an organization. Its events are still stored."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.set_disabled(settings, organization, True))


@org.command("enable")
def org_enable(organization: str) -> None:
    """Undo `disable`."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.set_disabled(settings, organization, False))


@org.command("limits")
def org_limits(
    organization: str,
    changes: Annotated[list[str] | None, typer.Argument(help="sockets=200 links=default …; none: only show.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set and show an organization's limits."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.set_limits(settings, organization, changes or (), as_json=as_json))


@user.command("create")
def user_create(
    email: str,
    name: Annotated[str, typer.Option(help="How the person is called.")] = "",
    organization: Annotated[str, typer.Option("--org", help="The organization to be a member of.")] = "",
    role: Annotated[Role, typer.Option(help="What the member may do.")] = Role.ADMIN,
    operator: Annotated[bool, typer.Option("--operator", help="An operator of the deployment.")] = False,
    stdin: Stdin = False,
    as_json: AsJson = False,
) -> None:
    """Make an account. The password is asked for, or read with --stdin."""
    from ponteio.commands import people

    _either(organization, operator, role)
    with_settings(
        lambda settings: people.create_user(
            settings, email, name, organization=organization or None, role=role, stdin=stdin, as_json=as_json
        )
    )


@user.command("invite")
def user_invite(
    email: Annotated[str, typer.Option(help="Only for this address; anybody with the link if left out.")] = "",
    organization: Annotated[str, typer.Option("--org", help="The organization to be a member of.")] = "",
    role: Annotated[Role, typer.Option(help="What the member may do.")] = Role.AGENT,
    operator: Annotated[bool, typer.Option("--operator", help="An operator of the deployment.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a one-time link with which somebody joins."""
    from ponteio.commands import people

    _either(organization, operator, role)
    with_settings(
        lambda settings: people.invite(
            settings, organization=organization or None, role=role, email=email or None, as_json=as_json
        )
    )


@user.command("list")
def user_list(as_json: AsJson = False) -> None:
    """List accounts and their roles."""
    from ponteio.commands import people

    with_settings(lambda settings: people.list_users(settings, as_json=as_json))


@user.command("reset-password")
def user_reset_password(email: str, as_json: AsJson = False) -> None:
    """Print a one-time link for a new password."""
    from ponteio.commands import people

    with_settings(lambda settings: people.reset_password(settings, email, as_json=as_json))


@user.command("disable")
def user_disable(email: str) -> None:
    """Close an account. Its sessions and sockets end within two seconds."""
    from ponteio.commands import people

    with_settings(lambda settings: people.set_disabled(settings, email, True))


@user.command("enable")
def user_enable(email: str) -> None:
    """Undo `disable`."""
    from ponteio.commands import people

    with_settings(lambda settings: people.set_disabled(settings, email, False))


@key.command("create")
def key_create(
    organization: Annotated[str, typer.Option("--org", help="The organization's id or name.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="A key for the operator of the deployment.")] = False,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[list[KeyScope] | None, typer.Option(help="May be repeated; admin if left out.")] = None,
    instance: Annotated[list[str] | None, typer.Option(help="Only this instance; may be repeated.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="Only this event or family.*; may be repeated.")] = None,
    metadata_only: Annotated[bool, typer.Option("--metadata-only", help="No content of events.")] = False,
    days: Annotated[int, typer.Option(help="Expires after so many days; 0: never.", min=0, max=3650)] = 0,
    as_json: AsJson = False,
) -> None:
    """Make an API key and show it, once."""
    from ponteio.commands import admin, runner

    if bool(organization) == operator:
        runner.fail("give either --org or --operator", runner.EXIT_USAGE)
    if operator and (scope or instance or event or metadata_only or days):
        runner.fail("an operator's key has neither scopes nor limits", runner.EXIT_USAGE)
    wanted = admin.NewKey(
        organization or None,
        label,
        tuple(scope or ()),
        tuple(instance or ()),
        tuple(event or ()),
        metadata_only,
        days,
    )
    with_settings(lambda settings: admin.create_key(settings, wanted, as_json=as_json))


@key.command("list")
def key_list(as_json: AsJson = False) -> None:
    """List keys, without their secrets."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.list_keys(settings, as_json=as_json))


@key.command("revoke")
def key_revoke(key_id: str) -> None:
    """Revoke a key. Its sockets close within two seconds."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.revoke_key(settings, key_id))


@instance.command("list")
def instance_list(as_json: AsJson = False) -> None:
    """List the instances seen so far and their owners."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.list_instances(settings, as_json=as_json))


@instance.command("assign")
def instance_assign(
    name: Annotated[str, typer.Argument(help="The instance's name, exactly as Evolution has it.")],
    organization: Annotated[str, typer.Argument(help="The organization's id or name.")],
    move: Annotated[bool, typer.Option("--move", help="Take it from its present owner.")] = False,
    server: Server = "main",
) -> None:
    """Give an instance to an organization: its events go there from now on."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.assign_instance(settings, name, organization, move=move, server=server))


@instance.command("unassign")
def instance_unassign(name: str, server: Server = "main") -> None:
    """Take an instance from its owner: its events go to quarantine from now on."""
    from ponteio.commands import admin

    with_settings(lambda settings: admin.unassign_instance(settings, name, server=server))


@server.command("add")
def server_add(
    url: str,
    label: Annotated[str, typer.Option(help="How people call it.")] = "",
    global_events: Annotated[bool, typer.Option("--global", help="WEBSOCKET_GLOBAL_EVENTS is true there.")] = False,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Its address may be a private one.")] = False,
    stdin: Stdin = False,
    as_json: AsJson = False,
) -> None:
    """Add an Evolution API server. Its key is asked for, or read with --stdin, and kept sealed."""
    from ponteio.commands import servers

    with_settings(
        lambda settings: servers.add_server(
            settings,
            url,
            label=label,
            global_events=global_events,
            allow_private=allow_private,
            stdin=stdin,
            as_json=as_json,
        )
    )


@server.command("list")
def server_list(as_json: AsJson = False) -> None:
    """List the Evolution API servers."""
    from ponteio.commands import servers

    with_settings(lambda settings: servers.list_servers(settings, as_json=as_json))


@server.command("remove")
def server_remove(server_id: str) -> None:
    """Link to a server no more. What its instances sent stays."""
    from ponteio.commands import servers

    with_settings(lambda settings: servers.remove_server(settings, server_id))


@keys.command("rotate")
def keys_rotate() -> None:
    """Seal every stored secret anew with a new key."""
    from ponteio.commands import servers

    with_settings(servers.rotate_keys)


def _either(organization: str, operator: bool, role: Role) -> None:
    from ponteio.commands import runner

    if bool(organization) == operator:
        runner.fail("give either --org or --operator", runner.EXIT_USAGE)
    if role is Role.OPERATOR:
        runner.fail("an operator belongs to no organization: give --operator instead of a role", runner.EXIT_USAGE)
