#!/bin/sh
# Starts and stops tpush, in the manner of Tigase's tigase.sh.
#
#   scripts/tpush.sh COMMAND [params-file] [parameters]
#
# The params-file is a shell file with settings (see etc/tpush.conf); the
# parameters go to tpush. A params-file of Tigase can be given: its
# TIGASE_OPTIONS and the -DNAME=VALUE of its JAVA_OPTIONS are used. No file of
# Tigase's is written: the log, the pid and the console log have names of their
# own.

usage() {
    echo "Usage: tpush.sh {start|stop|run|clear|clearrestart|restart|reload|check|status|install-schema|upgrade-schema|zap} [params-file] [parameters]" >&2
    exit 1
}

# living tells whether a process lives: one that has ended may wait to be
# collected, without a command line.
living() {
    kill -0 "$1" 2>/dev/null || return 1
    [ ! -r "/proc/$1/cmdline" ] || [ -n "$(tr -d '\0' <"/proc/$1/cmdline" 2>/dev/null)" ]
}

# alive tells whether a process lives and is a tpush: after a restart of the
# machine another may have its number, such as an editor of tpush.conf.
alive() {
    living "$1" || return 1
    [ -r "/proc/$1/cmdline" ] || return 0
    # A script that starts tpush has its interpreter in front.
    for word in $(tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | head -n 2); do
        [ "${word##*/}" != "${TPUSH_BIN##*/}" ] || return 0
    done
    return 1
}

# running tells whether the process of the pid file lives.
running() { [ -s "$TPUSH_PID" ] && alive "$(cat "$TPUSH_PID")"; }

# fixed are the options that the script adds: stop waits for 20 s.
fixed="--drain 15s"

say() { echo "$*" >>"$TPUSH_CONSOLE_LOG"; }

start() {
    if running; then
        echo "Already Running!!"
        exit 1
    fi
    echo "Starting tpush: "
    say "=========================================================="
    say "STARTED tpush $(date) using:"
    say "$TPUSH_BIN run $fixed $(echo "$*" | sed 's/\(-D[^= ]*=\)[^ ]*/\1.../g')"
    say "=========================================================="
    nohup "$TPUSH_BIN" run $fixed "$@" >>"$TPUSH_CONSOLE_LOG" 2>&1 </dev/null &
    pid=$!
    echo $pid >"$TPUSH_PID"
    # What is wrong with the configuration shows at once.
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.1
        living $pid || break
    done
    if ! living $pid; then
        wait $pid
        status=$?
        rm -f "$TPUSH_PID"
        echo "tpush did not start (exit code $status). The end of $TPUSH_CONSOLE_LOG:" >&2
        tail -n 12 "$TPUSH_CONSOLE_LOG" >&2
        exit 1
    fi
    echo "tpush running pid=$pid"
}

stop() {
    if ! running; then
        echo "tpush is not running."
        rm -f "$TPUSH_PID"
        return 0
    fi
    pid=$(cat "$TPUSH_PID")
    echo "Shutting down tpush: $pid"
    kill "$pid" 2>/dev/null
    n=1
    while [ $n -le 20 ]; do
        if ! alive "$pid"; then
            echo "$n. tpush terminated."
            break
        fi
        echo "$n. Waiting for the server to terminate..."
        sleep 1
        n=$((n + 1))
    done
    if alive "$pid"; then
        echo "Forcing the server to terminate."
        kill -9 "$pid" 2>/dev/null
    fi
    rm -f "$TPUSH_PID"
    say "STOPPED tpush $(date)"
}

# clear_logs moves our logs away; others of the folder stay.
clear_logs() {
    old="logs$(date +%Y-%m-%d_%H-%M-%S)"
    mkdir -p "$old"
    for f in logs/tpush.log* logs/tpush-console.log; do
        [ ! -e "$f" ] || mv "$f" "$old/"
    done
    echo "Moved the logs to $old"
}

status() {
    echo "Checking arguments to tpush: "
    for name in TPUSH_HOME TPUSH_BIN TPUSH_CONSOLE_LOG TPUSH_PID TPUSH_PARAMS TPUSH_OPTIONS; do
        eval "printf '%-18s =  %s\n' $name \"\$$name\""
    done
    if running; then
        echo "tpush running pid=$(cat "$TPUSH_PID")"
        return 0
    fi
    return 1
}

# settings reads the params-file, or the first of the usual ones.
settings() {
    if [ -z "$TPUSH_PARAMS" ]; then
        for f in etc/tpush.conf /etc/conf.d/tpush.conf /etc/tpush.conf /etc/tpush/tpush.conf; do
            if [ -r "$f" ]; then
                TPUSH_PARAMS=$f
                echo "No params-file.conf given. Using: '$f'"
                break
            fi
        done
    elif [ ! -r "$TPUSH_PARAMS" ]; then
        echo "tpush.sh: cannot read the params-file $TPUSH_PARAMS" >&2
        exit 1
    fi
    [ -n "$TPUSH_PARAMS" ] || return 0
    case $TPUSH_PARAMS in
        */*) . "$TPUSH_PARAMS" ;;
        *) . "./$TPUSH_PARAMS" ;;
    esac
    custom=$(dirname "$TPUSH_PARAMS")/custom-tpush.conf
    [ ! -r "$custom" ] || . "$custom"
}

# tigase_options takes over what Tigase's params-file says.
tigase_options() {
    [ -n "$TPUSH_OPTIONS" ] || TPUSH_OPTIONS=${TIGASE_OPTIONS:-}
    for word in ${JAVA_OPTIONS:-}; do
        case $word in
            -D[A-Za-z]*=*) TPUSH_OPTIONS="$TPUSH_OPTIONS $word" ;;
        esac
    done
}

# places settles where the pid and the console log are.
places() {
    mkdir -p logs 2>/dev/null
    : "${TPUSH_CONSOLE_LOG:=$TPUSH_HOME/logs/tpush-console.log}"
    { : >>"$TPUSH_CONSOLE_LOG"; } 2>/dev/null || TPUSH_CONSOLE_LOG=/dev/null
    if [ -z "$TPUSH_PID" ]; then
        for f in "$TPUSH_HOME/logs/tpush.pid" /var/run/tpush.pid /var/tmp/tpush.pid; do
            TPUSH_PID=$f
            [ -w "$(dirname "$f")" ] && break
        done
    fi
    if [ -z "$TPUSH_BIN" ]; then
        TPUSH_BIN=$(command -v tpush)
        for f in "$TPUSH_HOME/tpush" "$TPUSH_HOME/bin/tpush"; do
            [ -f "$f" ] && [ -x "$f" ] && TPUSH_BIN=$f && break
        done
    fi
    if [ -z "$TPUSH_BIN" ]; then
        echo "tpush.sh: there is no program tpush in $TPUSH_HOME, in its bin, or in PATH: set TPUSH_BIN" >&2
        exit 1
    fi
}

[ $# -gt 0 ] || usage
command=$1
shift
case $command in
    start | stop | run | clear | clearrestart | restart | reload | check | status | install-schema | upgrade-schema | zap) ;;
    destroy-schema | export-data | import-data | upgrade-config)
        echo "tpush.sh: $command is not served: that is the server's (devices: tpush devices export, tpush devices import)" >&2
        exit 1 ;;
    *) usage ;;
esac
: "${TPUSH_HOME:=$(dirname "$0")/..}"
TPUSH_HOME=$(cd "$TPUSH_HOME" && pwd) || exit 1
cd "$TPUSH_HOME" || exit 1
TPUSH_PARAMS=
case ${1:-} in
    "" | -*) ;;
    *) TPUSH_PARAMS=$1 && shift ;;
esac
TPUSH_OPTIONS=${TPUSH_OPTIONS:-}
TPUSH_PID=${TPUSH_PID:-}
TPUSH_BIN=${TPUSH_BIN:-}
TPUSH_CONSOLE_LOG=${TPUSH_CONSOLE_LOG:-}
settings
cd "$TPUSH_HOME" || exit 1
tigase_options
places
# The options are words without white space in them, as in tigase.conf.
set -- $TPUSH_OPTIONS "$@"

case $command in
    start) start "$@" ;;
    stop) stop ;;
    restart) stop && sleep 1 && start "$@" ;;
    clear) clear_logs ;;
    clearrestart) stop && clear_logs && sleep 1 && start "$@" ;;
    run)
        if [ -e "$TPUSH_PID" ]; then
            echo "Already Running!! ($TPUSH_PID is there; if no tpush runs: tpush.sh zap)"
            exit 1
        fi
        exec "$TPUSH_BIN" run $fixed "$@" ;;
    reload)
        running || { echo "tpush is not running."; exit 1; }
        kill -HUP "$(cat "$TPUSH_PID")" ;;
    check | status) status ;;
    install-schema) exec "$TPUSH_BIN" schema install "$@" ;;
    upgrade-schema) exec "$TPUSH_BIN" schema upgrade "$@" ;;
    zap) rm -f "$TPUSH_PID" ;;
esac
