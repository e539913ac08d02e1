# shellcheck shell=bash disable=SC2154
# What shows that files are these ones, and where they come from.

provenance=bcmp-$version.provenance.json

step_provenance() {
    if [ -n "$dry" ]; then
        run python3 tools/release.d/provenance.py "$out/…"
        return
    fi
    [ -n "$(own_files)" ] || die "$out holds nothing to speak of"
    own_files | python3 tools/release.d/provenance.py --out "$out" --version "$version" --builder "$builder_uri" --source "$source_url" \
        --seconds $((SECONDS - started)) -- "${called[@]}" >"$work/$provenance"
    mv "$work/$provenance" "$out/$provenance"
}

step_checksums() {
    if [ -n "$dry" ]; then
        run sha256sum "$out/…"
        return
    fi
    [ -n "$(own_files)" ] || die "$out holds nothing to sum up"
    { own_files && [ ! -f "$out/$provenance" ] || echo "$provenance"; } | (cd "$out" && xargs -d '\n' sha256sum >SHA256SUMS)
}

step_sign() {
    local image name digest sbom
    if [ -z "$dry" ] && ! command -v cosign >/dev/null; then
        say "NOT SIGNED: cosign is not installed"
        return
    fi
    sign_file SHA256SUMS
    [ -z "$dry" ] && [ ! -f "$out/$provenance" ] || sign_file "$provenance"
    if [ -z "$push" ]; then
        say "images are not signed: only what is pushed has a digest to sign (--push)"
        return
    fi
    for image in "${images[@]}"; do
        name=$registry${image%%:*}
        digest=$(digest_of "${image%%:*}")
        run cosign sign --yes --recursive "$name@$digest"
        for sbom in "$out/${image%%:*}-$version"*.cdx.json; do
            run cosign attest --yes --type cyclonedx --predicate "$sbom" "$name@$digest"
        done
    done
}

sign_file() { run cosign sign-blob --yes --bundle "$out/$1.sigstore.json" "$out/$1"; }
