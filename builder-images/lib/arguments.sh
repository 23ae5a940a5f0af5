# shellcheck shell=bash
# The options that the commands of OS folders and of driver sources share: to be sourced after report.sh.
#
#   take_options "NAME..." "$@"   sets a variable for each --NAME VALUE (dashes become underscores); any other is wrong use
#   need_options NAME...          refuses when one of these was not given

take_options() {
    local known=" $1 " name
    shift
    while [ $# -gt 0 ]; do
        name=${1#--}
        [[ $1 = --* && $known = *" $name "* ]] || die_usage "unknown option '$1'"
        [ $# -ge 2 ] || die_usage "$1 needs a value"
        printf -v "${name//-/_}" %s "$2"
        shift 2
    done
}

need_options() {
    local name variable
    for name in "$@"; do
        variable=${name//-/_}
        [ -n "${!variable:-}" ] || die_usage "--$name is missing"
    done
}
