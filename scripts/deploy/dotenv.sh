# shellcheck shell=bash
# To be sourced: functions that read settings from a file of NAME=VALUE lines. The file is only
# parsed, never executed.

# load_dotenv FILE: export each setting that is not set in the environment yet.
load_dotenv() {
    local file=$1 line number=0 name value
    while IFS= read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        line=${line%$'\r'}
        [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
        if ! [[ $line =~ ^([A-Z][A-Z0-9_]*)=(.*)$ ]]; then
            echo "$file:$number: expected NAME=VALUE, got: $line" >&2
            return 1
        fi
        name=${BASH_REMATCH[1]} value=${BASH_REMATCH[2]}
        if [[ $value =~ ^\"([^\"]*)\"$ || $value =~ ^\'([^\']*)\'$ ]]; then value=${BASH_REMATCH[1]}; fi
        [ -n "${!name-}" ] || export "$name=$value"
    done <"$file"
}

# require_setting NAME PATTERN SENTENCE: fail unless the setting matches; SENTENCE describes its
# format.
require_setting() {
    if ! [[ ${!1-} =~ ^($2)$ ]]; then
        echo "$1: $3 Got: '${!1-}'. Set it in .env or in the environment." >&2
        return 1
    fi
}

# require_project: check the settings that all commands need, and set their defaults.
require_project() {
    require_setting PROJECT_ID '[a-z][a-z0-9-]{4,28}[a-z0-9]' "the project's ID, 6 to 30 lower-case letters, digits and hyphens." || return
    export REGION=${REGION:-us-central1} STATE_BUCKET=${STATE_BUCKET:-$PROJECT_ID-tfstate}
    require_setting REGION '[a-z]+-[a-z]+[0-9]+' "a region such as us-central1." || return
    require_setting STATE_BUCKET '[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]' "a bucket's bare name, without gs://." || return
}
