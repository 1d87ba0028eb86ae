"""Invalid metadata: every issue has its file, its key and a fix."""

from collections.abc import Callable
from pathlib import Path

import pytest

from metadata.errors import Issue, MetadataError
from metadata.load import load_catalog

BUYERS = "tables/shop/buyers.yml"
BASKETS = "tables/shop/baskets.yml"
COLOURS = "tables/shop/colours.yml"
VISITS = "tables/shop/visits.yml"

# name: (file, old text, new text), then expected file, key, and parts of problem and fix
CASES = {
    "unknown key of a column": (
        (BASKETS, "measure: true", "measur: true"),
        (BASKETS, "columns.amount.measur", "unknown key 'measur'", "Did you mean 'measure'?"),
    ),
    "unknown key of a table": (
        (BUYERS, "primary_key:", "primry_key:"),
        (BUYERS, "primry_key", "unknown key", "Did you mean 'primary_key'?"),
    ),
    "unknown key of the mapping": (
        (BUYERS, "  hub: buyer", "  hub: buyer\n  satelites: {}"),
        (BUYERS, "vault.satelites", "unknown key", "Did you mean 'satellites'?"),
    ),
    "unknown key of a satellite": (
        (BUYERS, "personal: true", "private: true"),
        (BUYERS, "vault.satellites.personal.private", "unknown key", "Known here"),
    ),
    "unknown key of an event": (
        (VISITS, "  hub_keys:", "  hub_key:"),
        (VISITS, "vault.hub_key", "unknown key", "Did you mean 'hub_keys'?"),
    ),
    "unknown time of an event": (
        (VISITS, "occurred: came_when", "occurred: came_then"),
        (VISITS, "vault.occurred", "no column 'came_then'", "Did you mean 'came_when'?"),
    ),
    "unknown hub of an event": (
        (VISITS, "{door_code: door}", "{door_code: dor}"),
        (VISITS, "vault.hub_keys.door_code", "no hub named 'dor'", "Did you mean 'door'?"),
    ),
    "key of an event's hub that is another": (
        (VISITS, "{door_code: door}", "{door_code: buyer}"),
        (VISITS, "vault.hub_keys.door_code", "the key of hub buyer is buyer_id", "the same columns"),
    ),
    "event without a hub": (
        (VISITS, "  columns: [buyer_id]\n  hub_keys: {door_code: door}\n", ""),
        (VISITS, "vault", "refers to no hub", "`hub_keys`"),
    ),
    "personal column in an event": (
        (
            VISITS,
            "{type: integer, description: 'How long.'}",
            "{type: integer, sensitivity: personal, description: 'How long.'}",
        ),
        (
            VISITS,
            "vault.satellites.details.columns",
            "'stayed_minutes' is personal data",
            "personal satellite",
        ),
    ),
    "column of an event in no satellite": (
        (VISITS, "came_when, stayed_minutes]", "came_when]"),
        (VISITS, "vault", "column 'stayed_minutes' is not stored", "one satellite"),
    ),
    "column of an event in two satellites": (
        (VISITS, "columns: [seen_doing]", "columns: [seen_doing, stayed_minutes]"),
        (VISITS, "vault.satellites.personal", "'stayed_minutes' is also in", "Remove it from one"),
    ),
    "personal time of an event": (
        (
            VISITS,
            "{type: timestamp, description: 'When.'}",
            "{type: timestamp, sensitivity: personal, description: 'When.'}",
        ),
        (VISITS, "vault.occurred", "'came_when' is personal data", "Name another column"),
    ),
    "unknown hub": (
        (BASKETS, "hub: basket", "hub: baskt"),
        (BASKETS, "vault.hub", "no hub named 'baskt'", "Did you mean 'basket'?"),
    ),
    "unknown column in a satellite": (
        (BASKETS, "[colour_id, amount,", "[colour_id, amout, amount,"),
        (BASKETS, "vault.satellites.details.columns", "no column 'amout'", "Did you mean 'amount'?"),
    ),
    "unknown column in a link": (
        (BASKETS, "columns: [buyer_id, gift", "columns: [buyer, buyer_id, gift"),
        (BASKETS, "vault.link.columns", "no column 'buyer'", "Did you mean 'buyer_id'?"),
    ),
    "unknown column in the key": (
        (COLOURS, "primary_key: [colour_id]", "primary_key: [color_id]"),
        (COLOURS, "primary_key", "no column 'color_id'", "Did you mean 'colour_id'?"),
    ),
    "column in two satellites": (
        (BUYERS, "columns: [full_name]", "columns: [full_name, discount]"),
        (
            BUYERS,
            "vault.satellites.personal",
            "'discount' is also in vault.satellites.terms",
            "Remove it from one",
        ),
    ),
    "column that is not stored": (
        (BASKETS, "[colour_id, amount, paid_when]", "[colour_id, amount]"),
        (BASKETS, "vault", "column 'paid_when' is not stored", "one satellite"),
    ),
    "duplicate column": (
        (COLOURS, "  colour_name:", "  colour_id: {type: text, description: 'Again.'}\n  colour_name:"),
        (COLOURS, "colour_id", "duplicate key, again in line 6", "Remove one"),
    ),
    "duplicate hub": (
        ("hubs.yml", "basket:", "buyer: {description: 'Again.', business_key: [buyer_id]}\nbasket:"),
        ("hubs.yml", "buyer", "duplicate key", "Remove one"),
    ),
    "two tables with one model": (
        (COLOURS, "reference: colour", "hub: buyer"),
        (
            COLOURS,
            "vault",
            "sat_buyer__status is already generated from tables/shop/buyers.yml",
            "Rename",
        ),
    ),
    "missing primary key": (
        (COLOURS, "primary_key: [colour_id]\n", ""),
        (COLOURS, "primary_key", "primary key is missing", "List the columns that identify a row"),
    ),
    "empty primary key": (
        (COLOURS, "primary_key: [colour_id]", "primary_key: []"),
        (COLOURS, "primary_key", "primary key is missing", "List the columns that identify a row"),
    ),
    "nullable key": (
        (COLOURS, "colour_id: {type: integer,", "colour_id: {type: integer, nullable: true,"),
        (COLOURS, "columns.colour_id", "part of the primary key, but nullable", "never null"),
    ),
    "foreign key to no table": (
        (BASKETS, "references: shop.colours.colour_id", "references: shop.colors.colour_id"),
        (BASKETS, "columns.colour_id.references", "no table 'shop.colors'", "Did you mean 'shop.colours'?"),
    ),
    "foreign key to no column": (
        (BASKETS, "references: shop.colours.colour_id", "references: shop.colours.color_id"),
        (BASKETS, "columns.colour_id.references", "no column 'color_id'", "Did you mean 'colour_id'?"),
    ),
    "foreign key of another kind": (
        (BASKETS, "colour_id: {type: integer", "colour_id: {type: text"),
        (BASKETS, "columns.colour_id.references", "a text refers to a integer", "the same type"),
    ),
    "undeclared foreign key that refers to nothing": (
        (BASKETS, "[gift_for_buyer_id]\n\ncolumns", "[gift_for_buyer_id, amount]\n\ncolumns"),
        (BASKETS, "undeclared_foreign_keys", "'amount' refers to nothing", "Add `references`"),
    ),
    "link to a table without a hub": (
        (
            BASKETS,
            "columns: [buyer_id, gift_for_buyer_id]",
            "columns: [colour_id, buyer_id, gift_for_buyer_id]",
        ),
        (BASKETS, "vault.link.columns", "'colour_id' refers to shop.colours, which has no hub", "satellite"),
    ),
    "link to less than a key": (
        (BASKETS, "references: shop.buyers.buyer_id, desc", "references: shop.buyers.edited_by, desc"),
        (BASKETS, "vault.link.columns", "not the whole primary key", "Refer to the key of shop.buyers"),
    ),
    "personal column in an open satellite": (
        (BUYERS, "      personal: true\n", ""),
        (BUYERS, "vault.satellites.personal.columns", "'full_name' is personal data", "personal satellite"),
    ),
    "personal column in a code list": (
        (COLOURS, "colour_name: {type: text,", "colour_name: {type: text, sensitivity: personal,"),
        (COLOURS, "vault.reference", "'colour_name' is personal data", "Map the table to a hub"),
    ),
    "secret column in a satellite": (
        (BUYERS, "columns: [full_name]", "columns: [full_name, password]"),
        (BUYERS, "vault.satellites.personal.columns", "'password' is secret", "never leave the source"),
    ),
    "key of another column than the hub's": (
        ("hubs.yml", "business_key: [buyer_id]", "business_key: [full_name]"),
        (BUYERS, "vault.hub", "is full_name, but the key here is buyer_id", "the same columns"),
    ),
    "hub that no table loads": (
        ("hubs.yml", "basket:", "shelf: {description: 'A shelf.', business_key: [shelf_id]}\nbasket:"),
        ("hubs.yml", "shelf", "no table loads this hub", "remove the hub"),
    ),
    "reserved topic": (
        (BUYERS, "    terms:", "    status:"),
        (BUYERS, "vault.satellites.status", "reserved", "another topic"),
    ),
    "reserved column": (
        (COLOURS, "colour_name:", "load_dts:"),
        (COLOURS, "columns.load_dts", "the column name is reserved", "Rename it"),
    ),
    "measure that is not a number": (
        (COLOURS, "colour_name: {type: text,", "colour_name: {type: text, measure: true,"),
        (COLOURS, "columns.colour_name", "a measure of type text", "Remove `measure`"),
    ),
    "control named like a measure": (
        (BASKETS, "  tax: round", "  amount: round"),
        (BASKETS, "computed_controls.amount", "a measure has the same name", "rename"),
    ),
    "unknown control day": (
        (BASKETS, "primary_key: [basket_id]", "primary_key: [basket_id]\ncontrol_day: paid_wen"),
        (BASKETS, "control_day", "shop.baskets has no column 'paid_wen'", "Did you mean 'paid_when'?"),
    ),
    "day that is not a date": (
        (BASKETS, "primary_key: [basket_id]", "primary_key: [basket_id]\ncontrol_day: amount"),
        (BASKETS, "control_day", "'amount' is a numeric(18,2)", "a date or timestamp"),
    ),
    "control day through an unknown foreign key": (
        (BASKETS, "primary_key: [basket_id]", "primary_key: [basket_id]\ncontrol_day: buyer.born_on"),
        (
            BASKETS,
            "control_day",
            "'buyer' is not a column that refers",
            "Did you mean 'buyer_id'?",
        ),
    ),
    "unknown control day of the referenced row": (
        (BASKETS, "primary_key: [basket_id]", "primary_key: [basket_id]\ncontrol_day: buyer_id.born_on"),
        (BASKETS, "control_day", "shop.buyers has no column 'born_on'", "Known here: buyer_id"),
    ),
    "control through a column without reference": (
        (BASKETS, "round(amount * 2, 2)", "amount * paid_when.discount"),
        (BASKETS, "computed_controls", "'paid_when' is not a column that refers to a table", "buyer_id"),
    ),
    "control with an unknown column of the referenced row": (
        (BASKETS, "round(amount * 2, 2)", "amount * buyer_id.discont"),
        (BASKETS, "computed_controls", "shop.buyers has no column 'discont'", "Did you mean 'discount'?"),
    ),
    "control with a secret column": (
        (BASKETS, "round(amount * 2, 2)", "amount * buyer_id.password"),
        (BASKETS, "computed_controls", "'password' of shop.buyers is secret", "never leave the source"),
    ),
    "key of two types": (
        (
            "tables/shop/buyer_balances.yml",
            "{type: integer, references: shop.buyers.buyer_id, ",
            "{type: text, ",
        ),
        (
            BUYERS,
            "columns.buyer_id",
            "a integer, but a text in shop.buyer_balances",
            "Cast one of them in a view",
        ),
    ),
    "unknown type": (
        (COLOURS, "{type: text,", "{type: string,"),
        (COLOURS, "columns.colour_name.type", "'string' is not a valid type", "Postgres type"),
    ),
    "column without a description": (
        (COLOURS, "{type: text, description: 'Name of the colour.'}", "{type: text}"),
        (COLOURS, "columns.colour_name.description", "description is missing", "one sentence"),
    ),
    "no columns": (
        (COLOURS, "columns:", "column:"),
        (COLOURS, "columns", "columns is missing", "List the columns"),
    ),
    "broken YAML": (
        (COLOURS, "columns:", "columns: ["),
        (COLOURS, "line 6", "not readable as YAML", "this line"),
    ),
    "a list where a mapping belongs": (
        ("shared_columns.yml", "edited_by: Who", "- Who"),
        ("shared_columns.yml", "", "a list or a single value", "key: value"),
    ),
}


def issues(folder: Path) -> tuple[Issue, ...]:
    with pytest.raises(MetadataError) as caught:
        load_catalog(folder)
    return caught.value.issues


def test_the_shop_has_no_issue(shop: Path) -> None:
    assert len(load_catalog(shop).tables) == 5


@pytest.mark.parametrize("case", CASES)
def test_an_issue_has_file_key_problem_and_fix(
    case: str, shop: Path, edit: Callable[[str, str, str], None]
) -> None:
    change, (file, key, problem, fix) = CASES[case]
    edit(*change)
    found = issues(shop)
    assert any(
        (issue.file, issue.key) == (file, key) and problem in issue.problem and fix in issue.fix
        for issue in found
    ), "\n".join(map(str, found))


def test_all_issues_are_reported_at_once_and_sorted(
    shop: Path, edit: Callable[[str, str, str], None]
) -> None:
    edit(BUYERS, "discount, edited_by", "discont, edited_by")
    edit(BASKETS, "hub: basket", "hub: baskt")
    edit(COLOURS, "primary_key: [colour_id]\n", "")
    found = issues(shop)
    assert list(found) == sorted(found)
    assert {(issue.file, issue.key) for issue in found} == {
        (BASKETS, "vault.hub"),
        (BUYERS, "vault"),
        (BUYERS, "vault.satellites.terms.columns"),
        (COLOURS, "primary_key"),
    }
    message = str(MetadataError(found))
    assert message.startswith(f"{len(found)} issues in the metadata")
    assert all(str(issue) in message for issue in found)


@pytest.mark.parametrize("broken", ["hubs.yml", BUYERS])
def test_an_unreadable_file_is_the_only_issue(broken: str, shop: Path) -> None:
    (shop / broken).write_text("a: b: c\n", encoding="utf-8")
    assert {issue.file for issue in issues(shop)} == {broken}


def test_a_missing_file_is_an_issue(shop: Path) -> None:
    (shop / "hubs.yml").unlink()
    (issue,) = issues(shop)
    assert (issue.file, issue.problem) == ("hubs.yml", "the file does not exist")
