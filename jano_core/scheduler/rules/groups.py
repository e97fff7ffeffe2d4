"""The residency rule `groups`, with the meaning that llama-swap gives to groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from msgspec import Struct, field

from ..types import Model
from .declared import DeclaredRule


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[memory.settings.groups.NAME]`.

    `swap`: one member at a time. `exclusive`: loading a member puts all other groups away, but
    those that are `persistent`.
    """

    swap: bool = True
    exclusive: bool = True
    persistent: bool = False
    members: tuple[str, ...] = ()


class GroupsSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[memory.settings]` of the rule `groups`."""

    groups: dict[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        homes: dict[str, str] = {}
        for name, group in self.groups.items():
            for member in group.members:
                if member in homes:
                    raise ValueError(
                        f"{member!r} is a member of {homes[member]!r} and of {name!r}; "
                        "a model can be in one group only"
                    )
                homes[member] = name


DEFAULT = Group()
"""Where every model lives that no group names: one at a time, and alone."""


class Groups(DeclaredRule):
    """Who has to go depends on who comes.

    Loading a member of a group that is not exclusive puts nobody of another group away, not even
    an exclusive one; so a pair may live together in one order of arrival and not in the other.
    """

    name = "groups"
    Settings: ClassVar[type[Struct]] = GroupsSettings

    def __init__(
        self, models: Mapping[str, Model], budget: int | None, settings: Struct | None = None
    ) -> None:
        super().__init__(models, budget, settings)
        assert settings is None or isinstance(settings, GroupsSettings)
        self._groups = settings.groups if settings else {}
        self._homes = {member: group for group in self._groups.values() for member in group.members}

    def together(self, names: frozenset[str]) -> bool:
        """See `DeclaredRule.together`: is there an order in which they could have come?

        Persistent groups first, then the one group that would put everybody else away, then
        those that are not exclusive: only a second group of the middle kind has no place.
        """
        homes = [self._home(name) for name in names]
        swapping = [group for group in homes if group.swap]
        sweeping = [group for group in homes if group.exclusive and not group.persistent]
        return _different(swapping) == len(swapping) and _different(sweeping) <= 1

    def displaced(
        self, target: str, resident: frozenset[str], evictable: frozenset[str]
    ) -> frozenset[str] | None:
        """See `DeclaredRule.displaced`."""
        home = self._home(target)
        gone = set()
        for name in resident - {target}:
            other = self._home(name)
            if home.swap if other is home else home.exclusive and not other.persistent:
                gone.add(name)
        return frozenset(gone) if gone <= evictable else None

    def named(self) -> Iterable[tuple[str, str]]:
        """See `DeclaredRule.named`."""
        for name, group in self._groups.items():
            for member in group.members:
                yield member, f"group {name!r}"

    def _home(self, model: str) -> Group:
        return self._homes.get(model, DEFAULT)


def _different(groups: list[Group]) -> int:
    return len({id(group) for group in groups})
