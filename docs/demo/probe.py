"""
What a package and the host that uses it are in one interpreter, as texts that another one can be compared by.

Run as a program it imports both from a folder and prints the texts as JSON: the fresh interpreter, by
which the demonstration judges the upgraded one.  Addresses, line numbers and the order of sets are left out.
"""

import functools
import importlib
import inspect
import json
import pkgutil
import re
import sys
import types
import typing

PACKAGE, HOST = "click", "host"

PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented))

# What the import system and the interpreter keep for themselves; annotations are asked for apart.
UNTOLD = frozenset((
    "__builtins__", "__cached__", "__loader__", "__spec__", "__warningregistry__",
    "__dict__", "__weakref__", "__firstlineno__", "__static_attributes__", "__slotnames__", "_abc_impl",
    "__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__",
))  # fmt: skip


def facts(desk):
    """Everything that is compared, by name: answers of the host, held references, attributes of modules."""
    load_public_modules()
    told = {f"answer {words}": answer for words, answer in sys.modules[HOST].answers(desk).items()}
    told |= references(desk)
    for module in map(sys.modules.get, watched()):
        told |= attributes(module)
    return told


def load_public_modules():
    """Import every module of the package whose name has no leading underscore."""
    package = importlib.import_module(PACKAGE)
    for found in pkgutil.walk_packages(package.__path__, PACKAGE + "."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            importlib.import_module(found.name)


def watched():
    """Names of the host and of the package's loaded modules, sorted."""
    return sorted(name for name in sys.modules if is_watched(name))


def is_watched(name):
    return name in (PACKAGE, HOST) or name.startswith((PACKAGE + ".", HOST + "."))


# Attributes of modules and classes


def attributes(module):
    """A module's names and those of its classes, each with what it holds."""
    told = {module.__name__: f"annotations {annotations(module)}"}
    for name, value in vars(module).items():
        if name in UNTOLD or isinstance(value, sys.modules[HOST].Desk):
            continue
        key = f"{module.__name__}.{name}"
        told[key] = text(value)
        if is_at_home(value, module):
            told[key] = content(value)
        if is_at_home(value, module) and isinstance(value, type):
            told |= {f"{key}.{member}": content(held) for member, held in table(value)}
    return told


def is_at_home(value, module):
    """Whether it is a function or class that this very module defines under its own name."""
    return isinstance(value, types.FunctionType | type) and resolve(value) is value and home(value) is module


def table(cls):
    return ((name, value) for name, value in vars(cls).items() if name not in UNTOLD)


def home(value):
    return sys.modules.get(value.__module__)


def resolve(value):
    """What the module of a function or class has under its qualified name now."""
    found = home(value)
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found


# References that the host holds


def references(desk):
    """What has become of the objects that the desk took when it was made."""
    told = {f"held function {name}": content(value) for name, value in desk.callbacks.items()}
    told |= {f"held class {name}": is_current(value) + as_used(value) for name, value in desk.classes.items()}
    told |= {f"held instance {name}": is_current(type(value)) for name, value in desk.instances.items()}
    told |= {f"held subclass {name}": base_of(value) for name, value in desk.subclasses.items()}
    told |= {f"held method {name}": bound(value) for name, value in desk.methods.items()}
    return told


def is_current(cls):
    """Whether instances of the class are instances of what has its name now."""
    now = resolve(cls)
    accepted = isinstance(now, type) and issubclass(cls, now)
    return f"{cls.__module__}.{cls.__qualname__}, {'' if accepted else 'NOT '}the current one; "


def base_of(cls):
    """Whether the nearest of its bases that the package defines is what has that name now."""
    base = next(base for base in cls.__mro__ if is_watched(base.__module__) and base.__module__ != HOST)
    return is_current(base) + as_used(cls)


def as_used(cls):
    """What each of the class's attributes is, wherever it is inherited from."""
    names = sorted(set(dir(cls)) - UNTOLD)
    return ", ".join(f"{name}={content(inspect.getattr_static(cls, name))}" for name in names)


def bound(method):
    return is_current(type(method.__self__)) + content(method.__func__)


# Values as texts


def text(value, inside=()):
    """A value by its name, where its module has it under that name now, or else by its content."""
    if isinstance(value, types.ModuleType):
        stale = "" if sys.modules.get(value.__name__) is value else ", not in sys.modules"
        return f"<module {value.__name__}{stale}>"
    if has_name(value) and (resolve(value) is value or not is_watched(value.__module__)):
        return f"<{value.__module__}.{value.__qualname__}>"
    return content(value, inside)


def has_name(value):
    return isinstance(value, type | types.FunctionType | types.BuiltinFunctionType) and value.__module__


def content(value, inside=()):
    """What a value consists of; *inside* are the values on the way to it, which may refer back."""
    if type(value) in PLAIN:
        return repr(value)
    if any(value is outer for outer in inside):
        return "<itself>"
    told = functools.partial(text, inside=(*inside, value))
    match value:
        case types.FunctionType():
            return function(value, told)
        case type():
            return a_class(value, told)
        case types.CodeType():
            return code(value, told)
        case staticmethod() | classmethod() | types.MethodType():
            return f"{type(value).__name__}({told(value.__func__)})"
        case property():
            return f"property({told(value.fget)}, {told(value.fset)}, {told(value.fdel)})"
        case functools.partial():
            return f"partial({told(value.func)}, {told(value.args)}, {told(value.keywords)})"
        case functools.cached_property():
            return f"cached_property({told(value.func)})"
        case re.Pattern():
            return repr(value)
        case typing.TypeVar():
            return f"TypeVar({value.__name__})"
    if typing.get_origin(value):
        return f"{told(typing.get_origin(value))}[{', '.join(map(told, typing.get_args(value)))}]"
    return an_object(value, told)


def an_object(value, told):
    """A container's entries; of an instance of a watched class its attributes; else the type alone."""
    parts = [told(type(value))]
    match value:
        case dict():
            parts += [f"{told(key)}: {told(held)}" for key, held in value.items()]
        case tuple() | list():
            parts += map(told, value)
        case set() | frozenset():
            parts += sorted(map(told, value))
    if hasattr(value, "__wrapped__"):  # As a function behind functools.lru_cache.
        parts.append(told(value.__wrapped__))
    if is_watched(type(value).__module__):
        parts += [f"{name}={told(held)}" for name, held in sorted(getattr(value, "__dict__", {}).items())]
    return f"({', '.join(parts)})"


def function(value, told):
    """A function's code, and whatever else it works with."""
    live = home(value) is not None and value.__globals__ is vars(home(value))
    cells = [told(cell.cell_contents) if is_filled(cell) else "empty" for cell in value.__closure__ or ()]
    parts = {
        "globals": "its module's" if live else "others",
        "code": code(value.__code__, told),
        "defaults": told(value.__defaults__),
        "keyword defaults": told(value.__kwdefaults__),
        "annotations": annotations(value),
        "closure": ", ".join(cells),
        "attributes": told(vars(value)),
        "doc": value.__doc__,
    }
    return f"function {value.__qualname__}({', '.join(f'{name}: {part}' for name, part in parts.items())})"


def is_filled(cell):
    return cell != types.CellType()  # Cells compare by content; an empty one equals only another.


def a_class(value, told):
    """A class's bases, metaclass and annotations; if nothing leads to it by name, its table too."""
    parts = [f"bases {told(value.__bases__)}", f"metaclass {told(type(value))}"]
    parts.append(f"annotations {annotations(value)}")
    if resolve(value) is not value:
        parts += [f"{name}={told(held)}" for name, held in table(value)]
    return f"class {value.__qualname__}: {', '.join(parts)}"


def code(value, told):
    """A code object without its file and lines."""
    fields = ("co_name", "co_qualname", "co_flags", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
    fields += ("co_varnames", "co_freevars", "co_cellvars", "co_names", "co_code", "co_exceptiontable")
    parts = [f"{field.removeprefix('co_')} {getattr(value, field)}" for field in fields]
    return f"({', '.join((*parts, *map(told, value.co_consts)))})"


def annotations(value):
    """As they are written; from Python 3.14 on they are evaluated here, which may fail."""
    try:
        found = inspect.get_annotations(value)
    except NameError as problem:
        return str(problem)
    return ", ".join(f"{name}: {held}" for name, held in sorted(found.items()))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    print(json.dumps(facts(importlib.import_module(HOST).desk)))
