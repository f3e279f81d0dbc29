FROM python:3.11-slim AS builder
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE ./
# uv is the one tool here that can take a subset of a hash-locked list, so it comes first, from that list.
RUN awk '/^[^ ]/ { wanted = /^uv==/ } wanted' constraints.txt > uv.txt \
    && python -m venv /uv \
    && /uv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r uv.txt
ENV UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
# Dependencies before code: a change of code then rebuilds in seconds.
RUN /uv/bin/uv venv --python /usr/local/bin/python3.11 /opt/finops-bot \
    && /uv/bin/uv pip install --python /opt/finops-bot/bin/python --compile-bytecode \
        --require-hashes --no-build -r pyproject.toml -c constraints.txt
COPY bot bot
COPY jobs jobs
COPY api api
COPY finops finops
COPY gateway gateway
COPY policies policies
COPY slackbox slackbox
COPY docs/slack-manifest.yaml docs/
RUN /uv/bin/uv build --wheel --require-hashes --build-constraints constraints.txt --out-dir dist . \
    && /uv/bin/uv pip install --python /opt/finops-bot/bin/python --compile-bytecode --no-deps dist/*.whl

FROM python:3.11-slim
LABEL org.opencontainers.image.title="finops-bot" \
      org.opencontainers.image.description="Ask in Slack what your AI costs, why, and what to do about it." \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed uid lets a cluster demand "not root" and lets a volume be owned in advance.
RUN groupadd --gid 10001 finops \
    && useradd --uid 10001 --gid finops --home-dir /data --no-create-home --shell /usr/sbin/nologin finops \
    && install -d -o finops -g finops -m 0750 /data
COPY --from=builder /opt/finops-bot /opt/finops-bot
ENV PATH=/opt/finops-bot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    FINOPS_CONFIG=/data \
    FINOPS_HTTP_ADDRESS=0.0.0.0:8737
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8737
# urlopen raises for anything but success, and an exception is exit code 1: unhealthy.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8737/healthz', timeout=4)"]
ENTRYPOINT ["finops-bot"]
CMD ["run"]
