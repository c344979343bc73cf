"""What a stranger at the terminal sees, as far as no server is needed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from schemas.documents import (
    Destination,
    Job,
    ListDefinition,
    ReadRequest,
    Rule,
    RuleSet,
    WritebackRow,
    WritebackRun,
    WritebackSettings,
)
from workers import cli, wiring
from workers.adapters.secrets import generate_key
from workers.cli.output import debugging
from workers.console.lists import ListShown, ListStatus
from workers.console.run_reports import report_of
from workers.console.writeback_runs import Progress
from workers.core.preview import Moves, Preview
from workers.insights.forecast import Forecast
from workers.ports import FieldInfo, ListInfo, Refused, Unavailable

NEEDED = ("KAFKA_BOOTSTRAP_SERVERS", "MONGODB_URI", "TOKEN_ENCRYPTION_KEYS")

Main = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEGMENT_SYNC_ENV_FILE", raising=False)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1")
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", generate_key())
    monkeypatch.setattr(debugging, "on", False)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Main:
    """`segment-sync` with arguments: exit status, standard output, standard error on one line."""

    def called(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["segment-sync", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, " ".join(err.split())

    return called


def fails_with(error: BaseException) -> Callable[..., Any]:
    async def failing(*_: Any, **__: Any) -> None:
        raise error

    return failing


def answers(result: Any) -> Callable[..., Any]:
    async def answering(*_: Any, **__: Any) -> Any:
        return result

    return answering


# --- help ------------------------------------------------------------------------------------------------------------


def commands(command: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", {}).items()
    return [(path, command), *(each for name, inner in below for each in commands(inner, (*path, name)))]


ALL = commands(get_command(cli.app))
BY_PATH = dict(ALL)


def test_every_command_of_the_readme_is_there() -> None:
    top = {path[0] for path, _ in ALL if len(path) == 1}
    assert top == {
        *("demo", "up", "sandbox"),
        *("capture", "routing", "insights", "scores-api", "scores", "replay"),
        *("backfill", "explain", "jobs", "writeback"),
        *("connections", "teams", "lists", "rules", "segments", "mappings", "skips"),
    }


@pytest.mark.parametrize("path", BY_PATH, ids=" ".join)
def test_help_says_what_each_command_and_option_does(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli.app, [*path, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    command = BY_PATH[path]
    assert command.help
    assert command.help.splitlines()[0] in result.output
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name} has no help"


@pytest.mark.parametrize("group", ["connections", "teams", "lists", "rules", "segments", "mappings", "skips", "jobs"])
def test_a_group_alone_shows_its_help(group: str) -> None:
    result = CliRunner().invoke(cli.app, [group])
    assert f"{group} [OPTIONS] COMMAND" in result.output


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("capture",), ("routing",), ("insights",), ("replay",), ("connections", "list")])
def test_missing_settings_are_all_named(main: Main, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]) -> None:
    for name in NEEDED:
        monkeypatch.delenv(name)
    status, _, err = main(*command)
    assert status == 1
    assert err.endswith(
        "error: KAFKA_BOOTSTRAP_SERVERS: field required; MONGODB_URI: field required; TOKEN_ENCRYPTION_KEYS: field "
        "required. Set it in the environment or in the file that SEGMENT_SYNC_ENV_FILE names."
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MONGODB_URI", "", "MONGODB_URI: field required"),
        ("HEALTH_PORT", "http", "HEALTH_PORT: input should be a valid integer"),
        ("CAPTURE_HEADROOM_HOURS", "80", "CAPTURE_HEADROOM_HOURS: input should be less than 72"),
        ("HEALTH_PORT", "70000", "HEALTH_PORT: input should be less than or equal to 65535"),
        ("KAFKA_REPLICATION_FACTOR", "0", "KAFKA_REPLICATION_FACTOR: input should be greater than or equal to 1"),
        ("MONGODB_DRIVER", "odbc", "MONGODB_DRIVER: input should be 'pymongo' or 'motor'"),
        ("LOG_LEVEL", "loud", "LOG_LEVEL: input should be 'debug'"),
        ("SEGMENT_SYNC_ENV_FILE", "/nowhere/settings.env", "SEGMENT_SYNC_ENV_FILE names /nowhere/settings.env"),
        ("MONGODB_URI", "localhost", "MONGODB_URI is not a MongoDB connection string"),
    ],
)
def test_a_wrong_setting_is_named(
    main: Main, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    status, _, err = main("connections", "list")
    assert status == 1
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("key", ["short", "not base64!", "A" * 43])
def test_a_wrong_key_is_refused_before_anybody_logs_in(main: Main, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", f"{generate_key()},{key}")
    status, _, err = main("connections", "connect", "acme", "--client-id", "app", "--no-browser")
    assert status == 1
    assert "error: key 2 of TOKEN_ENCRYPTION_KEYS is not 32 bytes in url-safe base64" in err
    assert key not in err


def test_settings_come_from_a_file(main: Main, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    file = tmp_path / "settings.env"
    file.write_text("MONGODB_URI=nonsense\n")
    monkeypatch.setenv("SEGMENT_SYNC_ENV_FILE", str(file))
    monkeypatch.delenv("MONGODB_URI")
    assert "MONGODB_URI is not a MongoDB connection string" in main("connections", "list")[2]


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        Refused("team x is not connected"),
        Unavailable("team x is not connected"),
        ExceptionGroup("tasks", [ExceptionGroup("inner", [Refused("team x is not connected")])]),
    ],
)
def test_an_expected_error_is_one_sentence(main: Main, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(wiring, "connections", fails_with(error), raising=False)
    assert main("connections", "list") == (1, "", "error: team x is not connected")


def test_debug_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "connections", fails_with(Refused("no")), raising=False)
    monkeypatch.setattr("sys.argv", ["segment-sync", "--debug", "connections", "list"])
    with pytest.raises(Refused):
        cli.main()


@pytest.mark.parametrize("error", [KeyError("bug"), ExceptionGroup("tasks", [Refused("no"), KeyError("bug")])])
def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(wiring, "connections", fails_with(error), raising=False)
    monkeypatch.setattr("sys.argv", ["segment-sync", "connections", "list"])
    with pytest.raises(type(error)):
        cli.main()


def test_an_error_is_shown_as_it_is_but_for_secrets(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    error = Refused("list [bold]A[/x] of mongodb://ada:F00D@db: bearer 00D5e000001AbCdEAF!AQ4AQFTH.IS")
    monkeypatch.setattr(wiring, "connections", fails_with(error), raising=False)
    _, _, err = main("connections", "list")
    assert err.startswith("error: list [bold]A[/x] of mongodb://[redacted]@db: ")
    assert "AQ4AQFTH" not in err


@pytest.mark.parametrize("team", ["Acme", "a:b", "-a", "a" * 64, "ä"])
def test_a_team_of_another_form_is_refused(main: Main, team: str) -> None:
    status, _, err = main("teams", "status", "--", team)
    assert status == 2
    assert "lower-case letters" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rules", "add", "acme", "lead", "--list", "A"), "one of --only, --new-segment NAME, --existing-segment"),
        (("rules", "add", "acme", "lead", "--list", "A", "--only", "--new-segment", "B"), "say where the lists go"),
        (("insights", "--team", "acme"), "--team goes with --once or --now"),
        (("insights", "--due", "--team", "acme"), "--team goes with --once or --now"),
        (("insights", "--due", "--now"), "exclude each other"),
        (("replay", "--from", "yesterday"), "--from yesterday: give 'earliest' or an ISO time"),
        (
            ("connections", "connect", "acme", "--client-id", "app", "--client-credentials"),
            "SALESFORCE_CLIENT_SECRET is not",
        ),
    ],
)
def test_options_that_do_not_go_together_are_explained(
    main: Main, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.delenv("SALESFORCE_CLIENT_SECRET", raising=False)
    status, _, err = main(*arguments)
    assert status == 1
    assert said in err


# --- output ----------------------------------------------------------------------------------------------------------

LISTS = [ListInfo("00B000000000001AAA", "[red]Größe[/x]", "Size")]


def test_json_is_one_document_on_standard_output(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "visible_lists", answers(LISTS), raising=False)
    status, out, err = main("lists", "list", "acme", "lead", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == [{"id": "00B000000000001AAA", "label": "[red]Größe[/x]", "developer_name": "Size"}]


def test_what_customers_write_is_no_markup(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "visible_lists", answers(LISTS), raising=False)
    status, out, _ = main("lists", "list", "acme", "lead")
    assert status == 0
    assert "[red]Größe[/x]" in out


@pytest.mark.parametrize(("state", "status"), [("done", 0), ("failed", 1)])
def test_a_failed_write_back_fails_the_command(
    main: Main, monkeypatch: pytest.MonkeyPatch, state: str, status: int
) -> None:
    run = WritebackRun.model_validate(
        {"team": "acme", "run_id": "r", "state": state, "started_at_ms": 1, "planned": 2, "detail": "[why]"}
    )
    monkeypatch.setattr(wiring, "write_back", answers([run]), raising=False)
    code, _, err = main("insights", "--once")
    assert code == status
    assert err == "acme: 2 changed, 0 accepted, 0 rejected, 0 unprocessed ([why])"


# --- lists -----------------------------------------------------------------------------------------------------------

OWNERS = ListDefinition(
    list_id="00B000000000001AAA", entity="lead", label="Of [Ann]", scope="everything", where={}, fetched_at_ms=1
)


def test_a_list_says_who_evaluates_it(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = ListShown(OWNERS, 1_234, ("the condition on Owner.Name",))
    monkeypatch.setattr(wiring, "show_list", answers(shown), raising=False)
    status, out, _ = main("lists", "show", "acme", "lead", "Of [Ann]")
    assert status == 0
    assert all(part in out for part in ("Of [Ann]", "1,234", "by Salesforce", "Owner.Name"))
    monkeypatch.setattr(wiring, "show_list", answers(ListShown(OWNERS, None, unusable="mru")), raising=False)
    status, out, _ = main("lists", "show", "acme", "lead", "Of [Ann]", "--json")
    document = json.loads(out)
    assert (document["records"], document["evaluated"], document["unusable"]) == (
        None,
        "not: no rule can use it",
        "mru",
    )


def test_lists_in_use_tell_their_trouble_and_their_last_comparison(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    job = Job(
        team="acme",
        job_id="list-00B000000000001AAA",
        kind="list",
        state="done",
        report={"rows": 71, "missing": 3, "repaired": 2},
        detail="for example 00Q000000000001AAA",
        updated_at_ms=1,
        finished_at_ms=1_793_491_200_000,
    )
    found = [
        ListStatus(OWNERS, ("lead-1",), ("the condition on Owner.Name",), job),
        ListStatus(OWNERS.model_copy(update={"label": "Gone", "trouble": "it was deleted"}), ("lead-2",), (), None),
    ]
    monkeypatch.setattr(wiring, "list_statuses", answers(found), raising=False)
    status, out, _ = main("lists", "status", "acme")
    assert status == 0
    for part in ("2026-11-01 00:00 UTC", "71", "for example", "stands still", "it was deleted", "not yet"):
        assert part in out
    status, out, _ = main("lists", "status", "acme", "--json")
    first, second = json.loads(out)
    assert (first["comparison"]["report"]["rows"], second["comparison"], second["trouble"]) == (
        71,
        None,
        "it was deleted",
    )


def test_a_rule_says_what_only_salesforce_can_tell_about_its_lists(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    where = {"field": "Owner.Name", "operator": "equals", "values": ["'Ann'"]}
    definition = OWNERS.model_copy(update={"where": where, "query": "SELECT Name FROM Lead WHERE Owner.Name = 'Ann'"})
    rule = Rule(
        rule_id="lead-1",
        entity="lead",
        list_ids=(OWNERS.list_id,),
        destination=Destination(kind="only"),
        created_at_ms=1,
    )
    rule_set = RuleSet(team="acme", rules=(rule,), lists={OWNERS.list_id: definition})
    monkeypatch.setattr(wiring, "load_rule_set", answers(rule_set), raising=False)
    monkeypatch.setattr(wiring, "segment_names", answers({}), raising=False)
    status, out, _ = main("rules", "list", "acme")
    assert (status, "the condition on Owner.Name" in out) == (0, True)
    status, out, _ = main("rules", "list", "acme", "--json")
    assert json.loads(out)[0]["notes"][0].startswith("Salesforce is asked who is in list “Of [Ann]”")


# --- jobs ------------------------------------------------------------------------------------------------------------

ASKS = Job(
    team="acme",
    job_id="sweep-lead",
    kind="sweep",
    state="needs_confirmation",
    request=ReadRequest(entity="lead"),
    done=20,
    total=20,
    detail="7 of 20 leads are not to be found",
    report={"missing": 7, "in_recycle_bin": 0},
    updated_at_ms=1,
)


def test_a_backfill_is_followed_to_its_end(main: Main, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[dict[str, Any]] = []

    async def request(_: object, team: str, entity: str, **what: Any) -> Job:
        asked.append({"team": team, "entity": entity, **what})
        return ASKS.model_copy(update={"kind": "backfill", "state": "pending"})

    monkeypatch.setattr("workers.cli.jobs.LOOK_SECONDS", 0.0)
    monkeypatch.setattr(wiring, "request_backfill", request, raising=False)
    ended = ASKS.model_copy(update={"kind": "backfill", "state": "done", "report": {"read": 2}})
    monkeypatch.setattr(wiring, "job", answers(ended), raising=False)
    ids = tmp_path / "ids"
    ids.write_text("00Q000000000001EAA\n00Q000000000002EAA\n")
    status, out, _ = main("backfill", "acme", "--entity", "lead", "--ids", f"@{ids}", "--json")
    assert (status, json.loads(out)["report"]) == (0, {"read": 2})
    assert asked[0]["ids"] == ("00Q000000000001EAA", "00Q000000000002EAA")
    status, _, _ = main("backfill", "acme", "--entity", "lead", "--since", "2026-11-01T00:00:00Z", "--dry-run")
    assert status == 0
    assert (asked[1]["since_ms"], asked[1]["dry_run"]) == (1_793_491_200_000, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "--since yesterday: give an ISO time"),
        (("--since", "2026-11-01", "--ids", "a"), "give --since or --ids, not both"),
        (("--ids", "@/nowhere/ids"), "--ids @/nowhere/ids"),
    ],
)
def test_a_backfill_that_cannot_be_meant_is_refused(main: Main, options: tuple[str, ...], said: str) -> None:
    status, _, err = main("backfill", "acme", "--entity", "lead", *options)
    assert (status, said in err) == (1, True)


def test_jobs_with_what_they_ask(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "jobs", answers([ASKS]), raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = main("jobs", "list", "acme")
    assert status == 0
    assert all(part in out for part in ("sweep-lead", "needs confirmation", "missing: 7", "7 of 20 leads"))


def test_a_job_that_fails_after_all_is_told_by_the_exit_status(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = ASKS.model_copy(update={"state": "failed", "detail": "INVALID_FIELD"})
    monkeypatch.setattr(wiring, "confirm_job", answers(failed), raising=False)
    status, _, err = main("jobs", "confirm", "acme", "sweep-lead")
    assert (status, "INVALID_FIELD" in err) == (1, True)


def test_a_job_that_the_org_refuses_for_now_is_not_waited_for(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    put_off = ASKS.model_copy(update={"state": "running", "detail": "INVALID_TYPE", "not_before_ms": 1_793_491_200_000})
    monkeypatch.setattr("workers.cli.jobs.LOOK_SECONDS", 0.0)
    monkeypatch.setattr(wiring, "confirm_job", answers(ASKS.model_copy(update={"state": "pending"})), raising=False)
    monkeypatch.setattr(wiring, "job", answers(put_off), raising=False)
    status, out, err = main("jobs", "confirm", "acme", "sweep-lead")
    assert status == 1
    assert "INVALID_TYPE | refused, tried again at 2026-11-01 00:00 UTC" in " ".join((out + err).split())


# --- previews --------------------------------------------------------------------------------------------------------


def test_a_preview_saves_nothing_and_tells_who_would_move(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    async def add_rule(*_: Any, do: object) -> Preview:
        assert do is not wiring.save
        moves = {"people": Moves(enter=1200), "accounts": Moves(leave=3)}
        why: dict[str, tuple[str, ...]] = {"Ours": ("it shows the records of the connected user's team",)}
        return Preview(10, 20, moves, {"vips": Moves(5, 1)}, {"no_email": 7}, {"title": 4}, why)

    monkeypatch.setattr(wiring, "add_rule", add_rule, raising=False)
    asked = ("rules", "add", "acme", "contact", "--list", "Ours", "--only", "--preview")
    status, out, err = main(*asked)
    assert (status, out) == (0, "")
    for said in (
        "extrapolated from 10 of 20",
        "+1,200 -0",
        "+0 -3",
        "segment vips",
        "+5 -1",
        "no email",
        "title",
        "Ours",
    ):
        assert said in err
    document = json.loads(main(*asked, "--json")[1])
    assert (document["sampled"], document["segments"]) == (True, {"vips": {"enter": 5, "leave": 1}})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("job_title",), "job_title: give TARGET=FIELD"),
        (("a=Title", "a=Phone"), "a is given twice"),
        ((), "nothing to map: give TARGET=FIELD"),
        (("a=Title", "--type", "b=text"), "b: give TARGET=FIELD"),
        (("a=Title", "--type", "a=money"), "money: choose one of text, number"),
        (("a=Title", "--prefer", "a=mine"), "mine: choose one of most_recent"),
    ],
)
def test_a_mapping_that_cannot_be_understood_is_named(main: Main, arguments: tuple[str, ...], said: str) -> None:
    status, _, err = main("mappings", "set", "acme", "contact", *arguments)
    assert (status, said in err) == (1, True), err


def test_fields_that_salesforce_computes_say_so(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    async def readable_fields(*_: Any) -> dict[str, FieldInfo]:
        grade = FieldInfo("Grade__c", "string", "Grade", calculated=True)
        return {"Title": FieldInfo("Title", "string", "Title"), "Grade__c": grade}

    monkeypatch.setattr(wiring, "readable_fields", readable_fields, raising=False)
    asked = ("mappings", "fields", "acme", "contact")
    shown = main(*asked)[1]
    assert shown.count("computed") == 1
    assert {each["name"]: each["computed"] for each in json.loads(main(*asked, "--json")[1])} == {
        "Title": False,
        "Grade__c": True,
    }


# --- write-back ------------------------------------------------------------------------------------------------------

RUN = WritebackRun.model_validate(
    {
        "team": "acme",
        "run_id": "2026-11-23",
        "state": "done",
        "started_at_ms": 1_793_491_200_000,
        "finished_at_ms": 1_793_491_212_500,
        "planned": 1_200,
        "accepted": 1_197,
        "rejected": 3,
        "retried": 40,
        "rejections": {"FIELD_CUSTOM_VALIDATION_EXCEPTION": 3},
        "skipped": {"unknown": 12},
        "calls_used": 9,
        "calls_saved": 2,
        "jobs": {"contact-0": "750000000000001AAA"},
    }
)


@pytest.mark.parametrize(
    ("chosen", "shown"), [(None, "Asia/Tokyo, the org's time zone"), ("Europe/Oslo", "Europe/Oslo")]
)
def test_the_schedule_of_the_write_back_names_its_time_zone(
    main: Main, monkeypatch: pytest.MonkeyPatch, chosen: str | None, shown: str
) -> None:
    settings = WritebackSettings(team="acme", time_zone=chosen)
    monkeypatch.setattr(wiring, "writeback_settings", answers(settings), raising=False)
    monkeypatch.setattr(wiring, "org_time_zone", answers("Asia/Tokyo"), raising=False)
    assert f"daily at 02:00 ({shown})" in main("writeback", "show", "acme")[2]


def test_a_dry_run_of_the_write_back_tells_what_it_would_send(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    row = WritebackRow(
        team="acme",
        run_id="dry-run",
        record_id="003000000000001AAA",
        entity="contact",
        score=7.5,
        last_engagement_date="2026-11-01",
        before_score=3.0,
    )
    found = Forecast({"contact": 1_200}, {"unknown": 12}, (row,), 9, 1, 500, ("Lead has no field X",))
    monkeypatch.setattr(wiring, "writeback_forecast", answers(found), raising=False)
    status, out, err = main("writeback", "now", "acme", "--dry-run")
    said = " ".join((out + err).split())
    assert status == 0
    for part in (
        "1,200 contacts; about 9 API calls of 500",
        "12 scores of people and accounts that are not imported",
        "would fail: Lead has no field X",
        "7.5",
    ):
        assert part in said
    document = json.loads(main("writeback", "now", "acme", "--dry-run", "--json")[1])
    assert (document["planned"], document["sample"][0]["score"]) == (1_200, 7.5)


@pytest.mark.parametrize(("state", "status"), [("done", 0), ("failed", 1)])
def test_a_write_back_by_hand_is_followed_to_its_end(
    main: Main, monkeypatch: pytest.MonkeyPatch, state: str, status: int
) -> None:
    monkeypatch.setattr("workers.cli.writeback_runs.LOOK_SECONDS", 0.001)
    looked = asyncio.Event()

    async def write_back(*_: object, **__: object) -> list[WritebackRun]:
        await asyncio.wait_for(looked.wait(), 10)
        return [RUN.model_copy(update={"state": state})]

    async def so_far(*_: object) -> Progress:
        looked.set()
        return Progress(RUN, planned=1_200, settled=600)

    monkeypatch.setattr(wiring, "write_back", write_back, raising=False)
    monkeypatch.setattr(wiring, "writeback_progress", so_far, raising=False)
    code, out, err = main("writeback", "now", "acme", "--json")
    assert code == status
    assert json.loads(out)[0]["accepted"] == 1_197
    assert "1200/1200" in err


def test_a_report_tells_every_figure_that_is_there(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "writeback_report", answers(report_of(RUN)), raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = main("writeback", "report", "acme", "2026-11-23")
    assert status == 0
    for part in (
        "12.5 s",
        "1,197",
        "exempt the connected user",
        "12 scores of people",
        "9 (2 saved)",
        "750000000000001AAA",
    ):
        assert part in out
    assert "postponed" not in out


def test_rows_are_cut_at_the_limit_and_say_so(main: Main, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wiring, "writeback_rows", answers(([], True)), raising=False)
    status, out, err = main("writeback", "rows", "acme", "r", "--limit", "5", "--json")
    assert (status, json.loads(out)) == (0, [])
    assert "more than 5" in err
    status, _, err = main("writeback", "rows", "acme", "r", "--outcome", "lost")
    assert status == 2
    assert "'lost' is no outcome" in " ".join(err.split())
    status, _, err = main("writeback", "rows", "acme", "r", "--csv", str(tmp_path / "no" / "rows.csv"))
    assert status == 1
    assert "No such file" in err


@pytest.mark.parametrize("group", ["writeback", "insights"])
def test_an_undo_goes_by_either_name_and_starts_nothing_else(
    main: Main, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    monkeypatch.setattr(wiring, "undo_write_back", answers(RUN), raising=False)
    monkeypatch.setattr(wiring, "run_insights", None, raising=False)
    status, _, err = main(group, "undo", "acme", "2026-11-23")
    assert (status, err) == (0, "1197 put back, 0 left since they were changed, 3 rejected")
