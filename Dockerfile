# The release binary, built with the Makefile's own steps.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends brotli make && rm -rf /var/lib/apt/lists/*
RUN rustup target add wasm32-unknown-unknown
WORKDIR /src
COPY . .
RUN make front && cargo build --locked --release -p server --bin muster

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl openssh-client tini && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --home-dir /var/lib/muster muster
COPY --from=build /src/target/release/muster /usr/local/bin/muster
COPY --from=build /src/plan /etc/muster/plan
ENV MUSTER_DATA=/var/lib/muster MUSTER_PLAN=/etc/muster/plan
USER muster
VOLUME /var/lib/muster
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["curl", "-fsS", "http://127.0.0.1:8080/healthz"]
# The server must not be process 1: what it started has to be able to outlive it.
ENTRYPOINT ["tini", "--", "muster"]
CMD ["serve", "--plan", "/etc/muster/plan", "--data", "/var/lib/muster", "--listen", "0.0.0.0:8080"]
