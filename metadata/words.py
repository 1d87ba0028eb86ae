"""Reserved words of SQL: as column names they need quotes."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# reserved in GoogleSQL; then also reserved in Postgres or the local engine
RESERVED_WORDS = _words("""
    all and any array as asc at between by case cast collate collation contains create cross cube current
    default define desc distinct else end enum escape except exclude exists extract false fetch following for
    from full group grouping groups hash having if ignore in inner intersect interval into is join lateral
    left like limit lookup merge natural new no not null nulls of on or order outer over partition preceding
    proto qualify range recursive respect right rollup rows select set some struct tablesample then to treat
    true unbounded union unnest using when where window with within

    alter analyse analyze anti asof asymmetric authorization binary both check column concurrently constraint
    declare deferrable describe do drop force foreign freeze glob grant ilike initially insert isnull lambda
    leading localtime localtimestamp map notnull offset only out overlaps pivot placing positional primary
    references returning revoke rollback semi show similar summarize symmetric table trailing try unique
    unpivot user values variadic verbose
""")

# vault/macros/stage.sql makes AutomateDV quote words of letters only, so these cannot be quoted
UNQUOTABLE = _words("""
    assert_rows_modified current_catalog current_date current_datetime current_role current_schema
    current_time current_timestamp current_user graph_table match_recognize session_user system_user try_cast
""")

# valid in the SQL of a control without being a column name
EXPRESSION_KEYWORDS = _words("""
    all and any as between by case cast distinct else end exists extract false for from if in interval is like
    not null of or over partition similar then to true when
""")
