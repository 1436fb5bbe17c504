#!/usr/bin/env bash
# Tests your SQLite file: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_sqlite_integration.sh [DATABASE_URL]
set -euo pipefail
backend=sqlite
title="SQLite file"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
