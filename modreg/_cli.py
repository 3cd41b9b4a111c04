"""The command line: ``python -m modreg run`` starts a program with modreg installed."""

from __future__ import annotations

import argparse
import builtins
import functools
import io
import marshal
import os
import pkgutil
import runpy
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from importlib.util import MAGIC_NUMBER
from types import ModuleType
from typing import TextIO

import modreg

# What the interpreter calls for -m; it is private, but the name that profilers and debuggers have relied on since 2.5.
_run_as_main: Callable[..., object] = getattr(runpy, "_run_module_as_main")  # noqa: B009  # not in the stubs

_PYC_HEADER = 16
"""Magic number, flags, and time and size or hash of the source."""


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Do what the command line says.

    Args:
        arguments: What follows the command; `None` takes it from `sys.argv`.

    Raises:
        SystemExit: The command line is wrong, it asked for help, or the program ended so.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        raise SystemExit(2)
    script = options.script[1:] if options.script[:1] == ["--"] else options.script
    if not options.module and not script:
        options.parser.error("say which program: SCRIPT, or -m MODULE")
    modreg.install(
        roots=options.roots,
        removed=options.removed,
        keep_snapshots=options.keep_snapshots,
        keep_versions=options.keep_versions,
        live=options.live,
        state=options.state,
    )
    if options.folders:
        _watch(options.folders, options.parser)
    if options.module:
        _run_module(options.module[0], [*options.module[1:], *options.script])  # the latter after -mMODULE
    else:
        _run_script(script[0], script[1:])


def _watch(folders: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Have a watcher at work for as long as the program runs, and say on the error stream what it did."""
    try:
        from modreg.watch import Watcher  # noqa: PLC0415  # watchfiles need not be there

        Watcher(*folders, call=functools.partial(_refresh, sys.stderr)).start()
    except ImportError as error:
        parser.error(f"--watch: {error}; it needs watchfiles: pip install modreg[watch]")
    except OSError as error:
        parser.error(f"--watch: {error}")


def _refresh(stream: TextIO) -> None:
    """
    Bring the program up to date, and say what was done, or why nothing was.

    Not by a logger: a program that sets up its logging disables those that are there, unless it says otherwise.
    """
    try:
        done = modreg.refresh()
        said = str(done) if done else ""
    except modreg.ModregError as error:
        said = str(error)
    except (Exception, SystemExit):  # a module's own, which must not end the watcher
        said = f"the edit was refused\n{traceback.format_exc()}"
    if said:
        print(f"modreg: {said}", file=stream, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m modreg", description=modreg.__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"modreg {modreg.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="run a program with modreg installed",
        description="Run a Python program as python itself does, with modreg installed before its first import.",
        usage="python -m modreg run [OPTIONS] (SCRIPT | -m MODULE) [ARGUMENTS ...]",
        allow_abbrev=False,
    )
    run.set_defaults(parser=run)
    run.add_argument(
        "--root",
        dest="roots",
        action="append",
        type=_root,
        metavar="NAME",
        help="put this module and all below it in scope, and nothing else; may be repeated "
        "(default: everything outside the standard library and site-packages)",
    )
    run.add_argument(
        "--removed",
        choices=("keep", "drop"),
        default="keep",
        help="what happens to names that left the source (default: %(default)s)",
    )
    run.add_argument(
        "--state",
        choices=("reset", "keep"),
        default="reset",
        help="what happens to the values of names whose statements are unchanged (default: %(default)s)",
    )
    run.add_argument(
        "--keep-snapshots",
        type=functools.partial(_number, "snapshots", 0),
        default=10,
        metavar="N",
        help="earlier versions of each module that can be restored without executing them (default: %(default)s)",
    )
    run.add_argument(
        "--keep-versions",
        type=functools.partial(_number, "versions", 1),
        metavar="N",
        help="versions of each module that are remembered; older ones are forgotten (default: all)",
    )
    run.add_argument(
        "--no-live",
        dest="live",
        action="store_false",
        help="reload as importlib.reload does, without bringing old objects up to date",
    )
    run.add_argument(
        "--watch",
        dest="folders",
        action="append",
        metavar="FOLDER",
        help="bring the program up to date when Python files in this folder are written; may be repeated "
        "(needs watchfiles: pip install modreg[watch])",
    )
    # Whatever comes after the program is the program's.
    run.add_argument(
        "-m",
        dest="module",
        nargs=argparse.REMAINDER,
        metavar="MODULE",
        help="run a module by its name, with the arguments that follow it",
    )
    run.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        metavar="SCRIPT",
        help="a file, a folder or a zip archive with a __main__.py, and the arguments that follow it",
    )
    return parser


def _root(text: str) -> str:
    if not all(part.isidentifier() for part in text.split(".")):
        raise argparse.ArgumentTypeError(f"{text!r} is no dotted module name")
    return text


def _number(what: str, least: int, text: str) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of {what}")
    return int(text)


# Running a program


def _run_module(name: str, arguments: Sequence[str]) -> None:
    """Do what ``python -m name`` does; `sys.path` begins with the current folder as it is."""
    sys.argv[:] = ["-m", *arguments]
    _new_main()
    _call(_run_as_main, name)


def _run_script(path: str, arguments: Sequence[str]) -> None:
    """Do what ``python path`` does."""
    sys.argv[:] = [path, *arguments]
    main = _new_main()
    if pkgutil.get_importer(path) is not None:  # a folder or an archive
        _replace_first_path(_absolute(path))
        _call(_run_as_main, "__main__", False)  # as the interpreter itself calls it
    else:
        _replace_first_path(os.path.dirname(os.path.realpath(path)))
        _call(_run_file, _absolute(path), main)


def _absolute(path: str) -> str:
    """As the interpreter does it: ``./program.py`` keeps its dot, and the dot alone is the current folder."""
    return os.getcwd() if path == os.curdir else os.path.join(os.getcwd(), path)


def _run_file(path: str, main: ModuleType) -> None:
    try:
        with io.open_code(path) as file:
            data = file.read()
    except OSError as error:
        print(f"{sys.orig_argv[0]}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    main.__file__ = path
    is_compiled = data.startswith(MAGIC_NUMBER)  # a .pyc
    loader = SourcelessFileLoader if is_compiled else SourceFileLoader
    vars(main)["__loader__"] = loader("__main__", path)
    if sys.version_info < (3, 15):
        vars(main)["__cached__"] = None
    # That is what was asked for.
    code = marshal.loads(data[_PYC_HEADER:]) if is_compiled else compile(data, path, "exec", dont_inherit=True)  # noqa: S302
    exec(code, vars(main))  # noqa: S102


def _new_main() -> ModuleType:
    """Put a new ``__main__`` in the place of ours, with what the interpreter puts into one from its start."""
    ours = sys.modules["__main__"]
    main = sys.modules["__main__"] = ModuleType("__main__")
    vars(main)["__builtins__"] = builtins
    # Up to 3.13.
    if "__annotations__" in vars(ours):
        vars(main)["__annotations__"] = {}
    return main


def _replace_first_path(path: str) -> None:
    # With -P, -I or PYTHONSAFEPATH neither our folder nor the program's is put there.
    if not sys.flags.safe_path:
        sys.path[0] = path


def _call(function: Callable[..., object], *arguments: object) -> None:
    """Call what runs the program; an error is shown as the interpreter does, without frames of ours."""
    failed = None
    try:
        function(*arguments)
    except SystemExit:
        raise
    except BaseException as error:
        failed = error
    # Outside of the handler, or SystemExit would have the error for its context.
    if failed is not None:
        _show(failed)
        if isinstance(failed, KeyboardInterrupt):
            sys.excepthook = lambda *_: None  # The interpreter ends the process as by the signal; it has been shown.
            raise failed
        raise SystemExit(1)


def _show(error: BaseException) -> None:
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == _call.__code__.co_filename:
        trace = trace.tb_next
    error.__traceback__ = trace
    # As the interpreter does before it calls the hook; debuggers ask for these post mortem.
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    sys.excepthook(type(error), error, trace)
