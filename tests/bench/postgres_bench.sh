#!/usr/bin/env bash
# pgbench -S through hoopctl, beside pgbouncer (session mode) and the server itself, in turn; then a million rows by SELECT and COPY.
# Usage: tests/bench/postgres_bench.sh HOOPCTL [SECONDS] [ROUNDS]. Needs root, postgresql, pgbouncer (apt-get install -y postgresql pgbouncer).
set -euo pipefail
hoopctl=$(realpath "$1")
seconds=${2:-4}
rounds=${3:-2}
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
work=$(mktemp -d)
chmod 755 "$work"
trap 'kill $(jobs -p) 2>/dev/null || true; sleep 1; rm -rf "$work"' EXIT
cd "$work"
install -d -o postgres cluster
as_postgres() { runuser -u postgres -- "$@"; }

as_postgres "$bin/initdb" -D cluster/data -U postgres --auth=trust -E UTF8 --locale=C >initdb.log
cat >>cluster/data/postgresql.auto.conf <<CONF
listen_addresses = '127.0.0.1'
port = 55432
unix_socket_directories = '$work/cluster'
fsync = off
max_connections = 200
CONF
printf 'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n' >cluster/data/pg_hba.conf
as_postgres "$bin/postgres" -D cluster/data >postgres.log 2>&1 &
until psql -qX -h 127.0.0.1 -p 55432 -U postgres -c 'SELECT' >/dev/null 2>&1; do sleep 0.1; done
psql -qX -h 127.0.0.1 -p 55432 -U postgres -c "CREATE ROLE gateway LOGIN PASSWORD 'bench-pw'" -c 'CREATE DATABASE bench OWNER gateway'

cat >pgbouncer.ini <<CONF
[databases]
bench = host=127.0.0.1 port=55432 dbname=bench user=gateway password=bench-pw
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 56432
auth_type = any
pool_mode = session
default_pool_size = 100
ignore_startup_parameters = extra_float_digits,options
unix_socket_dir =
CONF
chown postgres pgbouncer.ini
as_postgres pgbouncer -q pgbouncer.ini >pgbouncer.log 2>&1 &

cat >hoopctl.toml <<'CONF'
version = 1
[gateway]
listen = "127.0.0.1:18440"
postgres_listen = "127.0.0.1:25432"
limits = { sessions = 500 }
[dev_issuer]
[[oidc]]
name = "dev"
issuer = "http://127.0.0.1:8449"
audiences = ["api://hoopctl"]
[storage]
data_dir = "data"
[[connection]]
name = "bench"
upstream = "postgres://127.0.0.1:55432/bench?sslmode=disable"
inject = "password:gateway:env:BENCH_PASSWORD"
[[policy]]
id = "bench"
effect = "allow"
match = { groups = ["bench"], connections = ["bench"] }
CONF
BENCH_PASSWORD=bench-pw "$hoopctl" serve -c hoopctl.toml >hoopctl.log 2>&1 &
until token=$("$hoopctl" -c hoopctl.toml token mint --as bench --group bench --lifetime 1d 2>/dev/null); do sleep 0.1; done
export PGSSLMODE=disable
PGPASSWORD=bench-pw pgbench -i -s 10 -q -h 127.0.0.1 -p 55432 -U gateway bench 2>/dev/null

through() { # name: its port, user and password
  case $1 in
    direct) echo "55432 gateway bench-pw" ;;
    pgbouncer) echo "56432 gateway bench-pw" ;;
    hoopctl) echo "25432 x $token" ;;
  esac
}
for mode in simple extended prepared; do
  for clients in 1 8 32; do
    for _ in $(seq "$rounds"); do
      for name in direct pgbouncer hoopctl; do
        read -r port user password < <(through $name)
        PGPASSWORD=$password pgbench -n -S -M $mode -c $clients -T "$seconds" -h 127.0.0.1 -p "$port" -U "$user" bench 2>&1 |
          awk -v n=$name -v m=$mode -v c=$clients '/latency average/ { l = $4 } /^tps/ { printf "%-10s %-9s %2d clients %8.0f tps %8.3f ms\n", n, m, c, $3, l } /failed: [^0]/'
      done
    done
  done
done
for statement in 'COPY pgbench_accounts TO STDOUT' 'SELECT * FROM pgbench_accounts'; do
  for name in direct pgbouncer hoopctl; do
    read -r port user password < <(through $name)
    start=$(date +%s%N)
    PGPASSWORD=$password psql -qX -h 127.0.0.1 -p "$port" -U "$user" bench -At -c "$statement" >/dev/null
    echo "$name: $statement: $((($(date +%s%N) - start) / 1000000)) ms"
  done
done
