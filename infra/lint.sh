#!/usr/bin/env bash
# Looks at the rendered templates with other people's eyes: cfn-lint, sam validate, checkov, terraform fmt.
# Tools that are missing are installed into .tools/infra. Run by `make infra-lint`.
# Without terraform it warns.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=${INFRA_TOOLS:-$PWD/.tools/infra}
export AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 PYTHONWARNINGS=ignore

# Two folders, for their pins of each other's libraries differ.
install() { # folder, packages
    local marker=$tools/$1/installed
    if [ "$(cat "$marker" 2>/dev/null)" != "${*:2}" ]; then
        echo "== installing ${*:2} into ${tools#"$PWD"/}/$1"
        rm -rf "${tools:?}/$1"
        python3 -m venv "$tools/$1"
        "$tools/$1/bin/pip" install -q "${@:2}"
        echo "${*:2}" >"$marker"
    fi
}
command -v python3 >/dev/null || { echo 'error: python3 is missing. On Debian: apt-get install python3-venv' >&2; exit 1; }
install lint 'cfn-lint==1.58.0' 'aws-sam-cli==1.170.0'
install checkov 'checkov==3.3.30'

echo '== cfn-lint'
"$tools/lint/bin/cfn-lint" infra/sam/*.yaml
echo '== sam validate --lint'
for template in infra/sam/*.yaml; do "$tools/lint/bin/sam" validate --lint --template "$template"; done
echo '== checkov: SAM'
for template in infra/sam/*.yaml; do
    "$tools/checkov/bin/checkov" --config-file infra/checkov.yaml --framework cloudformation --file "$template"
done
echo '== checkov: Terraform'
"$tools/checkov/bin/checkov" --config-file infra/checkov.yaml --framework terraform --directory infra/terraform
if command -v terraform >/dev/null; then
    echo '== terraform fmt'
    terraform fmt -check -diff infra/terraform
    for snapshot in infra/tests/infra/snapshots/*terraform*.snap; do
        # What stands below the snapshot's own head.
        awk 'below >= 2 { print } /^---$/ { below++ }' "$snapshot" | terraform fmt -check -diff - >/dev/null \
            || { echo "error: $snapshot is not as terraform fmt would leave it" >&2; exit 1; }
    done
else
    echo 'warning: terraform is not here, so nobody looked at the formatting of infra/terraform' >&2
fi
