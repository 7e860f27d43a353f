#!/bin/sh
# update-dns.sh TARGET: point the platform's name at TARGET (primary, secondary, backup-production).
exec muster do dns:update --target="${1:?where the name is to point, for example backup-production}"
