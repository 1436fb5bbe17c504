# shellcheck shell=bash
# What the scripts test_BACKEND_integration.sh share. They source it after they have set:
#   backend  what `aquifer db check` calls the database: postgres, mysql, ...
#   title    what people call it
#
# The database is the first argument, or else what `aquifer` finds by itself: AQUIFER_DATABASE_URL, DATABASE_URL, and the
# variables of FLOWRUNNER_*, in the environment or in a file .env (docs/configuration.md).

set -euo pipefail

# The command on the PATH, or else the one of this checkout.
aquifer_command() {
    if command -v aquifer >/dev/null; then
        aquifer "$@"
    else
        cargo run --quiet --manifest-path "$(dirname "${BASH_SOURCE[0]}")/../Cargo.toml" --package aquifer-cli -- "$@"
    fi
}

# The beginnings of URLs of the database that this script is for.
beginning() {
    case "$backend" in
        postgres) echo '^postgres(ql)?(\+[a-z0-9]+)?:' ;;
        mysql) echo '^(mysql|mariadb)(\+[a-z0-9]+)?:' ;;
        libsql) echo '^(libsql|turso|https?):' ;;
        redis) echo '^(rediss?|valkeys?)([+-][a-z]+)?:' ;;
        mongodb) echo '^mongodb(\+srv)?:' ;;
        dynamodb) echo '^dynamo(db)?:' ;;
        sqlite) echo '^(sqlite|file)[:+]' ;;
        json) echo '^json:|\.json$' ;;
    esac
}

failed() {
    echo "FAILED: $title: $1" >&2
    exit 1
}

if [[ $# -gt 1 || ${1:-} == -h || ${1:-} == --help ]]; then
    echo "usage: $(basename "$0") [DATABASE_URL]" >&2
    exit 2
fi

database=()
if [[ $# -eq 1 ]]; then
    database=(--database-url "$1")
fi

echo "1. connecting to the database"
# Nothing is created before it is known to be of the right kind.
url=$(aquifer_command config --output json ${database[@]+"${database[@]}"} | sed -n 's/.*"key":"database.url","value":"\([^"]*\)".*/\1/p') ||
    failed "the settings name no database that can be used"
if ! grep -qE "$(beginning)" <<<"$url"; then
    failed "$url is another kind of database"
fi

echo "2. creating the tables that are not there yet"
aquifer_command db migrate ${database[@]+"${database[@]}"} || failed "the tables cannot be created"

echo "3. inserting a record, reading it back, and 4. removing it"
checked=$(aquifer_command db check --write --output json ${database[@]+"${database[@]}"}) ||
    failed "a record cannot be written and read back"
if [[ $checked != *"\"backend\":\"$backend\""* ]]; then
    failed "$url is another kind of database"
fi

echo "OK: $title at $url: connected, tables there, a record written, read back and removed; the tables stay"
