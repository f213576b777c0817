# The images of Weir, with the root file system that `npm run image` makes: that command needs no builder and gives the same on every machine of a kind
# (docs/decisions/0027). `docker build .` makes the operator's, `docker build --target envoy .` the one for sidecars.

FROM node:24-bookworm AS build
WORKDIR /src
COPY . .
RUN npm ci

FROM build AS weir-files
RUN node scripts/image.ts weir --rootfs /rootfs

FROM build AS envoy-files
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip && node scripts/image.ts envoy --rootfs /rootfs

FROM scratch AS envoy
COPY --from=envoy-files /rootfs /
USER 65532:65532
WORKDIR /home/nonroot
ENTRYPOINT ["/usr/local/bin/envoy"]

FROM scratch AS weir
COPY --from=weir-files /rootfs /
USER 65532:65532
ENV MALLOC_MMAP_THRESHOLD_=1048576
ENV MALLOC_TRIM_THRESHOLD_=1048576
ENV WEIR_DATA=/var/lib/weir/data
WORKDIR /var/lib/weir
ENTRYPOINT ["/usr/local/bin/node","--max-semi-space-size=8","--disable-warning=ExperimentalWarning","/opt/weir/cli/main.js"]
