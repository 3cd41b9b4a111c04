"""Every import as a version, every reload as a transaction."""

# `import modreg` alone costs next to nothing: what stands behind the names is loaded with the first of them, for
# attrs, packaging and what they import take longer than anything of ours.

TYPE_CHECKING = False  # Under this name for type checkers; typing has it too, and takes longer than all the rest.
if TYPE_CHECKING:
    from modreg._names import *  # noqa: F403  # All that are in __all__.
    from modreg._names import __all__ as __all__

__version__ = "0.1.0"

if not TYPE_CHECKING:  # They would take any name for one that is there.

    def __getattr__(name: str) -> object:
        # Whoever imports a private submodule (`from modreg import _diff`) is asking for an attribute first.
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from modreg import _names  # noqa: PLC0415  # What this is all about.

        # One step of C: threads that ask at once put the same there.
        globals().update({each: getattr(_names, each) for each in ("__all__", *_names.__all__)})
        try:
            return globals()[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None

    def __dir__() -> list[str]:
        from modreg import _names  # noqa: PLC0415  # As above.

        return sorted({*globals(), "__all__", *_names.__all__})


del TYPE_CHECKING
