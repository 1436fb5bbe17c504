#!/usr/bin/env bash
# Tests your Redis or Valkey: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_redis_integration.sh [DATABASE_URL]
set -euo pipefail
backend=redis
title="Redis or Valkey"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
