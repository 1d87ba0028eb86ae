#!/bin/bash
# Create the login that the platform reads with; runs once, when the database is initialized. `wwi source simulate`
# grants its privileges; for your own dump, `wwi source grants` prints the statements.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set password="$READER_PASSWORD" <<'SQL'
create role wwi_reader login password :'password';
SQL
