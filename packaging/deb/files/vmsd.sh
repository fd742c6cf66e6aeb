#!/bin/sh
# The vmsd command. What opens the database does so as the user it belongs to; files an operator names are handed over.
set -eu

program=/usr/lib/vmsd/vmsd
owner=vmsd
group=vmsd-media

for word in "$@"; do
    case "$word" in -h | --help) exec "$program" "$@" ;; esac
done
case "${1:-}" in
run | render-mediamtx | user | token | city | camera | rebuild-index | backup | restore) ;;
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

# As the units do it, where keys are systemd's credentials; simply, where they are files.
as_owner() {
    umask 077
    if ! has_credentials; then
        setpriv --reuid="$owner" --regid="$group" --clear-groups -- "$program" "$@"
        return
    fi
    terminal=--pipe
    if [ -t 0 ] && [ -t 1 ]; then terminal=--pty; fi
    systemd-run --quiet --wait --collect "$terminal" \
        -p User="$owner" -p Group="$group" -p UMask=0077 \
        -p LoadCredentialEncrypted=vault.key:vmsd.vault.key \
        -p LoadCredentialEncrypted=signing.key:vmsd.signing.key \
        -- "$program" "$@"
}

# The file among the words of a command: the first that is no option, nor the value of one.
find_file() {
    skip=no
    for word in "$@"; do
        case "$skip$word" in
        yes*) skip=no ;;
        no--city | no--config) skip=yes ;;
        no-*) ;;
        no*)
            printf '%s' "$word"
            return
            ;;
        esac
    done
}

case "$1 ${2:-}" in
"camera import")
    file=$(shift 2 && find_file "$@")
    ;;
"backup "* | "restore "*)
    file=$(shift && find_file "$@")
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
room=$(mktemp -d /var/lib/vmsd/.handed.XXXXXX)
trap 'rm -rf "$room"' EXIT
trap 'exit 130' INT TERM
handed=$room/$(basename "$file")
for one in "$full" "$full.sha256"; do
    if [ "$1" != backup ] && [ -f "$one" ]; then cp -- "$one" "$room/"; fi
done
chown -R "$owner:$group" "$room"

count=$#
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    if [ "$word" = "$file" ]; then word=$handed; fi
    set -- "$@" "$word"
    count=$((count - 1))
done
as_owner "$@"
if [ "$1" = backup ]; then
    cp --no-preserve=ownership -- "$handed" "$handed.sha256" "$(dirname "$full")/"
fi
