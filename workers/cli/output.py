"""Tables and progress for people on standard error, JSON for machines on standard output."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer
import uvloop
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from schemas.events import TeamId

console = Console(stderr=True)
T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output instead of a table.")]


def team_name(text: str) -> str:
    try:
        return TypeAdapter(TeamId).validate_python(text)
    except ValidationError:
        raise typer.BadParameter(f"{text!r} is no team: up to 63 lower-case letters, digits and dashes") from None


Team = Annotated[str, typer.Argument(help="The team: lower-case letters, digits and dashes.", callback=team_name)]


@dataclass(slots=True)
class Debugging:
    on: bool = False


debugging = Debugging()


def run(main: Coroutine[Any, Any, T]) -> T:
    return uvloop.run(main)


def show(as_json: bool, document: Any, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    if as_json:
        print_json(document)
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # Text: what customers write is no markup
    Console().print(table)


def print_json(document: Any) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False))


def progress_bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=False,
    )
