"""One-line breaks of isolation, each with the test that must notice."""

from __future__ import annotations

from dataclasses import dataclass

MATRIX = "tests/security/test_isolation_matrix.py::"
HOUSE = "tests/security/test_house_isolation.py::"
SOCKETS = "tests/security/test_socket_isolation.py::"
REVOCATION = "tests/security/test_revocation_house.py::"
PASSING = "tests/live/test_passing.py::"
RETENTION = "tests/eventlog/test_retention.py::"
CHOICES = "tests/laws/test_choice_law.py::"
DELIVERY = "tests/notify/test_delivery_worker.py::"


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `file` (below `src/ponteio`) the one line that holds `old` has `new` in its place; `killer` is a test's id."""

    name: str
    file: str
    old: str
    new: str
    killer: str


MUTANTS = [
    Mutant(
        "the log is read without its owner",
        "eventlog/reading.py",
        'terms = ["organization_id = ?", "seq > ?", "seq <= ?"]',
        'terms = ["? <> \'\'", "seq > ?", "seq <= ?"]',
        MATRIX + "test_lists_hold_nothing_of_anybody_else",
    ),
    Mutant(
        "a narrowed credential reads the whole log",
        "eventlog/reading.py",
        "for some in (scope.allowed, wanted):",
        "for some in (wanted,):",
        MATRIX + "test_a_narrowed_key_sees_its_instance_alone",
    ),
    Mutant(
        "a socket joins the first room there is",
        "live/rooms.py",
        "room = self._rooms[admission.scope.organization_id]",
        "room = next(iter(self._rooms.values()))",
        SOCKETS + "test_no_packet_opens_a_room_of_another_organization[sqlite]",
    ),
    Mutant(
        "a cookie counts on every page that may connect",
        "live/request.py",
        "if not is_origin_trusted(origins[0], host, options.own_origins, options.allowed_origins):",
        "if host is None:",
        SOCKETS + "test_any_page_may_connect_where_the_operator_says_so_but_without_a_cookie",
    ),
    Mutant(
        "a cookie changes things without its CSRF token",
        "api/authentication.py",
        'if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(token).encode()):',
        "if hmac is None:",
        MATRIX + "test_a_cookie_alone_changes_nothing",
    ),
    Mutant(
        "a ticket is good for all who try at once",
        "tenancy/tickets.py",
        "this = (tickets.c.ticket_id == offered.ticket_id, tickets.c.used_at.is_(None), tickets.c.expires_at > now)",
        "this = (tickets.c.ticket_id == offered.ticket_id, tickets.c.expires_at > now)",
        SOCKETS + "test_two_sockets_with_one_ticket_are_one_too_many[sqlite]",
    ),
    Mutant(
        "a route does not look at the right that it needs",
        "tenancy/permissions.py",
        "if right not in principal.rights:",
        "if not principal.rights:",
        MATRIX + "test_deletions_are_refused_to_whoever_lacks_the_right",
    ),
    Mutant(
        "keys and tickets of a disabled organization still work",
        "tenancy/authenticator.py",
        "return organization is not None and organization.disabled_at is not None",
        "return organization is not None and organization.disabled_at is organization",
        SOCKETS + "test_nobody_gets_in_for_a_disabled_organization[sqlite]",
    ),
    Mutant(
        "nobody's right ever ends",
        "tenancy/authenticator.py",
        "ended = await self._judged(doubtful, good) if doubtful else {}",
        "ended = {}",
        "tests/tenancy/test_authenticator.py::test_a_revoked_key_ends_and_so_do_its_tickets[sqlite]",
    ),
    Mutant(
        "an instance is found by its name, whoever owns it",
        "tenancy/directory.py",
        "return self._image.owned_instance(scope.organization_id, name) if scope.covers(name) else None",
        'return self.find("main", name)',
        MATRIX + "test_foreign_ids_answer_like_ids_that_nobody_has",
    ),
    Mutant(
        "a signed token is good whomever it is for",
        "tenancy/signed_tokens.py",
        '"require": ["exp", "iat", "aud", "iss", "sub"],',
        '"require": ["exp", "iat", "iss", "sub"], "verify_aud": False,',
        SOCKETS + "test_every_kind_of_bad_credential_is_refused_at_the_handshake[sqlite]",
    ),
    Mutant(
        "everybody reads content over REST",
        "api/event_pages.py",
        'b",".join(event.envelope(sight) for event in self.events)',
        'b",".join(event.envelope(Sight()) for event in self.events)',
        MATRIX + "test_content_is_for_whoever_may_see_it",
    ),
    Mutant(
        "everybody hears content over sockets",
        "live/packets.py",
        "if sight.is_whole(self.event):",
        "if sight is not None:",
        REVOCATION + "test_lowering_a_role[sqlite]",
    ),
    Mutant(
        "keys are revoked by their id alone",
        "tenancy/api_keys.py",
        "return [api_keys.c.organization_id == organization_id]",
        "return []",
        MATRIX + "test_foreign_ids_answer_like_ids_that_nobody_has",
    ),
    Mutant(
        "members are found in every organization",
        "tenancy/memberships.py",
        "return (memberships.c.organization_id == organization_id, memberships.c.user_id == user_id)",
        "return (memberships.c.user_id == user_id,)",
        HOUSE + "test_a_foreign_name_answers_as_one_that_nobody_has[sqlite]",
    ),
    Mutant(
        "the audit log of all is everybody's",
        "tenancy/audit.py",
        "statement = statement.where(audit_log.c.organization_id == organization_id)",
        "statement = statement.where(audit_log.c.audit_id > 0)",
        MATRIX + "test_lists_hold_nothing_of_anybody_else",
    ),
    Mutant(
        "an event is whose it says, whatever link it came over",
        "tenancy/directory.py",
        "if event.target.instance is not None and event.target.instance != event.instance:",
        "if event.target.instance is not None and not event.instance:",
        "tests/tenancy/test_directory.py::test_an_event_that_contradicts_its_link_goes_to_nobody[sqlite]",
    ),
    Mutant(
        "what is not stored is shown to whoever may see another instance",
        "live/passing.py",
        "return view.shows(event.instance, event.event) and (view.question is None or view.question.passes(event))",
        "return view.question is None or view.question.passes(event)",
        PASSING + "test_only_who_may_and_wants_to_is_shown_it[sqlite]",
    ),
    Mutant(
        "what is not stored is shown whole to everybody",
        "live/passing.py",
        "packets[is_whole] = passing_packet(event, sight, self._options.event_bytes)",
        "packets[is_whole] = passing_packet(event, type(sight)(), self._options.event_bytes)",
        PASSING + "test_who_may_not_see_content_is_shown_metadata_and_no_oracle[sqlite]",
    ),
    Mutant(
        "what was removed is not said",
        "eventlog/retention.py",
        "if walk.raises_floor:",
        "if not walk:",
        RETENTION + "test_at_every_moment_readers_see_what_is_whole_or_are_told[sqlite-0]",
    ),
    Mutant(
        "a mark is believed under another choice",
        "eventlog/retention.py",
        '_MARK = "SELECT seq FROM retention_marks WHERE organization_id = ? AND keep_days = ? AND rules = ?"',
        "_MARK = \"SELECT seq FROM retention_marks WHERE organization_id = ? AND keep_days = ? AND ? <> ''\"",
        RETENTION + "test_another_choice_holds_for_what_is_there[sqlite]",
    ),
    Mutant(
        "what was shown is stored when it comes again",
        "sieve.py",
        "if fingerprint in self._unstored or (not policy.store and fingerprint in self._stored):",
        "if not policy.store and (fingerprint in self._unstored or fingerprint in self._stored):",
        CHOICES + "test_nothing_is_lost_and_nothing_twice_when_choices_change_under_traffic[sqlite-0]",
    ),
    Mutant(
        "a channel is found by its id alone",
        "notify/channels.py",
        "return channels.c.organization_id == organization_id, channels.c.channel_id == channel_id",
        "return channels.c.organization_id != organization_id + channel_id, channels.c.channel_id == channel_id",
        MATRIX + "test_foreign_ids_answer_like_ids_that_nobody_has",
    ),
    Mutant(
        "a message goes on channels of others",
        "notify/deliveries.py",
        "mine = channels.c.organization_id == organization_id",
        "mine = channels.c.organization_id != ''",
        "tests/notify/test_deliveries.py::test_a_message_waits_for_each_usable_channel_of_its_organization[sqlite]",
    ),
    Mutant(
        "whoever left is pushed to",
        "notify/push_subscriptions.py",
        "memberships.c.organization_id == organization_id,",
        "memberships.c.organization_id != '',",
        DELIVERY + "test_pushes_reach_the_devices_of_all_members_and_are_what_they_should_be[sqlite]",
    ),
    Mutant(
        "a disabled organization is pushed to",
        "notify/push_subscriptions.py",
        "organizations.c.disabled_at.is_(None),",
        "organizations.c.organization_id != '',",
        "tests/notify/test_push_subscriptions.py::test_who_is_reached[sqlite]",
    ),
    Mutant(
        "everybody is pushed what people wrote",
        "notify/push_subscriptions.py",
        "return self._keys(row), Right.CONTENT_READ in ROLE_RIGHTS[Role(row.role)]",
        "return self._keys(row), Role(row.role) in ROLE_RIGHTS and Right.EVENTS_READ in ROLE_RIGHTS[Role(row.role)]",
        DELIVERY + "test_pushes_reach_the_devices_of_all_members_and_are_what_they_should_be[sqlite]",
    ),
    Mutant(
        "a claim is not its claimer's alone",
        "notify/delivery_claims.py",
        ".values(due_at=now + LEASE, attempts=deliveries.c.attempts + 1)",
        ".values(due_at=now, attempts=deliveries.c.attempts + 1)",
        "tests/notify/test_delivery_claims.py::test_a_claim_is_one_processes_alone_until_its_time_is_over[sqlite]",
    ),
    Mutant(
        "whoever comes late settles",
        "notify/delivery_claims.py",
        "deliveries.c.attempts == claim.attempts,",
        "deliveries.c.attempts >= claim.attempts,",
        "tests/notify/test_delivery_claims.py::test_whoever_comes_late_settles_nothing[sqlite]",
    ),
    Mutant(
        "a repetition cannot be told",
        "notify/dispatch.py",
        "return await self._sent(opened, claim.delivery_id, claim.message, claim.created_at), ()",
        'return await self._sent(opened, new_id("msg"), claim.message, claim.created_at), ()',
        DELIVERY + "test_killed_between_sending_and_writing_down_it_is_sent_again_with_the_same_id[sqlite]",
    ),
    Mutant(
        "a dead server takes every turn",
        "notify/delivery_worker.py",
        "or lanes[one.lane] >= self._options.per_lane",
        "or lanes[one.lane] >= 1_000",
        DELIVERY + "test_a_dead_server_delays_nobody_else[sqlite]",
    ),
    Mutant(
        "a storm is not cut",
        "notify/deliveries.py",
        "return self._limit_of(organization_id) - int((await connection.execute(sent)).scalar_one())",
        "return self._limit_of(organization_id) + int((await connection.execute(sent)).scalar_one())",
        "tests/notify/test_deliveries.py::test_a_storm_is_cut_counted_and_told[sqlite]",
    ),
    Mutant(
        "private addresses are everybody's",
        "notify/http_post.py",
        "return self._options.private if is_private_allowed else self._options.connector",
        "return self._options.private",
        "tests/notify/test_http_post.py::"
        "test_private_addresses_are_out_of_bounds_unless_the_operator_names_the_host[127.0.0.1]",
    ),
    Mutant(
        "apprise may connect anywhere",
        "notify/apprise_child.py",
        "is_private_allowed = not self._private.isdisjoint({(host, None), (host, port)})",
        "is_private_allowed = bool(host) or (host, port) in self._private",
        "tests/notify/test_apprise_child.py::test_every_other_connection_is_refused",
    ),
    Mutant(
        "apprise may read our files",
        "notify/apprise_child.py",
        'if not any(real == one or real.startswith(one.rstrip("/") + "/") for one in self._readable):',
        "if not self._readable:",
        "tests/notify/test_apprise_child.py::test_only_what_was_named_can_be_read",
    ),
]
