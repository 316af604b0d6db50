# The image of the Martlet model server: one static-as-can-be binary, its sample models, no shell.
#
#     tools/image.sh            (or `make image`: docker, podman or buildah, whichever is there)
#
# BUILDER needs Swift 6.2 or newer on Debian 12; BASE needs glibc, libstdc++ and libgcc of Debian 12. The same
# sources, BUILDER, BASE and SOURCE_DATE_EPOCH give the same files.
ARG BUILDER=docker.io/library/swift:6.2-bookworm
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER} AS build
ARG SOURCE_DATE_EPOCH=0
WORKDIR /src
COPY Package.swift Makefile ./
COPY tools tools
COPY Sources Sources
COPY Tests Tests
# Some tests are links to what the fuzzers run; the package does not load without them.
COPY Fuzz Fuzz
COPY Examples Examples
COPY models models
RUN tools/static.sh && \
    install -D -m 755 .build-static/release/martlet /out/usr/bin/martlet && \
    strip --strip-unneeded /out/usr/bin/martlet && \
    for model in models/*/; do \
        name=$(basename "$model"); \
        mkdir -p "/out/usr/share/martlet/models/$name" && \
        cp -R "$model"[0-9]* "/out/usr/share/martlet/models/$name/" && \
        cp "$model"model.json "/out/usr/share/martlet/models/$name/"; \
    done && \
    rm -rf /out/usr/share/martlet/models/*/*/reference && \
    find /out -exec touch -h -d "@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="martlet" \
      org.opencontainers.image.description="A model server in one small binary: ONNX, XGBoost and LightGBM over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/ /
ENV MARTLET_LOG_FORMAT=json MARTLET_HOST=0.0.0.0 MARTLET_PORT=8080 MARTLET_MODELS=/usr/share/martlet/models
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 CMD ["/usr/bin/martlet", "health"]
ENTRYPOINT ["/usr/bin/martlet"]
CMD ["serve"]
