# shellcheck shell=bash disable=SC2154
# What is inside: SBOMs, licences and notices.

# make_tree NAME REQUIREMENTS: the packages of a tool as they are in the image.
make_tree() {
    [ ! -d "$work/$1" ] || return 0
    run python3 -m pip install --quiet --root-user-action ignore --no-deps --no-compile --only-binary :all: --require-hashes \
        --target "$work/$1" -r "tools/requirements-$2.txt"
}

# complete SBOM REQUIREMENTS: it names as many packages as are installed. One of an interpreter that sees none is a fine file, too.
complete() {
    local named pinned
    [ -z "$dry" ] || return 0
    named=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1])).get("components", [])))' "$1")
    pinned=$(grep -c '^[^#].*==' "$2")
    [ "$named" = "$pinned" ] || die "$1 names $named packages, and $2 has $pinned"
}

step_sbom() {
    local tree name architecture found
    need cargo-cyclonedx "cargo install --locked cargo-cyclonedx"
    found=$(architectures)
    # One for each: what is compiled in depends on it. The Python packages are the same ones everywhere.
    for architecture in $found; do
        name=bcmp-$version-$architecture.cdx
        run cargo cyclonedx --no-default-features --format json --spec-version 1.5 --target "$architecture-unknown-linux-gnu" --override-filename "$name"
        run mv "$name.json" "$out/"
    done
    [ -d "$work/cyclonedx" ] || run python3 -m pip install --quiet --root-user-action ignore --no-deps --only-binary :all: --require-hashes \
        --target "$work/cyclonedx" -r tools/requirements-release.txt
    for tree in "${trees[@]}"; do
        name=${tree%%:*}
        make_tree "$name" "${tree#*:}"
        # An interpreter that sees this tree and nothing else.
        [ -n "$dry" ] || printf '#!/bin/sh\nPYTHONPATH=%q exec python3 -S "$@"\n' "$(realpath "$work/$name")" >"$work/python-$name"
        run chmod +x "$work/python-$name"
        run env PYTHONPATH="$work/cyclonedx" python3 -m cyclonedx_py environment --output-reproducible --of JSON \
            -o "$out/bcmp-tools-$version-${tree#*:}.cdx.json" "$work/python-$name"
        complete "$out/bcmp-tools-$version-${tree#*:}.cdx.json" "tools/requirements-${tree#*:}.txt"
    done
}

step_licences() {
    local tree
    for tree in "${trees[@]}"; do make_tree "${tree%%:*}" "${tree#*:}"; done
    if [ -n "$dry" ]; then
        run tools/notices
        run tools/licences "$work/aic" "$work/aiperf"
    else
        notices >"$out/bcmp-$version-notices.txt"
        tools/licences "$work/aic" "$work/aiperf" | sed "s|^# $work/|# /opt/|" >"$out/bcmp-tools-$version-licences.tsv"
    fi
}

# notices [OPTION of cargo tree…]: of all programs: the plugin has what the operator has, and more.
notices() {
    tools/notices "$@"
    cat src/report/assets/*.LICENSE.txt
}
