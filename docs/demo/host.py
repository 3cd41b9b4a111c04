"""
A tea counter on click: the long-running program that the demonstration upgrades.

It knows nothing of modreg.  Like any program it imports names, decorates functions, derives classes
and keeps what it got; its :class:`Desk` lives for as long as the process.
"""

import importlib.metadata

import click
from click import BadParameter, Choice, Command, Group, IntRange, UsageError, echo, style, unstyle
from click.testing import CliRunner


class Cups(IntRange):
    """A number of cups."""

    name = "cups"

    def convert(self, value, param, ctx):
        return super().convert("2" if value == "a pair" else value, param, ctx)


class Counter(Group):
    """Commands that may be cut short, as ``br`` for ``brew``."""

    def get_command(self, ctx, cmd_name):
        found = [name for name in self.list_commands(ctx) if name.startswith(cmd_name)]
        return super().get_command(ctx, found[0]) if len(found) == 1 else None


@click.group(cls=Counter)
def cli():
    """Orders at the counter."""


@cli.command()
@click.argument("drink", type=Choice(["Tea", "Coffee"], case_sensitive=False))
@click.option("--cups", type=Cups(1, 9), default=1, show_default=True, help="How many.")
def brew(drink, cups):
    """Make a drink."""
    echo(f"{cups} x {style(drink, bold=True)}")


@cli.command(deprecated=True)
@click.option("--all", "everything", is_flag=True)
def clean(everything):
    """Clean the counter."""
    echo("everything" if everything else "a little")


class Desk:
    """
    Where orders come in: holds what it once took from click, and counts what it served.

    Attributes:
        callbacks: Functions, by what they are for.
        classes: Classes, kept to be used later.
        instances: Objects that the release of that day made.
        subclasses: Classes derived from click's, at the top of this module and inside a function.
        methods: Bound methods of the instances.
        served: Number of orders since the process began.
    """

    def __init__(self):
        self.callbacks = {"echo": echo, "style": style, "plain": unstyle, "order": brew.callback}
        self.callbacks |= {"confirm": click.confirm, "file name": click.format_filename}
        self.classes = {"command": Command, "group": Group, "choice": Choice, "error": BadParameter}
        self.instances = {"cups": Cups(1, 9), "size": Choice((1, 2, 3)), "counter": cli, "brew": brew}
        self.instances |= {"help": click.HelpFormatter(width=60), "error": UsageError("closed")}
        self.subclasses = {"cups": Cups, "counter": Counter, "till": till_of(Command)}
        self.methods = {name: self.instances[name].convert for name in ("cups", "size")}
        self.served = 0

    def order(self, *words):
        """Run the words as a command line; returns what a customer sees."""
        self.served += 1
        result = CliRunner().invoke(cli, words, prog_name="counter")
        return f"exit {result.exit_code}: {result.output}"

    def ask(self, method, value):
        """Convert *value* by a held method; click's complaint is caught by the held class."""
        self.served += 1
        try:
            return repr(self.methods[method](value, None, None))
        except self.classes["error"] as problem:
            return f"refused: {problem.message}"


def till_of(base):
    """A class made inside a function, as plugins make them."""

    class Till(base):
        """A command that counts money."""

        def get_short_help_str(self, limit=45):
            return "till: " + super().get_short_help_str(limit)

    return Till


def ask_anew(value):
    """Convert *value* by a new object of a held name; the except clause names an imported class."""
    try:
        return repr(Choice((1, 2, 3)).convert(value, None, None))
    except BadParameter as problem:
        return f"refused: {problem.format_message()}"


def answers(desk):
    """What a day's work at *desk* returns, by the words of each order."""
    orders = ((), ("--help",), ("brew", "tea"), ("brew", "TEA", "--cups", "a pair"), ("br", "water"))
    orders += (("brew", "tea", "--cups", "12"), ("brew", "--help"), ("clean", "--all"), ("sing",))
    told = {" ".join(("counter", *words)): desk.order(*words) for words in orders}
    told |= {f"desk: {method} {value!r}": desk.ask(method, value)
             for method, value in (("cups", "3"), ("cups", "12"), ("size", "2"), ("size", "4"))}
    told["a new choice: '2'"] = ask_anew("2")
    told["plain"] = desk.callbacks["plain"](desk.callbacks["style"]("tea", fg="green", bold=True))
    told["till"] = desk.subclasses["till"]("till", help="Count the money. Slowly.").get_short_help_str()
    told["release"] = importlib.metadata.version("click")
    return told


if "desk" not in globals():  # So that the desk, and what it has served, outlives a reload of this module.
    desk = Desk()
