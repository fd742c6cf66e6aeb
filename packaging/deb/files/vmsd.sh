#!/bin/sh
# The vmsd command. What opens the database does so as the user it belongs to; files an operator names are handed over.
set -eu

program=/usr/lib/vmsd/vmsd
owner=vmsd
group=vmsd-media

for word in "$@"; do
    case "$word" in -h | --help) exec "$program" "$@" ;; esac
done
case "${1:-} ${2:-}" in
"site apply")
    if [ "$(id -u)" != 0 ]; then
        echo "vmsd: only root may do this: sudo vmsd site apply ..." >&2
        exit 77
    fi
    exec "$program" "$@" --by-units
    ;;
"site check" | "site network") exec "$program" "$@" ;;
esac
case "${1:-}" in
run | site | render-mediamtx | user | token | city | camera | rebuild-index | archive | backup | restore | decommission) ;;
*) exec "$program" "$@" ;;
esac
if [ "$(id -un)" = "$owner" ]; then
    exec "$program" "$@"
fi
if [ "$(id -u)" != 0 ]; then
    echo "vmsd: only root may do this: sudo vmsd $1 ..." >&2
    exit 77
fi

has_credentials() {
    for one in /etc/credstore/vmsd.* /etc/credstore.encrypted/vmsd.* /run/credstore/vmsd.*; do
        if [ -e "$one" ]; then return 0; fi
    done
    return 1
}

# As the units have them, where keys are systemd's credentials.
with_credentials() {
    terminal=--pipe
    if [ -t 0 ] && [ -t 1 ]; then terminal=--pty; fi
    systemd-run --quiet --wait --collect "$terminal" -p UMask=0077 \
        -p LoadCredentialEncrypted=vault.key:vmsd.vault.key \
        -p LoadCredentialEncrypted=signing.key:vmsd.signing.key \
        -p LoadCredentialEncrypted=archive.secret:vmsd.archive.secret \
        "$@"
}

as_owner() {
    umask 077
    if has_credentials; then
        with_credentials -p User="$owner" -p Group="$group" -- "$program" "$@"
    else
        setpriv --reuid="$owner" --regid="$group" --clear-groups -- "$program" "$@"
    fi
}

# Stops the units and destroys what is theirs: that takes root to the end.
if [ "$1" = decommission ]; then
    if ! has_credentials; then exec "$program" "$@"; fi
    with_credentials --working-directory="$PWD" -- "$program" "$@"
    exit
fi

# The file among the words of a command: the first that is no option, nor the value of one.
find_file() {
    skip=no
    for word in "$@"; do
        case "$skip$word" in
        yes*) skip=no ;;
        no--city | no--config | no--recipient | no--identity) skip=yes ;;
        no-*) ;;
        no*)
            printf '%s' "$word"
            return
            ;;
        esac
    done
}

# The file with the secret key a backup was encrypted for.
find_identity() {
    taken=no
    for word in "$@"; do
        case "$taken$word" in
        yes*)
            printf '%s' "$word"
            return
            ;;
        no--identity) taken=yes ;;
        no--identity=*)
            printf '%s' "${word#--identity=}"
            return
            ;;
        esac
    done
}

identity=
case "$1 ${2:-}" in
"camera import")
    file=$(shift 2 && find_file "$@")
    ;;
"backup "* | "restore "*)
    file=$(shift && find_file "$@")
    identity=$(shift && find_identity "$@")
    ;;
*)
    file=
    ;;
esac
cd /
if [ -z "$file" ]; then
    as_owner "$@"
    exit
fi

case "$file" in /*) full=$file ;; *) full=$OLDPWD/$file ;; esac
# As the program calls its own such folders: it removes those that nobody holds any more.
room=$(mktemp -d /var/lib/vmsd/.backup-handed.XXXXXX)
exec 9<"$room"
flock 9
trap 'rm -rf "$room"' EXIT
trap 'exit 130' HUP INT TERM
handed=$room/$(basename "$file")
for one in "$full" "$full.sha256"; do
    if [ "$1" != backup ] && [ -f "$one" ]; then cp -- "$one" "$room/"; fi
done
# It judges by how that begins whether what stands there may be written over.
if [ "$1" = backup ] && [ -e "$full" ]; then head -c 64 -- "$full" >"$handed"; fi
# Read by root alone, and never written to this box's disk.
if [ -n "$identity" ] && [ "$identity" != - ]; then
    case "$identity" in /*) exec <"$identity" ;; *) exec <"$OLDPWD/$identity" ;; esac
fi
chown -R "$owner:$group" "$room"

count=$#
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    if [ "$word" = "$file" ]; then word=$handed; fi
    if [ -n "$identity" ]; then
        case "$word" in
        "$identity") word=- ;;
        "--identity=$identity") word=--identity=- ;;
        esac
    fi
    set -- "$@" "$word"
    count=$((count - 1))
done
as_owner "$@"
# Whole beside its place first: a disk that gets full leaves the backup of before.
if [ "$1" = backup ]; then
    new=$(mktemp -- "$full.XXXXXX")
    trap 'rm -rf "$room"; rm -f "$new"' EXIT
    cp -- "$handed" "$new"
    sync -- "$new"
    rm -f -- "$full.sha256"
    mv -fT -- "$new" "$full"
    cp -- "$handed.sha256" "$full.sha256"
    sync -- "$full.sha256" "$(dirname "$full")"
fi
