#!/bin/sh
# Publishes an event, reads it back, and shows an error.
#
# ROOMCAST_URL is the URL of the worker, and ROOMCAST_TOKEN is a token that grants
# publish and subscribe in shipments:*.
set -eu

room="$ROOMCAST_URL/rooms/shipments:42"

# Retries after 429, 500 and 503, and waits as long as `Retry-After` says. For an
# error status, prints the body and exits with 22.
roomcast() {
    curl --silent --show-error --fail-with-body --max-time 10 --retry 3 --write-out '\n' \
        --header "Authorization: Bearer $ROOMCAST_TOKEN" "$@"
}

# With an `id`, a retry never appends the event a second time.
roomcast "$room/events" --data \
    '{"name":"shipment:updated","data":{"status":"delivered"},"id":"delivery-981"}'

roomcast "$room/events?last=10"

roomcast "$room/events" --data '{"name":"","data":1}' || echo "curl exits with $?"
