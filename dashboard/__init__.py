"""The dashboard: one HTML page that needs no network.

figures/*.sql   the SQL of each figure: aggregated in the warehouse, as fine as the filters need
charts.yml      what each chart looks like, in Vega-Lite
page.*          the page: Jinja, style, and the script that filters the figures in the browser
"""
