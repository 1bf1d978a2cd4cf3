"""What all commands share: help that ends with examples, and errors in the words that were typed.

A library function complains of its parameter `learning_rate`; whoever typed ``--lr`` should read
``--lr``. The one place that knows both is the command, so that it translates. Every misspelt word
is answered with the nearest that is known, and every mistake is one line.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from strongltn.errors import InvalidInputError, StrongLTNError, suggestion
from strongltn.process.exits import say

PROGRAM = "strongltn"
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
_MAX_SENTENCE = 300  # characters of what a command is for
_MAX_SHOWN = 80  # characters of a wrong value
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer has no public name for it

_PLAINER = {
    "a valid integer": "an integer",
    "a valid number": "a number",
    "greater than or equal to": ">=",
    "less than or equal to": "<=",
}
_OTHER_NAMES = {
    "directory": ("out",),
    "failure_probability": ("delta",),
    "hidden_widths": ("widths",),
    "num_draws": ("trials",),
    "num_heads": ("heads",),
    "num_restarts": ("restarts",),
    "num_samples": ("samples",),
    "num_steps": ("steps",),
    "num_trials": ("trials",),
    "seed": ("seeds",),
    "theorem": ("key",),
    "window": ("targets",),
}
"""What parameters of the library are called on the command line, where that differs."""

_PARTS = {
    **dict.fromkeys(("high", "low", "lower", "radius", "upper"), "domain"),
    **dict.fromkeys(("mask", "source", "target", "ticket"), "directory"),
}
"""What stands within the value of another option, as the radius in ``--domain ball:2``."""


class Command(TyperCommand):
    """A command whose help ends with examples and whose errors name options as they are typed."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it complains of is named as it was typed."""
        try:
            return super().invoke(ctx)
        except InvalidInputError as error:
            raise as_typed(error, ctx) from error

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, each on a line that can be copied whole."""
        _write_examples(self.epilog, formatter)


class Group(TyperGroup):
    """Commands under one name: without a word it shows its help, and so does the word "help"."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; "help" and nothing at all ask for help."""
        if not ctx.resilient_parsing:
            if not args:
                args = ["--help"]
            elif args[0] == "help" and "help" not in self.commands:
                args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of the first word, or say which one is near."""
        word = args[0]
        if self.get_command(ctx, word) is None and not ctx.resilient_parsing:
            if word.startswith("-"):
                return super().resolve_command(ctx, args)
            near = suggestion(word, self.commands) or f"Commands are {', '.join(self.commands)}."
            ctx.fail(f"there is no command {_short(word)}. {near}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write what each command is for: its first sentence, whole."""
        rows = [
            (name, self.commands[name].get_short_help_str(_MAX_SENTENCE))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, each on a line that can be copied whole."""
        _write_examples(self.epilog, formatter)


class Program(Group):
    """The whole command line."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command of the words of the command line, and end with its exit status.

        Raises
        ------
        StrongLTNError
            The words are no command of ours; the message says what is wrong and what is near.
        """
        extra |= {"prog_name": PROGRAM, "standalone_mode": False}
        try:
            with _log_on_stderr():
                status = super().main(*args, **extra)
        except _UsageError as error:
            raise StrongLTNError(_explained(error)) from error
        raise SystemExit(status if isinstance(status, int) else 0)


def command(
    group: typer.Typer, name: str | None = None, *, examples: Sequence[str]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that makes a function a command of a group.

    Parameters
    ----------
    group : typer.Typer
    name : str, optional
        The name of the command; by default that of the function.
    examples : sequence of str
        Whole command lines, at least one, shown at the end of the command's help. A comment may
        follow two spaces and "#".

    Raises
    ------
    ValueError
        There is no example.
    """
    return group.command(name, cls=Command, epilog=shown_examples(examples))


def shown_examples(examples: Sequence[str]) -> str:
    """Return the text that the help of a command or a group shows as its examples."""
    if not examples:
        raise ValueError("A command needs at least one example.")
    return "\n".join(examples)


def completing(words: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Return what completes a value in the shell: those words that go on as it begins.

    Upper and lower case are not told apart.

    Parameters
    ----------
    words : callable
        Called when the user presses the key, not before: it may import what knows the words.

    Examples
    --------
    >>> completing(lambda: ["digits", "mnist"])("DI")
    ['digits']
    """

    def complete(incomplete: str) -> list[str]:
        return [word for word in words() if word.lower().startswith(incomplete.lower())]

    return complete


def as_typed(error: InvalidInputError, ctx: Any) -> InvalidInputError:
    """Return the same complaint with the option's or argument's name as it is typed.

    Parameters
    ----------
    error : InvalidInputError
    ctx : typer.Context
        The command's. Of options that share a name in the library, the one that was given is
        meant. Where the command has none of that name, the error is returned as it is.
    """
    names = (error.parameter, *_OTHER_NAMES.get(error.parameter, ()))
    found = [each for each in ctx.command.params if _is_called(each, names)]
    given = [each for each in found if _is_given(ctx, each)]
    if found:
        return error.named(spelled((given or found)[0]))
    whole = _PARTS.get(error.parameter, "")
    for each in ctx.command.params:
        if each.name == whole:
            return error.named(f"the {error.parameter} of {spelled(each)}")
    return error.named(error.parameter) if error.parameter.isupper() else error


@contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Say what the library logs as worth knowing, which is silent where it is imported."""
    logger, handler = logging.getLogger(PROGRAM), _Saying(logging.INFO)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class _Saying(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


def spelled(parameter: Any) -> str:
    """Return how an option or argument of a command is written: ``--lr``, ``DIR``."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return str(max(parameter.opts, key=len))


def _is_called(parameter: Any, names: Iterable[str]) -> bool:
    options = {f"--{name.replace('_', '-')}" for name in names}
    return parameter.name in names or not options.isdisjoint(parameter.opts)


def _is_given(ctx: Any, parameter: Any) -> bool:
    source = ctx.get_parameter_source(parameter.name)
    return getattr(source, "name", "") == "COMMANDLINE"


def _write_examples(text: str | None, formatter: Any) -> None:
    if text:
        with formatter.section("Examples"):
            for line in text.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


def _explained(error: Any) -> str:
    """Return in one line what is wrong with the words of a command line, and where to look."""
    ctx, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    if ctx is None:
        return str(error.format_message())
    if getattr(error, "possibilities", None) is not None or "NoSuch" in type(error).__name__:
        text = _unknown_option(error.option_name, ctx)
    elif parameter is None:
        message = str(error.format_message())
        text = message.replace("Got unexpected extra argument(s)", "too many arguments:")
    elif type(error).__name__ == "MissingParameter":
        text = _missing(parameter, ctx)
    else:
        text = _wrong_value(error, parameter)
    return f"{text.rstrip('.?')}{'?' if text.endswith('?') else '.'} See {ctx.command_path} --help."


def _unknown_option(word: str, ctx: Any) -> str:
    known = [name for p in ctx.command.get_params(ctx) for name in (*p.opts, *p.secondary_opts)]
    options = [name for name in known if name.startswith("--")]
    return f"there is no option {_short(word)} here. {suggestion(word, options)}".rstrip()


def _missing(parameter: Any, ctx: Any) -> str:
    for each in ctx.command.params:
        values = (ctx.params.get(each.name) or ()) if each.nargs > 1 else ()
        taken = [word for word in values if str(word).startswith("--")]
        if taken:
            return f"{spelled(each)} needs {each.nargs} values, and took {taken[0]} for one of them"
    meaning = getattr(parameter, "help", None)
    return f"{spelled(parameter)} is missing" + (f": {meaning}" if meaning else "")


def _wrong_value(error: Any, parameter: Any) -> str:
    """Say what an option may be, and what it was: typer says the one and not always the other."""
    message = str(error.message)
    cause = getattr(error.__cause__, "errors", None)  # of pydantic, by which newer typers convert
    got = cause()[0]["input"] if cause is not None else None
    if got is None and (found := re.match("'(.*)' is not ", message)):
        got = found[1]
    choices = _choices(parameter)
    if choices:
        allowed, near = f"one of {', '.join(choices)}", suggestion(got, choices)
    else:
        plain = message.removeprefix("Value error, ").removeprefix("Input should be ")
        allowed, near = plain.split(", unable")[0], ""
        if plain == message:
            return f"{spelled(parameter)}: {message}"
        for words, plainer in _PLAINER.items():
            allowed = allowed.replace(words, plainer)
    shown = "" if got is None else f" Got {_short(str(got))}."
    return f"{spelled(parameter)} must be {allowed}.{shown} {near}".rstrip()


def _choices(parameter: Any) -> list[str]:
    """Return the words of which an option is one, none if it may be any."""
    kind = getattr(parameter, "type_descriptor", None) or parameter.type
    choices = getattr(kind, "choices", None) or ()
    return [str(getattr(choice, "value", choice)) for choice in choices]


def _short(word: str) -> str:
    return repr(word if len(word) <= _MAX_SHOWN else f"{word[:_MAX_SHOWN]}...")
