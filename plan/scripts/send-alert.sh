#!/bin/sh
# send-alert.sh MESSAGE: tell the stakeholders.
exec muster do alert:send --message="${1:?what to say}"
