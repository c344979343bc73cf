"""Names, streets and towns that generated rows are put together from.

Faker spends 100 microseconds on one address; pools make a row cost a few. They take half a second, so the orgs of a
fleet share some: what is drawn from them follows from the whole seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from faker import Faker

POOL_SIZE = 700
_VARIANTS = 8
_OTHER_LOCALES = ("de_DE", "fr_FR", "pl_PL", "es_ES", "sv_SE", "ja_JP", "tr_TR")

Person = tuple[str, str]
City = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Pools:
    """People are (first name, last name), cities (name, state, postal code)."""

    names: tuple[Person, ...]
    other_names: tuple[Person, ...]
    streets: tuple[str, ...]
    cities: tuple[City, ...]
    slogans: tuple[str, ...]


def pools(seed: int) -> Pools:
    """The pools of a seed, which others have too."""
    return _pools(seed % _VARIANTS)


@lru_cache(maxsize=_VARIANTS)
def _pools(seed: int) -> Pools:
    english = _faker("en_US", seed)
    others = [_faker(locale, seed) for locale in _OTHER_LOCALES]
    return Pools(
        names=tuple(_person(english) for _ in range(POOL_SIZE)),
        other_names=tuple(_person(fake) for fake in others for _ in range(POOL_SIZE // len(others))),
        streets=tuple(str(english.street_address()) for _ in range(POOL_SIZE)),
        cities=tuple((english.city(), english.state_abbr(), english.postcode()) for _ in range(POOL_SIZE)),
        slogans=tuple(str(english.catch_phrase()) for _ in range(POOL_SIZE)),
    )


def _faker(locale: str, seed: int) -> Faker:
    fake = Faker(locale)
    fake.seed_instance(seed)
    return fake


def _person(fake: Faker) -> Person:
    return str(fake.first_name()), str(fake.last_name())
