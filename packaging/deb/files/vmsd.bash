# Completion of vmsd for bash: the program itself says what may come next.
_vmsd() {
    local IFS=$'\n' line
    COMPREPLY=()
    while read -r line; do
        case "$line" in
            plain,*) COMPREPLY+=("${line#plain,}") ;;
            file,*) compopt -o default ;;
            dir,*) compopt -o dirnames ;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _VMSD_COMPLETE=bash_complete /usr/lib/vmsd/vmsd 2>/dev/null)
}
complete -o nosort -F _vmsd vmsd
