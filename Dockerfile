# Two images:  docker build --target operator -t bcmp .        controller and agent: one static binary, nothing else
#              docker build --target tools -t bcmp-tools .     AIConfigurator and AIPerf, for the predictor's and the load's pods
# tools/release builds both for a release, with --build-arg VERSION=….

# Any image of Debian with Rust 1.89 or newer, and any with Python 3.11. A tag can be pushed again: tools/release takes nothing
# but images with their digests, looks those of these tags up, and records them.
ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm
ARG PYTHON_IMAGE=docker.io/library/python:3.11.13-slim-bookworm
# For the labels.
ARG VERSION=

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
# Named in Cargo.toml, so it must be there.
COPY benches benches
COPY tools/build-static tools/notices tools/
# Static, so that the agent runs in any image: pods copy it into the tools' containers.
# No features: pictures, the check of files and the simulation are for people at their terminals.
RUN programs=$(tools/build-static --release --no-default-features --bin bcmp) \
    && install -D "$programs/bcmp" /out/bcmp \
    && tools/notices --no-default-features --target "$(uname -m)-unknown-linux-gnu" >/out/THIRD-PARTY

FROM scratch AS operator
ARG VERSION
LABEL org.opencontainers.image.title="bcmp" \
      org.opencontainers.image.description="Operator that compares predicted with measured LLM serving performance" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/bcmp /usr/local/bin/bcmp
COPY LICENSE /usr/share/doc/bcmp/
COPY --from=build /out/THIRD-PARTY /usr/share/doc/bcmp/
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/bcmp"]

FROM ${PYTHON_IMAGE} AS tools
ARG VERSION
# Of what is added here; what the packages are under is in /usr/local/share/bcmp/licences.tsv.
LABEL org.opencontainers.image.title="bcmp-tools" \
      org.opencontainers.image.description="AIConfigurator and AIPerf, as the operator of benchmark comparisons runs them" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY tools/requirements-aiconfigurator.txt tools/requirements-aiperf.txt tools/licences /usr/local/share/bcmp/
# Two trees: what the tools need clashes. Bytecode that is never compared with its source: the file system is read-only.
RUN for tool in aic:aiconfigurator aiperf:aiperf; do \
        pip install --no-cache-dir --no-deps --no-compile --only-binary :all: --require-hashes --root-user-action ignore \
            --target "/opt/${tool%%:*}" -r "/usr/local/share/bcmp/requirements-${tool#*:}.txt" || exit 1; \
        python3 -m compileall -q --invalidation-mode unchecked-hash "/opt/${tool%%:*}" || true; \
    done \
    && /usr/local/share/bcmp/licences /opt/aic /opt/aiperf > /usr/local/share/bcmp/licences.tsv
COPY tools/bin/ /usr/local/bin/
# The agent runs its driver of the predictor with python3; AIPerf's command sets a path of its own.
ENV PYTHONPATH=/opt/aic
USER 65532:65532
