"""Countries, states and cities.

Countries and states are public data: the members of the United Nations in 2013 except the three smallest, and
the states of the United States with the sales territories of the reference data. City names are synthetic.
"""

import numpy as np

from sandbox.simulator.columns import NULL, Array
from sandbox.simulator.data import read_table, read_words

Values = dict[str, object]

CITIES = 37_940
FEWEST_CITIES = 1_000
KNOWN_POPULATION_SHARE = 0.4

_REGIONS = {
    "Africa": ("Eastern Africa", "Middle Africa", "Northern Africa", "Southern Africa", "Western Africa"),
    "Americas": ("Caribbean", "Central America", "Northern America", "South America"),
    "Asia": ("Central Asia", "Eastern Asia", "South-Eastern Asia", "Southern Asia", "Western Asia"),
    "Europe": ("Eastern Europe", "Northern Europe", "Southern Europe", "Western Europe"),
    "Oceania": ("Australia and New Zealand", "Melanesia", "Micronesia", "Polynesia"),
}
_REGION_OF = {subregion: region for region, subregions in _REGIONS.items() for subregion in subregions}

_STEMS = read_words("place_stems")
_ENDINGS = read_words("place_endings")


def countries() -> Values:
    """Return the rows of application.countries, numbered in alphabetical order."""
    table = read_table("countries")
    subregions = table["subregion"]
    regions = [_REGION_OF[subregion] for subregion in subregions]
    continents = [
        ("South America" if subregion == "South America" else "North America")
        if region == "Americas"
        else region
        for region, subregion in zip(regions, subregions, strict=True)
    ]
    return {
        "country_id": np.arange(1, len(subregions) + 1),
        "country_name": table["country_name"],
        "formal_name": table["formal_name"],
        "iso_alpha_3_code": table["iso_alpha_3_code"],
        "iso_numeric_code": [int(code) for code in table["iso_numeric_code"]],
        "country_type": "UN Member State",
        "latest_recorded_population": [int(count) * 1000 for count in table["population_thousands"]],
        "continent": continents,
        "region": regions,
        "subregion": subregions,
        "last_edited_by": 1,
    }


def united_states() -> int:
    """Return the id of the one country that has states here."""
    return read_table("countries")["iso_alpha_3_code"].index("USA") + 1


def states() -> Values:
    """Return the rows of application.state_provinces."""
    table = read_table("states")
    return {
        "state_province_id": np.arange(1, len(table["state_province_code"]) + 1),
        "state_province_code": table["state_province_code"],
        "state_province_name": table["state_province_name"],
        "country_id": united_states(),
        "sales_territory": table["sales_territory"],
        "latest_recorded_population": [int(count) * 1000 for count in table["population_thousands"]],
        "last_edited_by": 1,
    }


def cities(rng: np.random.Generator, scale: float) -> Values:
    """Return the rows of application.cities: names unique within a state, most populations unknown."""
    per_state = _cities_per_state(min(CITIES, max(FEWEST_CITIES, round(CITIES * scale))))
    combinations = len(_STEMS) * len(_ENDINGS)
    chosen = np.concatenate([rng.permutation(combinations)[:count] for count in per_state])
    names = [_STEMS[place % len(_STEMS)] + _ENDINGS[place // len(_STEMS)] for place in chosen.tolist()]
    population = np.exp(rng.normal(7.5, 1.6, len(chosen))).astype(np.int64)
    known = rng.random(len(chosen)) < KNOWN_POPULATION_SHARE
    return {
        "city_id": np.arange(1, len(chosen) + 1),
        "city_name": names,
        "state_province_id": np.repeat(np.arange(1, len(per_state) + 1), per_state),
        "latest_recorded_population": np.where(known, population, NULL),
        "last_edited_by": 1,
    }


def _cities_per_state(total: int) -> Array:
    """Distribute `total` cities: one to the District of Columbia, the others by size of the state."""
    table = read_table("states")
    weights = np.array([int(count) for count in table["population_thousands"]]) ** 0.6
    weights[table["state_province_code"].index("DC")] = 0
    shares = np.maximum(1, np.floor(weights / weights.sum() * total)).astype(np.int64)
    shares[np.argmax(shares)] += total - shares.sum()
    return np.asarray(shares)
