#!/usr/bin/env bash
# Tests your DynamoDB: connects, creates the tables, writes a record, reads it back and removes it.
# Usage: scripts/test_dynamodb_integration.sh [DATABASE_URL]
set -euo pipefail
backend=dynamodb
title="DynamoDB"
# shellcheck source=scripts/integration.sh
source "$(dirname "${BASH_SOURCE[0]}")/integration.sh"
