"""Metadata of a small shop, with every kind of model."""

from collections.abc import Callable
from pathlib import Path

import pytest

SHOP = {
    "shared_columns.yml": "edited_by: Who saved the row last.\n",
    "hubs.yml": (
        "buyer:\n  description: Someone who buys.\n  business_key: [buyer_id]\n"
        "basket:\n  description: Something bought.\n  business_key: [basket_id]\n"
        "door:\n  description: A door of the shop.\n  business_key: [door_code]\n"
    ),
    "tables/shop/buyers.yml": """\
description: Everyone who buys.
primary_key: [buyer_id]

columns:
  buyer_id: {type: integer, description: 'Number of the buyer.'}
  full_name: {type: text, sensitivity: personal, description: 'Name of the buyer.'}
  password: {type: bytea, nullable: true, sensitivity: secret, description: 'Stays in the source.'}
  discount: {type: 'numeric(5,2)', description: 'Percent off.'}
  edited_by: {type: integer, references: shop.buyers.buyer_id}

vault:
  hub: buyer
  satellites:
    terms:
      description: What was agreed with a buyer.
      columns: [discount, edited_by]
    personal:
      description: Who a buyer is.
      personal: true
      columns: [full_name]
""",
    "tables/shop/baskets.yml": """\
description: Everything bought together.
primary_key: [basket_id]
undeclared_foreign_keys: [gift_for_buyer_id]

columns:
  basket_id: {type: bigint, description: 'Number of the basket.'}
  buyer_id: {type: integer, references: shop.buyers.buyer_id, description: 'Who bought it.'}
  gift_for_buyer_id:
    type: integer
    nullable: true
    references: shop.buyers.buyer_id
    description: Who gets it; null when the buyer does.
  colour_id: {type: integer, references: shop.colours.colour_id, description: 'Colour of the wrapping.'}
  amount: {type: 'numeric(18,2)', measure: true, description: 'What was paid.'}
  paid_when: {type: timestamp, description: 'When it was paid.', default: now()}

computed_controls:
  tax: round(amount * 2, 2)

vault:
  hub: basket
  link:
    name: basket_buyer
    description: Who bought a basket, and for whom.
    columns: [buyer_id, gift_for_buyer_id]
  satellites:
    details:
      description: What is in a basket.
      columns: [colour_id, amount, paid_when]
""",
    "tables/shop/colours.yml": """\
description: Colours of wrapping paper.
primary_key: [colour_id]

columns:
  colour_id: {type: integer, description: 'Number of the colour.'}
  colour_name: {type: text, description: 'Name of the colour.'}

vault:
  reference: colour
""",
    "tables/shop/buyer_balances.yml": """\
description: What every buyer owes now.
primary_key: [buyer_id]

columns:
  buyer_id: {type: integer, references: shop.buyers.buyer_id, description: 'The buyer.'}
  owed: {type: 'numeric(18,2)', measure: true, description: 'What is owed.'}

vault:
  hub: buyer
  aspect: balance
  satellites:
    balance:
      description: What a buyer owes.
      columns: [owed]
""",
    "tables/shop/visits.yml": """\
description: Everyone who came in.
primary_key: [visit_id]

columns:
  visit_id: {type: bigint, description: 'Number of the visit.'}
  buyer_id: {type: integer, nullable: true, references: shop.buyers.buyer_id, description: 'Who came.'}
  door_code: {type: text, description: 'Door.'}
  came_when: {type: timestamp, description: 'When.'}
  stayed_minutes: {type: integer, description: 'How long.'}
  seen_doing: {type: text, sensitivity: personal, description: 'What the camera saw.'}

vault:
  event: visit
  description: One visit to the shop.
  occurred: came_when
  columns: [buyer_id]
  hub_keys: {door_code: door}
  satellites:
    details:
      description: The visit; a correction is one more row.
      columns: [buyer_id, door_code, came_when, stayed_minutes]
    personal:
      description: What the camera saw.
      personal: true
      columns: [seen_doing]
""",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a valid metadata folder for the small shop."""
    folder = tmp_path / "metadata"
    for file, text in SHOP.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def edit(shop: Path) -> Callable[[str, str, str], None]:
    """Return a function that replaces a text in a file of the shop."""

    def replace(file: str, old: str, new: str) -> None:
        text = (shop / file).read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        (shop / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return replace
