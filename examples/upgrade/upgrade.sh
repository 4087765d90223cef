#!/bin/sh
# A rolling upgrade: a service's node is replaced by a newer one, and its client notices nothing.
#
#   cargo build --release
#   sh examples/upgrade/upgrade.sh
old=${RLUA_OLD:-target/release/rlua-actor}       # the program that runs now,
new=${RLUA_NEW:-target/release/rlua-actor}       # and a later build of it
here=$(dirname "$0")

has() { "$old" pmd --list | grep -q "^$1	"; }
"$old" run "$here/counter.lua" old@localhost &
until has old; do sleep 0.1; done
"$old" run "$here/client.lua" old@localhost 300 &
client=$!
until has client; do sleep 0.1; done

"$new" node new@localhost &
node=$!
until has new; do sleep 0.1; done
# The counter moves, with what it has counted, its name and its pid; then the old node ends.
"$new" drain old@localhost --to new@localhost --stop

wait $client
status=$?
kill $node
exit $status
