#!/bin/sh
# Make the owner of PPIMS's tables, the application's role, and the database. The image of PostgreSQL
# runs this once, when it has made an empty cluster. The passwords are those of the two URLs.
set -eu
read_password() { sed -E 's|^postgres://[^:]+:([0-9a-f]+)@.*|\1|' "/run/secrets/$1"; }
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" \
    --set=owner="$(read_password owner-url)" --set=app="$(read_password application-url)" <<'SQL'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
CREATE ROLE ppims_owner LOGIN PASSWORD :'owner';
CREATE ROLE ppims_app LOGIN PASSWORD :'app';
CREATE DATABASE ppims OWNER ppims_owner ENCODING 'UTF8' TEMPLATE template0;
SQL
