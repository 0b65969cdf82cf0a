    VERSION=
    while [ $# -gt 0 ]; do
        case $1 in
        --help | -h) show_help && exit 0 ;;
        --version)
            [ $# -gt 1 ] || wrong_usage "--version needs a version such as v1.2.3"
            VERSION=$2
            shift
            ;;
        --version=*) VERSION=${1#--version=} ;;
        --yes | -y) ;;
        *) wrong_usage "unknown argument: $1" ;;
        esac
        shift
    done
