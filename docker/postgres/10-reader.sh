#!/bin/bash
# Runs once, when the database is made: the login that the platform reads with. `wwi source simulate` gives it its
# rights; for a dump of your own, `wwi source grants` prints them.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$READER_PASSWORD" <<'SQL'
create role wwi_reader login password :'password';
SQL
