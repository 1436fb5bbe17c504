#!/usr/bin/env bash
# Tests your MySQL or MariaDB: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_mysql_integration.sh [DATABASE_URL]
set -euo pipefail
backend=mysql
title="MySQL or MariaDB"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
