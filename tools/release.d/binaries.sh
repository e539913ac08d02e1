# shellcheck shell=bash disable=SC2154
# bcmp and kubectl-bcmp as programs that run on any Linux, each with its licences in an archive.

# archive_of PROGRAM ARCHITECTURE
archive_of() { echo "$1-$version-linux-$(oci_name "$2").tar.gz"; }

linker_of() { if [ "$1" = "$(uname -m)" ]; then echo cc; else echo "$1-linux-gnu-gcc"; fi; }

# obstacle ARCHITECTURE: why it cannot be compiled for here; nothing where it can.
obstacle() {
    local target=$1-unknown-linux-gnu
    [ "$1" != "$(uname -m)" ] || return 0
    [ -d "$(rustc --print target-libdir --target "$target" 2>/dev/null)" ] || { echo "rustup target add $target"; return; }
    type -P "$(linker_of "$1")" >/dev/null || echo "install the linker $(linker_of "$1")"
}

# compiled_for: the architectures, one a line. What was not asked for is left out where it cannot be had.
compiled_for() {
    local asked one missing
    asked=$(architectures)
    for one in x86_64 aarch64; do
        missing=$(obstacle "$one")
        if [[ $'\n'$asked$'\n' = *$'\n'$one$'\n'* ]]; then
            [ -z "$missing" ] || [ -n "$dry" ] || die "programs for linux/$(oci_name "$one") cannot be compiled here: $missing"
            echo "$one"
        elif [ -n "$platform" ]; then
            continue
        elif [ -z "$missing" ]; then
            echo "$one"
        else
            say "no programs for linux/$(oci_name "$one"): $missing"
        fi
    done
}

step_binaries() {
    local architecture program found
    found=$(compiled_for)
    for architecture in $found; do
        compile "$architecture"
        for program in "${programs[@]}"; do archive "$program" "$architecture"; done
    done
}

# compile ARCHITECTURE: the programs, and whose code is in them; sets built, the directory that has them.
compile() {
    local target=$1-unknown-linux-gnu linker
    linker=${target^^}
    linker=CARGO_TARGET_${linker//-/_}_LINKER
    # Messages of a panic name files: those of no machine.
    run env "TARGET=$target" "$linker=$(linker_of "$1")" \
        "RUSTFLAGS=--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$top=/bcmp" \
        tools/build-static --release "${programs[@]/#/--bin=}"
    [ -z "$dry" ] || return 0
    built=${CARGO_TARGET_DIR:-target}/$target/release
    notices --target "$target" >"$work/THIRD-PARTY"
}

# archive PROGRAM ARCHITECTURE
archive() {
    local folder=$work/$1-$2
    if [ -n "$dry" ]; then
        run tar -czf "$out/$(archive_of "$1" "$2")" "$1" LICENSE THIRD-PARTY
        return
    fi
    rm -rf "$folder"
    install -D -m 0755 "$built/$1" "$folder/$1"
    install -m 0644 LICENSE "$work/THIRD-PARTY" "$folder"
    pack "$folder" | gzip -n -9 >"$out/$(archive_of "$1" "$2")"
}
