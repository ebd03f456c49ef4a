# The service on a distroless base: the binary, the shared libraries that it needs, their licences, and nothing to
# log in with. `make image` builds it; docs/DEPLOYMENT.md explains how to run it.
#
# Both bases are Debian 12, so that the binary runs with the libraries that it was linked and tested with.
ARG BUILD_BASE=debian:bookworm-20250520-slim
# Contains no libraries, only certificates, time zones and the user 65532. Its tag is moved when Debian updates the certificates.
ARG RUNTIME_BASE=gcr.io/distroless/static-debian12:nonroot

# checkov:skip=CKV_DOCKER_7:the tag is in the argument's default
FROM ${BUILD_BASE} AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /project
# The packages change seldom, the sources often. The secret is the builder's apt configuration, if it needs one
# (a proxy); it is mounted for this step only and is in no layer.
COPY tools/setup.sh tools/
RUN --mount=type=secret,id=apt,target=/etc/apt/apt.conf.d/90builder \
    tools/setup.sh image
COPY CMakeLists.txt CMakePresets.json LICENSE ./
COPY cmake cmake
COPY tools tools
COPY src src
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DEI_TESTS=OFF -DEI_BENCH=OFF && tools/build.sh release event-ingestor
# The root of the image, with a check that nothing is missing in it.
RUN tools/image/runtime_root.py build/release /root-of-image \
    && chroot /root-of-image /usr/local/bin/event-ingestor version

# The load generator of the bench, for the profile `load` of docker-compose.yml: docker build --target load.
FROM build AS load-build
COPY bench bench
RUN --mount=type=cache,target=/root/.cache/ccache \
    cmake --preset release -DEI_TESTS=OFF -DEI_BENCH=ON && tools/build.sh release load_generator
RUN tools/image/runtime_root.py build/release /root-of-load --program bench/load_generator \
    && chroot /root-of-load /usr/local/bin/load_generator --help
# hadolint ignore=DL3006  # the tag is in the argument's default
FROM ${RUNTIME_BASE} AS load
COPY --from=load-build /root-of-load /
USER 65532:65532
HEALTHCHECK NONE
ENTRYPOINT ["/usr/local/bin/load_generator"]

# hadolint ignore=DL3006  # the tag is in the argument's default
FROM ${RUNTIME_BASE}
COPY --from=build /root-of-image /
# The default base sets this too; another base may not.
COPY --from=build --chown=65532:65532 /data-of-image /var/lib/event-ingestor
ENV HTTP_ADDRESS=0.0.0.0 \
    WAL_DIR=/var/lib/event-ingestor/wal \
    FILE_DIR=/var/lib/event-ingestor/events \
    DEAD_LETTER_DIR=/var/lib/event-ingestor/dead-letters \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
WORKDIR /var/lib/event-ingestor
# The only folder that is written to. It holds the events that were acknowledged at ack level wal.
VOLUME /var/lib/event-ingestor
EXPOSE 8080
# Checks liveness, not readiness: an orchestrator that restarts unhealthy containers must not do so because of Kafka.
HEALTHCHECK --interval=10s --timeout=4s --start-period=60s --retries=3 \
    CMD ["/usr/local/bin/event-ingestor", "health", "--live"]
ENTRYPOINT ["/usr/local/bin/event-ingestor"]

# Last, as they change with each build.
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="event-ingestor" \
      org.opencontainers.image.description="Accepts events over HTTP and delivers them to Kafka" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
