# shellcheck shell=bash
# Dynamo's CustomResourceDefinition in copies that need no conversion webhook: Dynamo's operator, which serves it, is
# not here. With conversion None the API server drops the fields which the asked version lacks, so a test of one
# version gets that version served and stored alone.

crd_file=$here/../fixtures/dynamo/nvidia.com_dynamographdeployments.yaml
crd_name=dynamographdeployments.nvidia.com

# crd_serving VERSION|both: the definition as JSON.
crd_serving() {
    # kubectl reads the YAML, which Python's own library cannot.
    kubectl patch --local -f "$crd_file" --type json -o json \
        -p '[{"op": "replace", "path": "/spec/conversion", "value": {"strategy": "None"}}]' |
        python3 -c '
import json, sys

served = sys.argv[1]
crd = json.load(sys.stdin)
if served != "both":
    for version in crd["spec"]["versions"]:
        version["served"] = version["storage"] = version["name"] == served
json.dump(crd, sys.stdout)
' "$1"
}

# By the list that clients find kinds in; kubectl asks for it afresh.
serves_exactly() {
    [ "$(kubectl api-versions 2>/dev/null | sed -n 's,^nvidia.com/,,p' | sort | xargs)" = "$1" ]
}

apply_crds() {
    local wanted=$1
    case $wanted in
        v1alpha1 | v1beta1) ;;
        both) wanted="v1alpha1 v1beta1" ;;
        *) die "crds $wanted: must be v1alpha1, v1beta1 or both" ;;
    esac
    crd_serving "$1" | kubectl apply --server-side --force-conflicts --field-manager bcmp-cluster -f - >&2 ||
        die "the API server did not take $crd_name"
    wait_for 30 serves_exactly "$wanted" || die "$crd_name does not serve exactly $wanted after 30 s"
}
