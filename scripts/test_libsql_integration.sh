#!/usr/bin/env bash
# Tests your libSQL or Turso: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_libsql_integration.sh [DATABASE_URL]
set -euo pipefail
backend=libsql
title="libSQL or Turso"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
