# Builds the release binary, then carries it alone into a small image that runs without root.
FROM rust:1.95.0-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libssl-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin sillage \
    && cp target/release/sillage /usr/local/bin/sillage

FROM debian:bookworm-20250929-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /sillage --create-home sillage \
    && install -d -o sillage /sillage/snapshots
WORKDIR /sillage
COPY --from=build /usr/local/bin/sillage /usr/local/bin/sillage
COPY config/sillage.yaml config/sillage.yaml
USER 10001
# Inside a container the loopback address would reach nobody.
ENV SILLAGE__SERVE__LISTEN=0.0.0.0:9464
EXPOSE 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/9464; printf 'GET /-/healthy HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; read -r _ code _ <&3; [ \"$code\" = 200 ]"]
ENTRYPOINT ["sillage"]
CMD ["run"]
