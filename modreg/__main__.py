"""``python -m modreg``."""

from modreg._cli import main

main()
