#!/bin/sh
# Puts a Debian package in the place of another, and back. Needs dpkg alone: the program it replaces may be broken, and
# may be half old and half new while this runs. What has been done is told in one word, in a file that is replaced whole;
# vmsd/update/journal.py reads and writes the same words.
set -u

state=${VMSD_UPDATE_STATE:-/var/lib/vmsd-update}
runtime=${VMSD_UPDATE_RUNTIME:-/run/vmsd-update}
current=$state/current
hold=$runtime/hold
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() { echo "vmsd-update: $*"; }

write() { # NAME TEXT
    printf '%s' "$2" >"$current/.$1.new" || exit 1
    chmod 0644 "$current/.$1.new"
    sync "$current/.$1.new"
    mv -f "$current/.$1.new" "$current/$1" || exit 1
    sync "$current"
}

enter() { # PHASE [REASON]
    if [ -n "${2:-}" ]; then write reason "$2"; fi
    write phase "$1"
    say "$1${2:+: $2}"
}

phase() { cat "$current/phase" 2>/dev/null || echo none; }

put() { dpkg --force-confold --force-downgrade --install "$1" </dev/null; }

# What dpkg was about to do for other packages when the power went: until that is done it does nothing for ours.
end_what_was_begun() { dpkg --force-confold --configure --pending </dev/null; }

# Old or new, but never a mixture: dpkg is told again until it has done all of it.
put_back() { # REASON
    rm -f "$current/new.deb" # the room it takes may be what the way back lacks
    enter returning "$1"
    tries=0
    end_what_was_begun
    until put "$current/former.deb"; do
        tries=$((tries + 1))
        if [ "$tries" -ge 5 ]; then
            say "the former package cannot be put back; what dpkg says is above"
            return 1
        fi
        sleep 5
        end_what_was_begun
    done
    enter returned
}

# While it is there dpkg starts no services; however this ends, it goes.
hold_services() {
    trap 'rm -f "$hold"' EXIT
    trap 'exit 1' TERM INT
    mkdir -p "$runtime" && : >"$hold"
}

# What is found at boot was left by a power cut; what is found later is at work.
mark_resumed() { mkdir -p "$runtime" && : >"$runtime/resumed"; }

install() {
    if [ "$(phase)" != staged ]; then
        say "nothing to install ($(phase))"
        return 1
    fi
    mark_resumed
    enter installing
    if put "$current/new.deb"; then
        enter trial
        rm -f "$current/new.deb" # there is more room for what comes
        systemctl start --no-block vmsd-update-health.service
    else
        put_back "the package could not be installed"
        systemctl start --no-block vmsd-update-health.service
        return 1
    fi
}

# Asked for by the health service, whatever made it end, or by an operator.
take_back() {
    case "$(phase)" in
    trial | installing | returning)
        why=$(cat "$current/verdict" 2>/dev/null)
        put_back "${why:-the new version could not even be asked how it does}" || return 1
        systemctl start --no-block vmsd-update-health.service
        ;;
    esac
}

# At boot, before any service of ours: what a power cut left between two versions becomes the old one again. Services
# are held back meanwhile, since they wait for this.
resume() {
    if [ -e "$runtime/resumed" ]; then return 0; fi
    mark_resumed
    case "$(phase)" in
    staged)
        write interrupted 1
        enter returned "the box was switched off before anything was changed"
        ;;
    installing | returning)
        hold_services || return 1
        why=$(cat "$current/reason" 2>/dev/null)
        if [ "$(phase)" = installing ]; then write interrupted 1; fi
        put_back "${why:-the box was switched off in the middle}"
        done=$?
        rm -f "$hold"
        systemctl daemon-reload || true
        return "$done"
        ;;
    trial)
        boots=$(($(cat "$current/boots" 2>/dev/null || echo 0) + 1))
        write boots "$boots"
        if [ "$boots" -gt 3 ]; then
            hold_services || return 1
            put_back "the box was started $boots times without the new version proving itself"
            done=$?
            rm -f "$hold"
            systemctl daemon-reload || true
            return "$done"
        fi
        ;;
    esac
}

# GRUB counts the boots of a system on trial down; one that is known to be good would only come up again, and again.
is_known_good() {
    slot=$(sed -n 's/.*vmsd\.slot=\([A-Za-z0-9]*\).*/\1/p' "${VMSD_COMMAND_LINE:-/proc/cmdline}")
    block=$(sed -n 's/^grubenv *= *"\(.*\)".*/\1/p' "${VMSD_APPLIANCE:-/usr/lib/vmsd-appliance.toml}")
    grep -aqx "${slot}_OK=1" "$block"
}

kind=$(cat "$current/kind" 2>/dev/null || echo none)
case "$1.$kind" in
install.deb) install ;;
return.deb) take_back ;;
resume.deb) resume ;;
resume.root) exec /usr/lib/vmsd/vmsd update boot ;;
# The other slot has not been touched: GRUB goes back there once the tries are used up, or at once where told.
return.root) "${VMSD_PROGRAM:-/usr/lib/vmsd/vmsd}" update boot --return || is_known_good || systemctl reboot ;;
*) say "nothing to do" ;;
esac
