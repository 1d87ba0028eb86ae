"""The dashboard: one HTML page that needs no network.

figures/*.sql   the query of each figure, aggregated to the level that the filters need
charts.yml      the charts, in Vega-Lite
page.*          the page: Jinja template, style, and the script that filters the figures in the browser
"""
