"""The names by which callers may ask for models."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from .schema import Config
from .sources import Path, Problems


class Claim(Struct, frozen=True):
    """`name` leads to `model`, through its variant `variant` if that is not empty."""

    name: str
    model: str
    path: Path
    kind: str = "name"
    variant: str = ""

    @property
    def key(self) -> str:
        """What is compared: names differ by more than case."""
        return self.name.casefold()


def claims(config: Config) -> Iterator[Claim]:
    """Every name in order of declaration: of each model its name, aliases and variants."""
    for model, table in config.models.items():
        path = ("models", model)
        yield Claim(model, model, path)
        for alias in table.aliases:
            yield Claim(alias, model, (*path, "aliases"), "alias")
        for variant in table.variants:
            yield Claim(variant, model, (*path, "variants", variant), "variant", variant)


def check_names(config: Config, problems: Problems) -> None:
    """Every name may be given once, whatever its case; none may be empty."""
    first: dict[str, Claim] = {}
    for claim in claims(config):
        if not claim.name:
            problems.add(claim.path, "a model's name must not be empty")
        elif (other := first.setdefault(claim.key, claim)) is not claim:
            owner = f' of model "{other.model}"' if other.kind != "name" else ""
            problems.add(
                claim.path,
                f'"{claim.name}" is taken by the {other.kind} "{other.name}"{owner}; '
                "names are compared without case",
            )
