// Filter the figures and draw them. Amounts are integer cents until they are displayed, so sums are exact.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const charts = read("charts");
const figures = Object.fromEntries(Object.entries(read("figures")).map(([name, columns]) => [name, rowsOf(columns)]));
const filters = [...document.querySelectorAll("[data-filter]")];
const TOP = 10;

function rowsOf(columns) {
  const names = Object.keys(columns);
  const values = names.map((name) => (Array.isArray(columns[name]) ? columns[name] : columns[name].at.map((place) => columns[name].of[place])));
  return (values[0] ?? []).map((_, row) => Object.fromEntries(names.map((name, place) => [name, values[place][row]])));
}

// number and date formats
const whole = new Intl.NumberFormat("en-US");
const money = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const short = new Intl.NumberFormat("en-US", { notation: "compact", minimumSignificantDigits: 3, maximumSignificantDigits: 3 });
const dollars = (cents) => money.format(cents / 100);
const wholeDollars = (cents) => (cents < 0 ? "\u2212$" : "$") + whole.format(Math.round(Math.abs(cents) / 100));
const compact = (number) => (Math.abs(number) < 1000 ? whole.format(Math.round(number)) : short.format(number));
const compactDollars = (cents) => `${cents < 0 ? "\u2212" : ""}$${compact(Math.abs(cents) / 100)}`;
const ratio = (part, all) => (all ? part / all : null);
const percent = (share, digits = 1) => (share === null ? "\u2013" : `${(share * 100).toFixed(digits)}%`);
const groupName = (name) => (name === "N/A" ? "Independent" : name);
const monthName = (day, style = "short") =>
  new Date(`${day}T12:00:00Z`).toLocaleDateString("en-US", { month: style, year: style === "short" ? "2-digit" : "numeric", timeZone: "UTC" });

// sums
const sum = (rows, name) => rows.reduce((total, row) => total + row[name], 0);
function by(rows, key, names) {
  const found = new Map();
  for (const row of rows) {
    let total = found.get(row[key]);
    if (!total) found.set(row[key], (total = { ...row, ...Object.fromEntries(names.map((name) => [name, 0])) }));
    for (const name of names) total[name] += row[name];
  }
  return [...found.values()];
}
const descending = (name) => (a, b) => b[name] - a[name];

function chosen(name) {
  const wanted = filters.filter((select) => select.value).map((select) => [select.dataset.filter, select.value]);
  return figures[name].filter((row) => wanted.every(([key, value]) => !(key in row) || row[key] === value));
}

// the sections of the page: tiles, headlines, charts, tables
function sales() {
  const rows = chosen("sales");
  const revenue = sum(rows, "revenue_cents");
  const profit = sum(rows, "profit_cents");
  tiles("sales", [
    ["Revenue", "revenue", dollarsTile(revenue), revenue],
    ["Profit", "profit", dollarsTile(profit), profit],
    ["Profit margin", "margin", percent(ratio(profit, revenue)), ratio(profit, revenue)],
    ["Invoices", "invoices", whole.format(sum(rows, "invoices")), sum(rows, "invoices")],
  ]);
  const months = by(rows, "month_start", ["revenue_cents", "profit_cents"]);
  const best = [...months].sort(descending("revenue_cents"))[0];
  find("revenue", best && `${monthName(best.month_start, "long")} had the highest revenue: ${compactDollars(best.revenue_cents)}`);
  draw("revenue", months.flatMap((row) => [["Revenue", row.revenue_cents], ["Profit", row.profit_cents]].map(([series, cents]) => (
    { month: monthName(row.month_start), series, value: cents / 100, tip: `${monthName(row.month_start, "long")}\n${series} ${dollars(cents)}` }))));
  ranked("territories", by(rows, "territory", ["revenue_cents"]), "territory", "revenue_cents", revenue, (name) => name,
    (first, share) => (share === 1 ? `${first} has all of the revenue` : `${first} has the most revenue: ${percent(share, 0)}`));
  ranked("groups", by(rows, "buying_group", ["revenue_cents"]), "buying_group", "revenue_cents", revenue, groupName,
    (first, share) => `${first === "Independent" ? "Independent customers have" : `${first} has`} the most revenue: ${percent(share, 0)}`);
  const articles = by(chosen("articles"), "article", ["revenue_cents", "profit_cents", "units"]);
  const loss = articles.filter((row) => row.profit_cents < 0).length;
  find("articles", articles.length && `${whole.format(articles.length)} articles sold, ${loss ? `${loss} of them at a loss` : "none at a loss"}`);
  table("articles", articles, [
    ["Article", (row) => row.article],
    ["Units", (row) => row.units, whole.format],
    ["Revenue", (row) => row.revenue_cents, wholeDollars],
    ["Profit", (row) => row.profit_cents, wholeDollars, (row) => row.profit_cents < 0],
    ["Margin", (row) => ratio(row.profit_cents, row.revenue_cents), percent],
  ], 2);
}

function orders() {
  const rows = chosen("orders");
  const delivered = chosen("deliveries");
  const confirmed = delivered.filter((row) => row.days !== null);
  const lines = sum(rows, "order_lines");
  const picked = sum(rows, "picked_lines");
  const arrived = sum(confirmed, "invoice_lines");
  const days = confirmed.reduce((total, row) => total + row.days * row.invoice_lines, 0);
  const swift = sum(confirmed.filter((row) => row.days <= 1), "invoice_lines");
  tiles("orders", [
    ["Orders", "orders", whole.format(sum(rows, "orders")), sum(rows, "orders")],
    ["Lines not picked yet", "open_lines", whole.format(lines - picked), lines - picked],
    ["Backorders", "backorders", whole.format(sum(rows, "backorders")), sum(rows, "backorders")],
    ["Average days to deliver", "days_to_deliver", arrived ? (days / arrived).toFixed(2) : "\u2013", ratio(days, arrived)],
  ]);
  find("speed", lines && `${percent(ratio(sum(rows, "picked_same_day"), lines))} of lines are picked on the day of the order`);
  const months = by(rows, "month_start", ["order_lines", "picked_same_day"]);
  const arrivals = new Map(by(confirmed.map((row) => ({ ...row, swift: row.days <= 1 ? row.invoice_lines : 0 })), "month_start", ["invoice_lines", "swift"]).map((row) => [row.month_start, row]));
  draw("speed", months.flatMap((row) => {
    const arrival = arrivals.get(row.month_start);
    return [
      ["picked on the day of the order", ratio(row.picked_same_day, row.order_lines)],
      ["delivered within a day of the invoice", arrival ? ratio(arrival.swift, arrival.invoice_lines) : null],
    ].filter(([, value]) => value !== null).map(([series, value]) => (
      { month: monthName(row.month_start), series, value, tip: `${monthName(row.month_start, "long")}\n${percent(value)} ${series}` }));
  }));
  find("days", arrived && `${percent(ratio(swift, arrived))} of delivered lines arrive within a day of the invoice`);
  const name = (row) => (row.days === null ? "not yet" : row.days >= 5 ? "5 or more" : String(row.days));
  const counted = new Map(by(delivered.map((row) => ({ ...row, name: name(row) })), "name", ["invoice_lines"]).map((row) => [row.name, row.invoice_lines]));
  draw("days", ["0", "1", "2", "3", "4", "5 or more", "not yet"].filter((each) => delivered.length && (each !== "0" || counted.has(each))).map((each) => {
    const value = counted.get(each) ?? 0;
    return { name: each, value, label: whole.format(value), tip: `${each === "not yet" ? "not confirmed yet" : `${each} day${each === "1" ? "" : "s"}`}\n${whole.format(value)} lines` };
  }));
}

function stock() {
  const held = chosen("stock");
  const low = held.filter((row) => row.quantity_on_hand < row.reorder_level).length;
  const purchases = chosen("purchases");
  const ordered = sum(purchases, "ordered_outers");
  const received = sum(purchases, "received_outers");
  tiles("stock", [
    ["Stock value", "stock_value", dollarsTile(sum(held, "value_cents")), sum(held, "value_cents")],
    ["Articles below reorder level", "low", whole.format(low), low],
    ["Outers received, of ordered", "received", percent(ratio(received, ordered)), ratio(received, ordered)],
    ["Open purchase lines", "open_purchases", whole.format(sum(purchases, "open_lines")), sum(purchases, "open_lines")],
  ]);
  const months = by(chosen("movements"), "month_start", ["units_in", "units_out"]);
  const net = sum(months, "units_in") + sum(months, "units_out");
  find("movements", months.length && (net >= 0 ? `Stock increased by ${compact(net)} units` : `Stock decreased by ${compact(-net)} units`));
  draw("movements", months.flatMap((row) => [["units in", row.units_in], ["units out", row.units_out]].map(([series, value]) => (
    { month: monthName(row.month_start), series, value, tip: `${monthName(row.month_start, "long")}\n${whole.format(Math.abs(value))} ${series}` }))));
  const suppliers = by(purchases, "supplier", ["ordered_outers", "received_outers", "open_lines"]).sort(descending("ordered_outers"));
  const behind = [...suppliers].sort((a, b) => (b.ordered_outers - b.received_outers) - (a.ordered_outers - a.received_outers))[0];
  const missing = behind && behind.ordered_outers - behind.received_outers;
  find("suppliers", behind && (missing ? `${behind.supplier} has the most outers not delivered yet: ${whole.format(missing)}` : "Suppliers have delivered all orders"));
  draw("suppliers", suppliers.map((row) => ({
    name: row.supplier, ordered: row.ordered_outers, received: row.received_outers,
    label: percent(ratio(row.received_outers, row.ordered_outers), 0),
    tip: `${row.supplier}\n${whole.format(row.received_outers)} of ${whole.format(row.ordered_outers)} outers received\n${whole.format(row.open_lines)} lines open`,
  })));
  find("stock", held.length && `${whole.format(low)} of ${whole.format(held.length)} articles are below their reorder level`);
  table("stock", held, [
    ["Article", (row) => row.article],
    ["Bin", (row) => row.bin, undefined, undefined, "text"],
    ["On hand", (row) => row.quantity_on_hand, whole.format, (row) => row.quantity_on_hand < row.reorder_level],
    ["Reorder level", (row) => row.reorder_level, whole.format],
    ["Target", (row) => row.target_stock_level, whole.format],
    ["Value", (row) => row.value_cents, wholeDollars],
  ], 5);
}

function receivables() {
  const rows = chosen("accounts");
  const names = ["invoiced_cents", "received_cents", "open_cents", "open_week_cents", "open_month_cents"];
  const [invoiced, received, open, week, month] = names.map((name) => sum(rows, name));
  tiles("receivables", [
    ["Outstanding", "open", dollarsTile(open), open],
    ["Invoiced", "invoiced", dollarsTile(invoiced), invoiced],
    ["Received", "received_money", dollarsTile(received), received],
    ["Outstanding, of invoiced", "open_share", percent(ratio(open, invoiced)), ratio(open, invoiced)],
  ]);
  find("payments", invoiced && `Customers paid ${compactDollars(received)} of ${compactDollars(invoiced)} invoiced`);
  draw("payments", by(rows, "month_start", names).flatMap((row) => [["invoiced", row.invoiced_cents], ["received", row.received_cents]].map(([series, cents]) => (
    { month: monthName(row.month_start), series, value: cents / 100, tip: `${monthName(row.month_start, "long")}\n${dollars(cents)} ${series}` }))));
  find("ages", open && `${percent(ratio(open - month, open), 0)} of the outstanding amount is older than 30 days`);
  draw("ages", (rows.length ? [["up to 7 days", week], ["8 to 30 days", month - week], ["over 30 days", open - month]] : []).map(([name, cents]) => (
    { name, value: cents / 100, label: `${compactDollars(cents)}  ${percent(ratio(cents, open), 0)}`, tip: `${name}\n${dollars(cents)}` })));
  const accounts = by(rows, "account_id", names);
  const owing = accounts.filter((row) => row.open_cents > 0);
  find("accounts", accounts.length && `${whole.format(owing.length)} of ${whole.format(accounts.length)} accounts have an outstanding amount`);
  table("accounts", accounts, [
    ["Account", (row) => (row.account.endsWith("***") ? `${row.account} no. ${row.account_id}` : row.account)],
    ["Buying group", (row) => groupName(row.buying_group), undefined, undefined, "text"],
    ["Invoiced", (row) => row.invoiced_cents, wholeDollars],
    ["Received", (row) => row.received_cents, wholeDollars],
    ["Outstanding", (row) => row.open_cents, wholeDollars],
    ["Over 30 days", (row) => row.open_cents - row.open_month_cents, wholeDollars],
  ], 4);
}

function ranked(name, rows, key, value, all, named, finding) {
  const sorted = rows.sort(descending(value));
  find(name, sorted.length && finding(named(sorted[0][key]), ratio(sorted[0][value], all)));
  draw(name, sorted.map((row) => ({
    name: named(row[key]), value: row[value] / 100,
    label: `${compactDollars(row[value])}  ${percent(ratio(row[value], all), 0)}`,
    tip: `${named(row[key])}\n${dollars(row[value])}`,
  })));
}

// rendering
const dollarsTile = (cents) => (Math.abs(cents) < 1e8 ? dollars(cents) : compactDollars(cents));

function tiles(section, shown) {
  document.querySelector(`[data-tiles=${section}]`).replaceChildren(...shown.map(([label, name, text, value]) => {
    const tile = document.createElement("div");
    const [term, figure] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = label;
    figure.textContent = text;
    figure.dataset.figure = name;
    figure.dataset.value = value ?? "";
    if (name.endsWith("_money") || ["revenue", "profit", "stock_value", "open", "invoiced"].includes(name)) figure.title = dollars(value);
    tile.append(term, figure);
    return tile;
  }));
}

function find(name, text) {
  document.querySelector(`[data-finding=${name}]`).textContent = text || "No data for these filters";
}

const views = new Map();
function draw(name, rows) {
  const holder = document.querySelector(`[data-chart=${name}]`);
  holder.hidden = !rows.length;
  if (!rows.length) return;
  if (views.has(name)) {
    views.get(name).then(({ view }) => view.data("rows", rows).runAsync());
    return;
  }
  const data = charts[name].data.map((each) => (each.name === "rows" ? { ...each, values: rows } : each));
  const options = { mode: "vega", renderer: "svg", actions: false, defaultStyle: false, hover: false, tooltip: (_, event, __, text) => tip(event, text) };
  views.set(name, vegaEmbed(holder, { ...charts[name], data }, options));
}

const bubble = document.getElementById("tip");
function tip(event, text) {
  bubble.hidden = !text;
  if (!text) return;
  bubble.textContent = text;
  const { width, height } = bubble.getBoundingClientRect();
  bubble.style.left = `${Math.max(8, Math.min(event.clientX + 12, innerWidth - width - 8))}px`;
  bubble.style.top = `${event.clientY + 16 + height > innerHeight ? event.clientY - height - 8 : event.clientY + 16}px`;
}

const tables = new Map();
function table(name, rows, columns, first) {
  const state = tables.get(name) ?? { column: first, down: true, all: false };
  tables.set(name, state);
  const show = () => {
    const value = columns[state.column][1];
    const order = (a, b) => (typeof a === "string" ? a.localeCompare(b) : (a ?? -Infinity) - (b ?? -Infinity));
    const sorted = [...rows].sort((a, b) => (state.down ? -1 : 1) * order(value(a), value(b)));
    const head = document.createElement("tr");
    head.append(...columns.map(([label, , , , kind], place) => {
      const cell = document.createElement("th");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.onclick = () => {
        const text = typeof columns[place][1](rows[0] ?? {}) === "string";
        Object.assign(state, { column: place, down: state.column === place ? !state.down : !text });
        show();
      };
      cell.scope = "col";
      if (kind) cell.className = kind;
      if (place === state.column) cell.ariaSort = state.down ? "descending" : "ascending";
      cell.append(button);
      return cell;
    }));
    const body = (state.all ? sorted : sorted.slice(0, TOP)).map((row) => {
      const line = document.createElement("tr");
      line.append(...columns.map(([, get, write, low, kind]) => {
        const cell = document.createElement("td");
        cell.textContent = write ? write(get(row)) : get(row);
        cell.className = [kind, low?.(row) && "low"].filter(Boolean).join(" ");
        return cell;
      }));
      return line;
    });
    const element = document.querySelector(`[data-table=${name}]`);
    const [top, rest] = [document.createElement("thead"), document.createElement("tbody")];
    top.append(head);
    rest.append(...body);
    element.replaceChildren(top, rest);
    const more = document.querySelector(`[data-more=${name}]`);
    more.hidden = rows.length <= TOP;
    more.textContent = state.all ? `Show the first ${TOP}` : `Show all ${whole.format(rows.length)}`;
    more.onclick = () => {
      state.all = !state.all;
      show();
    };
  };
  show();
}

// filters are kept in the URL, so that a view can be shared
function offer(select, label) {
  const key = select.dataset.filter;
  const values = new Set(Object.values(figures).flatMap((rows) => (rows.length && key in rows[0] ? rows.map((row) => row[key]) : [])));
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  select.replaceChildren(option("", label), ...[...values].sort().map((value) => option(value, key === "buying_group" ? groupName(value) : value)));
}
function fromAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  for (const select of filters) {
    select.value = wanted.get(select.name) ?? "";
    if (select.selectedIndex < 0) select.value = "";
  }
}
function toAddress() {
  const set = filters.filter((select) => select.value).map((select) => [select.name, select.value]);
  history.replaceState(null, "", set.length ? `#${new URLSearchParams(set)}` : location.pathname + location.search);
}
function show() {
  for (const select of filters) select.classList.toggle("on", Boolean(select.value));
  for (const part of [sales, orders, stock, receivables]) part();
}

offer(filters[0], "All years");
offer(filters[1], "All territories");
offer(filters[2], "All groups");
fromAddress();
addEventListener("hashchange", () => { fromAddress(); show(); });
document.forms[0].addEventListener("change", () => { toAddress(); show(); });
document.forms[0].addEventListener("reset", () => setTimeout(() => { toAddress(); show(); }));
for (const element of document.querySelectorAll("[data-since]")) {
  const minutes = Math.round((Date.now() - new Date(element.dataset.since)) / 60000);
  const [count, unit] = minutes < 120 ? [minutes, "minute"] : minutes < 2880 ? [Math.round(minutes / 60), "hour"] : [Math.round(minutes / 1440), "day"];
  element.textContent = `, ${count} ${unit}${count === 1 ? "" : "s"} ago`;
}
show();
await Promise.all(views.values());
document.body.dataset.ready = "true";
