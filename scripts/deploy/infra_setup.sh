#!/usr/bin/env bash
# Prepare a Google Cloud project and a GitHub repository for deployments. You can run it again at
# any time: it changes only what is missing or different.
#
#   scripts/deploy/infra_setup.sh          set up Workload Identity Federation, which needs no keys
#   scripts/deploy/infra_setup.sh --key    also create a JSON key for each deployer, stored as the
#                                          secret GCP_CREDENTIALS
#
# Settings come from .env (see .env.example). ENV_FILE names another file.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/deploy/dotenv.sh
. scripts/deploy/dotenv.sh

say() { echo "infra_setup: $*"; }
die() {
    echo "infra_setup: $*" >&2
    exit 1
}

make_keys=false
case "$*" in
"") ;;
--key) make_keys=true ;;
-h | --help)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
*) die "unknown argument: $* (only --key is known)" ;;
esac

# On every exit, delete the temporary files, and delete a key that was not stored in GitHub.
work=$(umask 077 && mktemp -d)
key_account="" # set while a key exists that is not stored yet
clean_up() {
    local status=$?
    trap '' INT TERM HUP # a second Ctrl-C must not stop this
    if [ -n "$key_account" ] && [ -s "$work/key.json" ]; then
        local key_id
        key_id=$(sed -n 's/.*"private_key_id": *"\([0-9a-f]*\)".*/\1/p' "$work/key.json")
        say "the key was not stored: deleting it again" >&2
        gcloud iam service-accounts keys delete "$key_id" --iam-account "$key_account" --project "$PROJECT_ID" --quiet ||
            say "could not delete key $key_id of $key_account: delete it by hand" >&2
    fi
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

read_settings() {
    local file=${ENV_FILE:-.env}
    [ -f "$file" ] || die "no $file: copy .env.example to $file and fill it in"
    load_dotenv "$file" || exit 1
    require_project || exit 1
    require_setting GITHUB_REPOSITORY '[A-Za-z0-9-]+/[A-Za-z0-9._-]+' "OWNER/NAME, without the host." || exit 1
    : "${SA_NAME:=github-deployer}" "${ENVIRONMENTS:=dev prod}"
    require_setting SA_NAME '[a-z][a-z0-9-]{4,23}[a-z0-9]' "6 to 25 lower-case letters, digits and hyphens." || exit 1
    require_setting ENVIRONMENTS '(dev|prod)|dev prod|prod dev' "dev, prod or both, with a space between." || exit 1
    : "${REGISTRY_READERS:=}"
    require_setting REGISTRY_READERS '(serviceAccount:[^ @"]+@[^ @"]+( |$))*' "service accounts as IAM members, with a space between." || exit 1
}

check_tools() {
    local tool
    for tool in gcloud gh terraform; do
        command -v "$tool" >/dev/null || die "$tool is not installed, or not on PATH"
    done
    gcloud auth print-access-token >/dev/null || die "gcloud is not signed in: gcloud auth login"
    # Terraform does not use gcloud's sign-in.
    gcloud auth application-default print-access-token >/dev/null ||
        die "Terraform has no credentials: gcloud auth application-default login"
    gh auth status >/dev/null || die "gh is not signed in: gh auth login"
    gcloud projects describe "$PROJECT_ID" --format='value(projectId)' >/dev/null ||
        die "project $PROJECT_ID does not exist, or you may not see it"
}

# Terraform enables the project's APIs, but cannot run without these.
enable_first_apis() {
    local api enabled
    enabled=$(gcloud services list --enabled --project "$PROJECT_ID" --format='value(config.name)')
    for api in cloudresourcemanager iam serviceusage storage; do
        if ! grep -qx "$api.googleapis.com" <<<"$enabled"; then
            say "enabling $api.googleapis.com"
            gcloud services enable "$api.googleapis.com" --project "$PROJECT_ID"
        fi
    done
}

# Create Google's service agents for IAP and for the uptime check of a private API. A new project
# does not have them until they are requested; existing ones stay as they are.
make_service_agents() {
    local service
    for service in iap monitoring; do
        gcloud beta services identity create --service "$service.googleapis.com" --project "$PROJECT_ID" --quiet >/dev/null
    done
    # Monitoring's agent gets no role when it is created this way. It sends the alerts and calls the
    # private API to check that it is reachable.
    gcloud projects add-iam-policy-binding "$PROJECT_ID" --condition=None --quiet >/dev/null \
        --member="serviceAccount:service-$(gcloud projects describe "$PROJECT_ID" --format='value(projectNumber)')@gcp-sa-monitoring-notification.iam.gserviceaccount.com" \
        --role=roles/monitoring.notificationServiceAgent
}

make_state_bucket() {
    if gcloud storage buckets describe "gs://$STATE_BUCKET" --format='value(name)' >/dev/null 2>&1; then
        say "state bucket gs://$STATE_BUCKET is there"
        return
    fi
    say "making state bucket gs://$STATE_BUCKET"
    gcloud storage buckets create "gs://$STATE_BUCKET" --project "$PROJECT_ID" --location "$REGION" \
        --uniform-bucket-level-access --public-access-prevention
    gcloud storage buckets update "gs://$STATE_BUCKET" --versioning
}

apply_shared() {
    local ids readers status=0
    ids=$(gh api "repos/$GITHUB_REPOSITORY" --jq '"\(.id) \(.owner.id) \(.visibility)"') ||
        die "GitHub repository $GITHUB_REPOSITORY does not exist, or you may not see it"
    visibility=${ids##* } ids=${ids% *}
    readers=${REGISTRY_READERS%% }
    export TF_VAR_registry_readers="[${readers:+\"${readers// /\",\"}\"}]"
    export TF_VAR_project_id=$PROJECT_ID TF_VAR_region=$REGION TF_VAR_state_bucket=$STATE_BUCKET \
        TF_VAR_deployer_name=$SA_NAME TF_VAR_github_repository=$GITHUB_REPOSITORY \
        TF_VAR_github_repository_id=${ids% *} TF_VAR_github_owner_id=${ids#* } \
        TF_VAR_environments="[\"${ENVIRONMENTS// /\",\"}\"]" TF_IN_AUTOMATION=1

    terraform -chdir=iac/shared init -input=false -reconfigure \
        -backend-config="bucket=$STATE_BUCKET" -backend-config="prefix=shared" >/dev/null
    terraform -chdir=iac/shared plan -input=false -detailed-exitcode -out="$work/shared.tfplan" || status=$?
    case $status in
    0) say "iac/shared: nothing to change" ;;
    2) terraform -chdir=iac/shared apply -input=false "$work/shared.tfplan" ;;
    *) die "terraform plan failed" ;;
    esac
}

# set_variable NAME VALUE [--env ENVIRONMENT]
set_variable() {
    local name=$1 value=$2 now
    shift 2
    if now=$(gh variable get "$name" --repo "$GITHUB_REPOSITORY" "$@" 2>/dev/null) && [ "$now" = "$value" ]; then
        return
    fi
    say "GitHub variable $name${2+ of $2} = $value"
    gh variable set "$name" --repo "$GITHUB_REPOSITORY" "$@" --body "$value"
}

# Print the refs that may deploy to an environment (.github/workflows/deploy.yml): to dev main and
# release tags, which tag the images there; to prod only release tags.
deploying_refs() {
    if [ "$1" = dev ]; then echo "branch main"; fi
    echo "tag v*"
}

# Print which deployment rules an environment has: nothing (the environment does not exist), "named"
# (only selected refs, as wanted), "open" (any ref or any protected branch) or "guarded" (the same,
# with reviewers or a timer).
environment_rules() {
    gh api --paginate "repos/$GITHUB_REPOSITORY/environments" --jq ".environments[] | select(.name == \"$1\") |
        if .deployment_branch_policy.custom_branch_policies then \"named\"
        elif any(.protection_rules[]?; .type != \"branch_policy\") then \"guarded\"
        else \"open\" end"
}

make_environment() {
    local path=repos/$GITHUB_REPOSITORY/environments/$1 rules named type pattern
    rules=$(environment_rules "$1")
    case $rules in
    named) ;;
    guarded)
        # An update replaces all rules, so the reviewers could be lost.
        say "GitHub environment $1 has reviewers or a timer, and its refs are not named. Under Settings," \
            "Environments, $1 choose 'Selected branches and tags', then run this again" >&2
        return
        ;;
    *)
        say "GitHub environment $1: only refs that are named deploy to it"
        gh api --method PUT "$path" --silent --input - \
            <<<'{"deployment_branch_policy": {"protected_branches": false, "custom_branch_policies": true}}'
        ;;
    esac
    named=$(gh api --paginate "$path/deployment-branch-policies" --jq '.branch_policies[] | "\(.type // "branch") \(.name)"')
    while read -r type pattern; do
        if ! grep -qxF "$type $pattern" <<<"$named"; then
            say "GitHub environment $1: $type $pattern deploys to it"
            gh api --method POST "$path/deployment-branch-policies" --silent -f "name=$pattern" -f "type=$type" </dev/null
        fi
    done < <(deploying_refs "$1")
}

# store_key ENVIRONMENT ACCOUNT
store_key() {
    if gh secret list --repo "$GITHUB_REPOSITORY" --env "$1" --json name --jq '.[].name' | grep -qx GCP_CREDENTIALS; then
        say "secret GCP_CREDENTIALS of $1 is there; to replace it, delete it and its key first"
        return
    fi
    say "making a key for $2"
    key_account=$2
    gcloud iam service-accounts keys create "$work/key.json" --iam-account "$2" --project "$PROJECT_ID"
    gh secret set GCP_CREDENTIALS --repo "$GITHUB_REPOSITORY" --env "$1" <"$work/key.json"
    key_account=""
    rm -f "$work/key.json"
}

# Write the GitHub variables. A project's settings are variables of an environment, so that each
# environment can have its own project. The job that plans a pull request runs in no environment, so
# its variables have other names and belong to the repository.
tell_github() {
    local environment registry provider
    output() { terraform -chdir=iac/shared output -raw "$1"; }
    registry=$(output registry)
    provider=$(output workload_identity_provider)
    for environment in $ENVIRONMENTS; do
        make_environment "$environment"
        set_variable GCP_PROJECT_ID "$PROJECT_ID" --env "$environment"
        set_variable GCP_REGION "$REGION" --env "$environment"
        set_variable GCP_STATE_BUCKET "$STATE_BUCKET" --env "$environment"
        set_variable GCP_REGISTRY "$registry" --env "$environment"
        set_variable GCP_WORKLOAD_IDENTITY_PROVIDER "$provider" --env "$environment"
        set_variable GCP_DEPLOYER "$(output "deployer_$environment")" --env "$environment"
        if [ -n "${ALERT_EMAIL-}" ]; then set_variable ALERT_EMAIL "$ALERT_EMAIL" --env "$environment"; fi
        if $make_keys; then store_key "$environment" "$(output "deployer_$environment")"; fi
    done
    set_variable GCP_DEPLOYS true # otherwise deploy.yml skips its jobs, as in a fork
    # Private repositories have these only on GitHub's larger plans.
    if [ "$visibility" = public ]; then
        set_variable ATTESTATIONS true
        set_variable CODE_SCANNING true
    fi
    if [[ " $ENVIRONMENTS " == *" dev "* ]]; then # pull requests are planned for dev only
        set_variable GCP_PLANNER "$(output planner)"
        set_variable GCP_PLANNER_PROJECT_ID "$PROJECT_ID"
        set_variable GCP_PLANNER_REGION "$REGION"
        set_variable GCP_PLANNER_STATE_BUCKET "$STATE_BUCKET"
        set_variable GCP_PLANNER_PROVIDER "$provider"
        if [ -n "${ALERT_EMAIL-}" ]; then set_variable GCP_PLANNER_ALERT_EMAIL "$ALERT_EMAIL"; fi
    else
        # prod pulls its images from dev's project.
        say "in the .env of dev's project: REGISTRY_READERS=\"$(terraform -chdir=iac/shared output -json image_readers | tr -d '[]"\n' | tr , ' ')\"," \
            "then make infra-setup there"
    fi
}

read_settings
check_tools
enable_first_apis
make_state_bucket
apply_shared
make_service_agents
tell_github
say "done. Next: make plan ENV=dev (docs/deployment.md)"
