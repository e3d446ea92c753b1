#!/usr/bin/env bash
# Run Terraform for this project, by hand or in CI.
#
#   scripts/deploy/iac.sh check         check format and validity, run all tests and checkov
#   scripts/deploy/iac.sh plan ENV      show the changes in dev or prod, save build/iac/ENV.tfplan;
#                                       takes options of terraform plan, such as -destroy
#   scripts/deploy/iac.sh preview ENV   write the changes of the configuration to build/iac/ENV.md
#   scripts/deploy/iac.sh apply ENV     apply the saved plan
#   scripts/deploy/iac.sh output ENV    print URLs and revisions, as JSON
#
# BACKEND_IMAGE and FRONTEND_IMAGE name the images by digest. Set all other variables of
# iac/environment as TF_VAR_<name>, such as TF_VAR_backend_canary_percent=10.
#
# PROVIDER_SETUP: on a machine that cannot download the google provider, a program that takes a
# folder, installs a local provider there and prints the path of Terraform's CLI configuration as
# its last line. There is no cloud behind the local provider, so plans start from an empty state.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/deploy/dotenv.sh
. scripts/deploy/dotenv.sh

CHECKOV=checkov==3.3.30
build=$PWD/build/iac
mkdir -p "$build"
if ! [ -t 1 ]; then export TF_CLI_ARGS_test=-no-color TF_CLI_ARGS_plan=-no-color TF_CLI_ARGS_validate=-no-color; fi

die() {
    echo "iac: $*" >&2
    exit 1
}

use_provider() {
    command -v terraform >/dev/null || {
        [ -z "${REQUIRE_TERRAFORM-}" ] || die "terraform is not installed, and REQUIRE_TERRAFORM is set"
        echo "iac: skipped, terraform is not installed"
        exit 0
    }
    if [ -n "${PROVIDER_SETUP-}" ]; then
        echo "iac: with the local provider of PROVIDER_SETUP, no cloud behind it" >&2
        # It may have copied files that nobody may write, and would fail to replace them.
        [ ! -d "$build/provider" ] || chmod -R u+w "$build/provider"
        TF_CLI_CONFIG_FILE=$("$(realpath "$PROVIDER_SETUP")" "$build/provider" | tail -1)
        export TF_CLI_CONFIG_FILE
    fi
}

# Copy the code, so that a local provider's lock file and the tests' .terraform stay out of the
# checkout.
make_copy() {
    rm -rf "$build/copy"
    mkdir -p "$build/copy"
    tar -C iac --exclude=.terraform -cf - . | tar -C "$build/copy" -xf -
    if [ -n "${PROVIDER_SETUP-}" ]; then
        find "$build/copy" -name .terraform.lock.hcl -delete
        # There is no state bucket either.
        for part in shared environment; do
            printf 'terraform {\n  backend "local" {}\n}\n' >"$build/copy/$part/backend_override.tf"
        done
    fi
}

check() {
    use_provider
    terraform fmt -check -recursive -diff iac || die "not formatted: terraform fmt -recursive iac"
    make_copy
    # Download the provider once for all three folders, which have no lock files here.
    export TF_PLUGIN_CACHE_DIR=$build/plugins TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE=1
    mkdir -p "$TF_PLUGIN_CACHE_DIR"
    local part
    for part in modules/service shared environment; do
        echo "== iac/$part"
        terraform -chdir="$build/copy/$part" init -backend=false -input=false >/dev/null
        terraform -chdir="$build/copy/$part" validate
    done
    # shellcheck disable=SC2016 # the inner shell expands them
    tests | xargs -P "$(nproc)" -L 1 bash -c '
        output=$(terraform -chdir="$0/$1" test "${@:2}" 2>&1) || status=$?
        printf "== iac/%s\n%s\n" "$*" "$output"
        exit "${status-0}"' "$build/copy" || die "a test failed"
    scan
}

# Print the folder and the options of each run of `terraform test`: for both environments, for one of
# them, with invalid values, and with the variables of each example.
tests() {
    local name own="-var-file=tests/project.tfvars"
    printf '%s\n' modules/service shared "environment $own -var-file=dev.tfvars -test-directory=tests/refusals"
    for name in dev prod; do
        echo "environment $own -var-file=$name.tfvars"
        echo "environment $own -var-file=$name.tfvars -test-directory=tests/$name"
    done
    for name in iac/environment/examples/*.tfvars; do
        name=$(basename "$name" .tfvars)
        echo "environment $own -var-file=examples/$name.tfvars -test-directory=tests/examples"
    done
}

# Scan with the variables of both environments, because they override the defaults.
scan() {
    local uv=${UV:-$(command -v uv || echo .tools/uv)} environment
    for environment in dev prod; do
        echo "== checkov, $environment"
        "$uv" tool run --quiet --from "$CHECKOV" checkov --directory iac --framework terraform \
            --var-file "iac/environment/$environment.tfvars" --skip-download --compact --quiet
    done
}

init() {
    [[ ${1-} =~ ^(dev|prod)$ ]] || die "ENV is dev or prod, got '${1-}'"
    use_provider
    export TF_IN_AUTOMATION=1
    if [ -n "${PROVIDER_SETUP-}" ]; then
        make_copy
        root=$build/copy/environment
        # Any project and digest will do, because nothing reads them.
        : "${PROJECT_ID:=local-project}"
        local digest
        digest=@sha256:$(printf '0%.0s' {1..64})
        : "${BACKEND_IMAGE:=us-central1-docker.pkg.dev/$PROJECT_ID/ml-deploy-repo/doubleit-torchserve$digest}"
        : "${FRONTEND_IMAGE:=us-central1-docker.pkg.dev/$PROJECT_ID/ml-deploy-repo/doubleit-frontend$digest}"
        require_project
        terraform -chdir="$root" init -input=false >/dev/null
    else
        root=iac/environment
        if [ -f "${ENV_FILE:-.env}" ]; then load_dotenv "${ENV_FILE:-.env}"; fi
        require_project
        # Each environment has its own data folder, so that dev's state is never used for prod.
        export TF_DATA_DIR=$build/$1.terraform
        terraform -chdir="$root" init -input=false -reconfigure \
            -backend-config="bucket=$STATE_BUCKET" -backend-config="prefix=environment/$1" >/dev/null
    fi
}

# Cloud Run keeps a service whose first revision failed to start, and Terraform marks it as tainted.
# The next plan would replace it, which deletion_protection refuses. An update also creates a new
# revision, so remove the mark.
untaint() {
    local module address
    for module in backend frontend; do
        address=module.$module.google_cloud_run_v2_service.this
        if [[ $(terraform -chdir="$root" state show -no-color "$address" 2>/dev/null || true) == "# $address: (tainted)"* ]]; then
            echo "iac: the first start of the $module failed; it is updated, not replaced" >&2
            terraform -chdir="$root" untaint "$address" >&2
        fi
    done
}

plan() {
    init "${1-}"
    # A plan that does not lock the state must not change it.
    if [ -z "${PROVIDER_SETUP-}" ] && [[ " ${*:2} " != *" -lock=false "* ]]; then untaint; fi
    [ -n "${BACKEND_IMAGE-}" ] || die "BACKEND_IMAGE is not set: the model server's image, by digest"
    [ -n "${FRONTEND_IMAGE-}" ] || die "FRONTEND_IMAGE is not set: the page's image, by digest"
    export TF_VAR_commit=${TF_VAR_commit-$(git rev-parse HEAD 2>/dev/null || true)}
    export TF_VAR_project_id=$PROJECT_ID TF_VAR_region=$REGION \
        TF_VAR_backend_image=$BACKEND_IMAGE TF_VAR_frontend_image=$FRONTEND_IMAGE
    # Whoever plans, the deployer keeps its access to a private API, which it tests.
    local suffix=""
    [ "$1" = dev ] || suffix=-$1
    export TF_VAR_backend_tester=${TF_VAR_backend_tester:-serviceAccount:${SA_NAME:-github-deployer}$suffix@$PROJECT_ID.iam.gserviceaccount.com}
    [ -z "${ALERT_EMAIL-}" ] || export TF_VAR_alert_email=$ALERT_EMAIL
    terraform -chdir="$root" plan -input=false -var-file="$1.tfvars" -out="$build/$1.tfplan" "${@:2}"
}

# Write what this checkout would change as Markdown, for a comment on a pull request. Images, traffic
# and commit are those of the last apply. The state is not locked, so read access is enough.
preview() {
    [ -z "${PROVIDER_SETUP-}" ] || die "PROVIDER_SETUP is set: there is no cloud to compare with"
    init "${1-}"
    local applied=$build/$1.tfvars.json plan=$build/$1.txt
    terraform -chdir="$root" output -json applied >"$applied"
    BACKEND_IMAGE=applied FRONTEND_IMAGE=applied \
        plan "$1" -no-color -lock=false -var-file="$applied" >"$plan" # overrides the images
    {
        printf '### Terraform, %s\n\n' "$1"
        grep -E '^(Plan:|No changes\.)' "$plan" || echo "Terraform printed no summary."
        printf '\n<details><summary>Plan</summary>\n\n```\n'
        head -c 60000 "$plan" # GitHub allows 65 536 characters in a comment
        printf '\n```\n\n</details>\n'
    } >"$build/$1.md"
}

apply() {
    [ -z "${PROVIDER_SETUP-}" ] || die "PROVIDER_SETUP is set: there is no cloud to apply to"
    init "${1-}"
    [ -f "$build/$1.tfplan" ] || die "there is no saved plan for $1: make plan ENV=$1"
    terraform -chdir="$root" apply -input=false "$build/$1.tfplan"
    rm "$build/$1.tfplan" # a plan can be applied only once
}

output() {
    [ -z "${PROVIDER_SETUP-}" ] || die "PROVIDER_SETUP is set: there is no cloud to read outputs from"
    init "${1-}"
    terraform -chdir="$root" output -json
}

case "${1-}" in
check | plan | preview | apply | output) "$@" ;;
*) die "usage: scripts/deploy/iac.sh check | plan ENV | preview ENV | apply ENV | output ENV" ;;
esac
