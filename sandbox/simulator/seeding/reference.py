"""The code lists before the renames of the first years, and the company's settings."""

import json

import numpy as np

from metadata.spec import Table

Values = dict[str, object]

# table -> names in the order of their ids (business_rules.md, section 16)
LISTS = {
    "application.delivery_methods": (
        "Post|Courier|Delivery Van|Customer Collect|Van with Chiller|Customer Courier to Collect|"
        "Road Freight|Air Freight|Refrigerated Road Freight|Refrigerated Air Freight"
    ),
    "application.payment_methods": "Cash|Check|Credit Card|EFT",
    "application.transaction_types": (
        "Customer Invoice|Customer Credit Note|Customer Payment Received|Customer Refund|"
        "Supplier Invoice|Supplier Credit Note|Supplier Payment Issued|Supplier Refund|"
        "Stock Transfer|Stock Issue|Stock Receipt|Stock Adjustment at Stocktake"
    ),
    "purchasing.supplier_categories": (
        "Other Wholesaler|Novelty Goods Supplier|Toy Supplier|Clothing Supplier|Packaging Supplier|"
        "Courier|Financial Services Supplier|Marketing Services Supplier|Insurance Services Supplier"
    ),
    "sales.buying_groups": "Tailspin Toys|Wingtip Toys",
    "sales.customer_categories": (
        "Agent|Wholesaler|Novelty Shop|Supermarket|Computer Store|Gift Store|Corporate"
    ),
    "warehouse.colors": (
        "Azure|Beige|Black|Blue|Charcoal|Chartreuse|Cyan|Dark Brown|Dark Green|Fuchsia|Gold|Gray|"
        "Hot Pink|Indigo|Ivory|Khaki|Lavender|Light Brown|Light Green|Maroon|Mauve|Navy Blue|Olive|"
        "Orange|Plum|Puce|Purple|Red|Royal Blue|Salmon|Silver|Tan|Teal|Wheat|White|Yellow"
    ),
    # the trailing blank of the last but one is in the real data
    "warehouse.package_types": ("Bag|Block|Bottle|Box|Can|Carton|Each|Kg|Packet|Pair|Pallet|Tray|Tub |Tube"),
    "warehouse.stock_groups": (
        "Novelty Items|Clothing|Mugs|T-Shirts|Airline Novelties|Computing Novelties|USB Novelties|"
        "Footwear|Toys|Packaging Materials"
    ),
}

# transaction types and payment method that the business uses
CUSTOMER_INVOICE, CUSTOMER_CREDIT_NOTE, CUSTOMER_PAYMENT = 1, 2, 3
SUPPLIER_INVOICE, SUPPLIER_PAYMENT = 5, 7
STOCK_ISSUE, STOCK_RECEIPT, STOCK_ADJUSTMENT = 10, 11, 12
CHECK, EFT = 2, 4


def names(table: str) -> list[str]:
    """Return the names of a code list in the order of their ids."""
    return LISTS[table].split("|")


def code_list(table: Table) -> Values:
    """Return the rows of a code list; the name of its name column follows from its key."""
    key = table.primary_key[0]
    listed = names(table.qualified)
    return {
        key: np.arange(1, len(listed) + 1),
        f"{key.removesuffix('_id')}_name": listed,
        "last_edited_by": 1,
    }


def system_parameters(city_id: int, when: np.datetime64) -> Values:
    """Return the one row of application.system_parameters."""
    settings = {
        "Site": {
            "SEO": {"Title": "WWI | Site", "Description": "Novelties, toys and what they come packed in"}
        },
        "Contact": {"Email": "hello@wideworldimporters.com", "OpenOnSundays": False},
    }
    return {
        "system_parameter_id": np.array([1]),
        "delivery_address_line_1": "Dock 3",
        "delivery_address_line_2": "60 Ferry Plaza",
        "delivery_city_id": city_id,
        "delivery_postal_code": "94111",
        "postal_address_line_1": "PO Box 1870",
        "postal_address_line_2": "Baytonville",
        "postal_city_id": city_id,
        "postal_postal_code": "94111",
        "application_settings": json.dumps(settings),
        "last_edited_by": 1,
        "last_edited_when": when,
    }
