#!/usr/bin/env bash
# Tests your JSON file: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_json_integration.sh [DATABASE_URL]
set -euo pipefail
backend=json
title="JSON file"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
