# shellcheck shell=bash disable=SC2154
# The two images, their base images, and what is known of them.

builder() {
    local found
    found=$(type -P buildah || type -P docker) || { [ -n "$dry" ] && found=buildah; } || die "neither buildah nor docker is here: install one of them"
    basename "$found"
}

# base_images: the Dockerfile's base images with their digests, NAME=IMAGE a line. A tag is another image tomorrow.
base_images() {
    local one name image
    while IFS= read -r one; do
        name=${one%%=*} image=${one#*=}
        for one in ${given[@]+"${given[@]}"}; do [ "${one%%=*}" != "$name" ] || image=${one#*=}; done
        [[ $image = *@* ]] || image=$image@$(tag_digest "$image")
        [[ $image =~ @sha256:[0-9a-f]{64}$ ]] || [ -n "$dry" ] || die "$name is $image, without a digest: name one that has it, with --base $name=…@sha256:…"
        echo "$name=$image"
    done < <(sed -n 's/^ARG \([A-Z]*_IMAGE=\)/\1/p' Dockerfile)
}

# tag_digest IMAGE: what its tag is now; nothing where nobody knows.
tag_digest() {
    if [ -n "$dry" ]; then
        echo sha256:…
    elif type -P skopeo >/dev/null; then
        skopeo inspect --format '{{.Digest}}' "docker://$1" || true
    elif type -P docker >/dev/null; then
        docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1" || true
    fi
}

step_images() {
    local image name builder arguments output base bases=()
    builder=$(builder)
    base=$(base_images)
    [ -n "$dry" ] || printf '%s\n' "$base" >"$out/base-images.txt"
    while IFS= read -r image; do bases+=(--build-arg "$image"); done <<<"$base"
    for image in "${images[@]}"; do
        name=$(name_of "$image")
        arguments=(--target "${image#*:}" --build-arg "VERSION=$version" "${bases[@]}" ${platform:+--platform "$platform"})
        case $builder in
            buildah)
                # A manifest list, also for one platform: what is pushed has the same form either way.
                run buildah build --layers "${arguments[@]}" --manifest "$name" .
                [ -z "$push" ] || run buildah manifest push --all --digestfile "$out/${image%%:*}.digest" "$name" "docker://$name" ;;
            docker)
                mapfile -t output < <(docker_output "${image%%:*}")
                run docker buildx build "${arguments[@]}" --tag "$name" --metadata-file "$out/${image%%:*}.metadata.json" \
                    "${output[@]}" . ;;
        esac
    done
}

# docker_output IMAGE: where docker puts what it has built, a word a line. Its own store takes one platform of a name.
docker_output() {
    case $push,$platform in
        yes,*) echo --push ;;
        *,*,*) printf '%s\n' --output "type=oci,dest=$out/$1-$version.oci.tar" ;;
        *) echo --load ;;
    esac
}

# digest_of IMAGE: of what was pushed.
digest_of() {
    if [ -n "$dry" ]; then
        echo sha256:…
    elif [ -s "$out/$1.digest" ]; then
        cat "$out/$1.digest"
    elif [ ! -s "$out/$1.metadata.json" ]; then
        die "$out does not say which digest $1 was pushed with: run the step images first"
    else
        python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["containerimage.digest"])' "$out/$1.metadata.json"
    fi
}

# pushed_digest IMAGE: of what was pushed; nothing where nothing was. What docker wrote of an image that stayed here is none.
pushed_digest() {
    if [ -s "$out/$1.digest" ] || [ -n "$push" ]; then digest_of "$1"; fi
}
