#!/usr/bin/env bash
# Tests your MongoDB: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_mongodb_integration.sh [DATABASE_URL]
set -euo pipefail
backend=mongodb
title="MongoDB"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
