# shellcheck shell=bash disable=SC2154
# The ways to install it: chart, one file for kubectl, plugin by krew.

chart_archive=bcmp-$version.tgz

# find_helm: sets helm.
find_helm() {
    helm=$(type -P helm) || helm=$(tests/cluster/build --dir)/helm
    need "$helm" "install Helm, or build the tests' own: tests/cluster/build helm"
}

step_chart() {
    local helm source=charts/bcmp layout=$work/chart-layout
    find_helm
    # A copy, with the images of this release in its annotations, and the commit's time: Helm keeps the times of files.
    if [ -z "$dry" ]; then
        rm -rf "$work/chart" "$layout"
        mkdir -p "$work/chart"
        cp -R charts/bcmp "$work/chart/bcmp"
        source=$work/chart/bcmp
        image_names | python3 tools/release.d/annotations.py "$version" "$source_url" >>"$source/Chart.yaml"
        find "$source" -exec touch --date "@$(commit_time)" {} +
    fi
    run "$helm" package "$source" --destination "$out" --version "$version" --app-version "$version"
    [ -n "$dry" ] || touch --date "@$(commit_time)" "$out/$chart_archive"
    run env TZ=UTC python3 tools/release.d/oci_registry.py "$layout" "$helm" push "$out/$chart_archive" oci://{}/charts --plain-http
    [ -n "$dry" ] || pack "$layout" >"$out/bcmp-chart-$version.oci.tar"
}

# image_names: the images as the chart of this release names them, with the digest where one was pushed, one a line.
image_names() {
    local image name digest
    for image in "${images[@]}"; do
        name=${image%%:*}
        digest=$(pushed_digest "$name")
        echo "$name $registry$name:$version${digest:+@$digest}"
    done
}

step_manifest() {
    local helm values=() value image digest
    find_helm
    for value in image=bcmp predictorImage=bcmp-tools loadImage=bcmp-tools; do
        image=${value#*=}
        digest=$(pushed_digest "$image")
        values+=(--set "${value%%=*}.repository=$registry$image" ${digest:+--set "${value%%=*}.digest=$digest"})
    done
    values+=(--set watch.clusterWide=true --set crds.keep=false --set helmTest.enabled=false)
    if [ -n "$dry" ]; then
        run "$helm" template bcmp charts/bcmp --namespace bcmp-system "${values[@]}"
    else
        { namespace_object && "$helm" template bcmp charts/bcmp --namespace bcmp-system "${values[@]}" | of_nobody; } >"$out/bcmp-$version.yaml"
    fi
}

# The chart makes none: this is kustomize's.
namespace_object() { awk '/^---/ { exit } { print }' config/manager/manager.yaml; }

# of_nobody: without the labels by which Helm knows its own.
of_nobody() { sed -E '/^ *(app\.kubernetes\.io\/managed-by: Helm|helm\.sh\/chart: .*|# Source: .*)$/d'; }

step_krew() {
    local architecture archive found=
    if [ -z "$files_url" ]; then
        say "no manifest for krew: it names the address of the archives (--files)"
        return
    fi
    if [ -n "$dry" ]; then
        run tee "$out/bcmp-krew-$version.yaml"
        return
    fi
    {
        krew_head
        for architecture in x86_64 aarch64; do
            archive=$(archive_of kubectl-bcmp "$architecture")
            [ -f "$out/$archive" ] || continue
            krew_platform "$archive" "$(oci_name "$architecture")"
            found=yes
        done
    } >"$out/bcmp-krew-$version.yaml"
    [ -n "$found" ] || die "$out has no archive of kubectl-bcmp: run the step binaries first"
}

krew_head() {
    cat <<TEXT
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: bcmp
  annotations:
    artifacthub.io/category: ai-machine-learning
    artifacthub.io/license: Apache-2.0
spec:
  version: v$version
${source_url:+  homepage: $source_url
}  shortDescription: Compare predicted and measured LLM serving
  description: |
    Watches, explains and steers BenchmarkComparisons: which configuration of
    an LLM server is better, and whether it delivers what was predicted.
  caveats: |
    Needs the operator bcmp in the cluster. Without it, or without a cluster,
    kubectl bcmp evaluate judges files of results.
  platforms:
TEXT
}

# krew_platform ARCHIVE ARCHITECTURE
krew_platform() {
    cat <<TEXT
  - selector:
      matchLabels: {os: linux, arch: $2}
    uri: $files_url/$1
    sha256: $(sha256sum <"$out/$1" | cut -d ' ' -f 1)
    bin: kubectl-bcmp
    files:
    - {from: kubectl-bcmp, to: .}
    - {from: LICENSE, to: .}
    - {from: THIRD-PARTY, to: .}
TEXT
}
