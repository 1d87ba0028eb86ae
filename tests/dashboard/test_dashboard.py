"""The dashboard in a browser: its numbers equal those of the marts, and filters and sorting work."""

import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from audit.platform_state import BatchState, Status
from audit.query import Answer, ask
from config.settings import Settings
from dashboard.figures import FOLDER, figures
from dashboard.page import as_script, charts, columnar, page
from dashboard.write import write_dashboard
from ingestion.load.create_tables import ensure_layout
from metadata.errors import WwiError
from metadata.load import load_catalog
from tests import temporary_datasets
from tests.dashboard.small_star import NASTY, make_star
from warehouse.client import connect

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
BROWSER_LIMIT_S = 120
NOTHING = {file.stem: Answer((), ()) for file in FOLDER.glob("*.sql")}
# the total of each tile as a direct query: SELECT, FROM, and the keys for the filters
SALE = "fct_sale as f join {m}.dim_date as d on f.invoice_date_key = d.date"
ORDER = "fct_order as f join {m}.dim_date as d on f.order_date_key = d.date"
LEDGER = "fct_transaction as f join {m}.dim_date as d on f.date_key = d.date"
BOUGHT = "fct_purchase as f join {m}.dim_date as d on f.date_key = d.date"
CUSTOMER, ACCOUNT = ("customer_key", "city_key"), ("bill_to_customer_key",)
TILES = {
    "revenue": ("cast(sum(total_excluding_tax) * 100 as int64)", SALE, CUSTOMER),
    "profit": ("cast(sum(profit) * 100 as int64)", SALE, CUSTOMER),
    "margin": ("cast(sum(profit) / sum(total_excluding_tax) as float64)", SALE, CUSTOMER),
    "open_lines": ("countif(picked_date_key is null)", ORDER, CUSTOMER),
    "days_to_deliver": ("avg(date_diff(delivery_date_key, invoice_date_key, day))", SALE, CUSTOMER),
    "received": ("sum(received_outers) / sum(ordered_outers)", BOUGHT, ()),
    "open_purchases": ("countif(not is_order_finalized)", BOUGHT, ()),
    "open": (
        "cast(sum(if(wwi_customer_transaction_id > 0, outstanding_balance, 0)) * 100 as int64)",
        LEDGER, ACCOUNT,
    ),
    "invoiced": (
        "cast(sum(if(wwi_customer_transaction_id > 0 and transaction_type_key = 1, total_including_tax, 0))"
        " * 100 as int64)",
        LEDGER, ACCOUNT,
    ),
}  # fmt: skip
# these are compared only without filters
WHOLE = {
    "invoices": ("count(distinct wwi_invoice_id)", SALE),
    "orders": ("count(distinct wwi_order_id)", ORDER),
    "backorders": ("count(distinct wwi_backorder_id)", ORDER),
    "low": ("countif(quantity_on_hand < reorder_level)", "fct_stock_holding as f"),
    "stock_value": ("cast(sum(quantity_on_hand * last_cost_price) * 100 as int64)", "fct_stock_holding as f"),
}


@dataclass
class Shown(HTMLParser):
    """The rendered page: values of the tiles, rows of the tables, headlines, number of charts."""

    tiles: dict[str, float | None] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    drawings: int = 0
    ready: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self._write: list[str] | None = None
        self._table = self._finding = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if "data-figure" in attributes:
            value = attributes["data-value"]
            self.tiles[attributes["data-figure"] or ""] = float(value) if value else None
        self._finding = attributes.get("data-finding") or ("" if tag != "h3" else self._finding)
        if "data-table" in attributes:
            self._table = attributes["data-table"] or ""
            self.tables[self._table] = []
        if tag == "tr":
            self.tables[self._table].append([])
        if tag in {"td", "th"}:
            self._write = []
        self.drawings += tag == "svg"
        self.ready |= tag == "body" and attributes.get("data-ready") == "true"

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"} and self._write is not None:
            self.tables[self._table][-1].append("".join(self._write))
            self._write = None
        self._finding = "" if tag == "h3" else self._finding

    def handle_data(self, data: str) -> None:
        if self._write is not None:
            self._write.append(data)
        if self._finding:
            self.findings[self._finding] = self.findings.get(self._finding, "") + data


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("NOT RUN: needs a browser. Install one with `apt-get install chromium`")
    return found


def look(browser: str, file: Path, folder: Path, **filters: str) -> Shown:
    """Open the page in a browser without network; there must be no error on its console."""
    done = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
         f"--user-data-dir={folder}", "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000",
         "--enable-logging=stderr", "--dump-dom", f"{file.as_uri()}#{urlencode(filters)}"],
        capture_output=True, text=True, timeout=BROWSER_LIMIT_S, check=True,
    )  # fmt: skip
    assert re.findall(r".*CONSOLE.*", done.stderr) == []
    shown = Shown()
    shown.feed(done.stdout)
    assert shown.ready, done.stderr[-2000:]
    return shown


@pytest.fixture(scope="module")
def star(services: Settings) -> Iterator[Settings]:
    """A warehouse with the small star schema and an empty ledger."""
    settings = services.model_copy(update={"dataset_prefix": temporary_datasets.new_prefix(services, "dash")})
    with temporary_datasets.datasets(settings, ("_audit", "_raw", "_marts")):
        client = connect(settings)
        ensure_layout(client, settings, load_catalog().model_copy(update={"tables": ()}), force=True)
        make_star(client, settings)
        yield settings


@pytest.fixture(scope="module")
def written(star: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dashboard(star, load_catalog(), tmp_path_factory.mktemp("page") / "d.html", now=NOW).path


def queried(star: Settings, select: str, source: str, where: str = "true") -> float | None:
    marts = f"`{star.project}.{star.dataset('marts')}`"
    sql = f"select {select} from {marts}.{source.format(m=marts)} where not f.is_deleted and {where}"
    ((value,),) = ask(star, sql.replace("{m}", marts)).rows
    return None if value is None else float(value)


def where(keys: tuple[str, ...], year: str = "", territory: str = "", group: str = "") -> str:
    parts = [f"d.fiscal_year_label = '{year}'"] if year else []
    if territory and "city_key" in keys:
        parts.append(
            f"f.city_key in (select city_key from {{m}}.dim_city where sales_territory = '{territory}')"
        )
    if group and keys:
        inner = f"select customer_key from {{m}}.dim_customer where buying_group = '{group}'"
        parts.append(f"f.{keys[0]} in ({inner})")
    return " and ".join(parts) or "true"


@pytest.mark.services
@pytest.mark.parametrize(
    "filters",
    [{}, {"year": "FY2013"}, {"year": "FY2013", "territory": "Plains", "group": "N/A"}],
    ids=["everything", "a year", "a year, a territory and a group"],
)
def test_every_tile_equals_the_total_of_the_marts(
    filters: dict[str, str], star: Settings, written: Path, browser: str, tmp_path: Path
) -> None:
    shown = look(browser, written, tmp_path, **filters)
    expected = {
        name: queried(star, select, source, where(keys, **filters))
        for name, (select, source, keys) in TILES.items()
    }
    if not filters:
        expected |= {name: queried(star, select, source) for name, (select, source) in WHOLE.items()}
    assert {name: shown.tiles[name] for name in expected} == pytest.approx(expected)
    assert expected["revenue"] != 0
    assert shown.drawings == len(charts())


CLICKS = """
<script type="module">
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
while (!document.body.dataset.ready) await wait(20);
delete document.body.dataset.ready;
const heads = [...document.querySelectorAll("[data-table=articles] th button")];
heads.find((each) => each.textContent === "Units").click();
const year = document.querySelector("select[name=year]");
year.value = "FY2014";
year.dispatchEvent(new Event("change", { bubbles: true }));
await wait(200);
document.querySelector("[data-finding=revenue]").textContent = location.hash;
document.body.dataset.ready = "true";
</script>
"""


@pytest.mark.services
def test_a_click_sorts_and_a_filter_changes_the_page(
    star: Settings, written: Path, browser: str, tmp_path: Path
) -> None:
    clicked, end = tmp_path / "clicked.html", "</body>\n</html>"
    text = written.read_text(encoding="utf-8")
    assert text.endswith(end)
    clicked.write_text(text.removesuffix(end) + CLICKS + end, encoding="utf-8")
    before, after = look(browser, written, tmp_path / "a"), look(browser, clicked, tmp_path / "b")
    wanted = where(CUSTOMER, year="FY2014")
    assert after.tiles["revenue"] == queried(star, *TILES["revenue"][:2], wanted)
    assert after.tiles["revenue"] != before.tiles["revenue"]
    assert after.findings["revenue"] == "#year=FY2014"
    header, *rows = after.tables["articles"]
    units = [int(row[1].replace(",", "").replace("\u2212", "-")) for row in rows]
    assert header[:2] == ["Article", "Units"]
    assert units == sorted(units, reverse=True)
    assert sum(units) == queried(star, "sum(quantity)", SALE, wanted)
    assert [row[0] for row in before.tables["accounts"][1:]].count("T*** no. 42") == 1


@pytest.mark.services
def test_the_page_is_one_file_and_a_name_cannot_end_its_script(
    written: Path, browser: str, tmp_path: Path
) -> None:
    text = written.read_text(encoding="utf-8")
    assert (
        re.findall(
            r"<(?:link|img|iframe)\b|<script[^>]* src=|@import|url\(",
            re.sub(r"(?s)<script.*?</script>", "", text),
        )
        == []
    )
    assert NASTY not in text
    assert NASTY in {row[0] for row in look(browser, written, tmp_path).tables["accounts"]}


def test_the_page_without_data_says_so(browser: str, tmp_path: Path) -> None:
    file = tmp_path / "empty.html"
    file.write_text(page(NOTHING, Status(NOW, (), ()), NOW), encoding="utf-8")
    shown = look(browser, file, tmp_path / "browser")
    assert set(shown.findings.values()) == {"No data for these filters"}
    assert shown.tiles["revenue"] == 0
    assert shown.tiles["margin"] is None


def test_the_header_shows_the_state_of_the_platform() -> None:
    batch = BatchState(7, "completed", NOW, NOW.replace(tzinfo=None), 1.0, 31, 5, 5, 0, False, None)
    fine = html.unescape(page(NOTHING, Status(NOW, (batch,), (), NOW, 0), NOW))
    assert "Business to Jan 5, 2026 12:00" in fine
    assert "batch 7, loaded 2026-01-05 12:00 UTC" in fine
    assert "1 pending batch" in fine
    assert "All totals agree with the source" in fine
    wrong = page(NOTHING, Status(NOW, (batch,), (), NOW, 3), NOW)
    assert "3 totals differ from the source" in wrong
    assert "All totals agree" not in wrong
    assert "Never reconciled" in page(NOTHING, Status(NOW, (), ()), NOW)


@pytest.mark.services
def test_without_marts_the_error_says_what_to_do(services: Settings) -> None:
    with pytest.raises(WwiError, match=r"the marts are not built yet.*Run `wwi run`"):
        figures(
            services.model_copy(update={"dataset_prefix": temporary_datasets.new_prefix(services, "none")})
        )


def test_texts_are_stored_once_and_escaped() -> None:
    answer = Answer(("name", "number"), (("a", 1), ("b", 2), ("a", 3), (None, 4)))
    assert columnar(answer) == {"name": {"of": ["a", "b", None], "at": [0, 1, 0, 2]}, "number": [1, 2, 3, 4]}
    assert as_script("</script>") == '"\\u003c/script>"'
