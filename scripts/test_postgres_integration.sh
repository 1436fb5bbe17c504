#!/usr/bin/env bash
# Tests your PostgreSQL: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_postgres_integration.sh [DATABASE_URL]
set -euo pipefail
backend=postgres
title="PostgreSQL"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
