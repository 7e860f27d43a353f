#!/bin/sh
# failover-to-backup.sh TARGET: move TARGET (production) to its backup.
exec muster do failover:manual --target="${1:?which environment to fail over, for example production}"
