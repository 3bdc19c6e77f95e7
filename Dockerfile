# sweepboard in a container:
#   docker build -t sweepboard .                            torch for the CPU
#   docker build -t sweepboard --build-arg TORCH=cu130 .    torch for CUDA 13.0; the host has the driver
#   docker run --rm -v "$PWD:/work" sweepboard model=mlp
#   docker run --rm -v "$PWD:/work" --gpus all sweepboard model=resnet18
#   docker run --rm -v "$PWD:/work" -p 6006:6006 sweepboard board --host 0.0.0.0 --port 6006
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

ARG TORCH=cpu
ARG EXTRAS=optuna

# git: a run records its commit. g++: what trainer.compile=true compiles with.
RUN apt-get update \
    && apt-get install -y --no-install-recommends git g++ \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir uv

# uv knows where the build of torch for each TORCH is. Its layer stays while only sweepboard changes.
RUN uv pip install --system --no-cache --torch-backend="${TORCH}" torch torchvision

COPY pyproject.toml README.md LICENSE /sweepboard/
COPY conf /sweepboard/conf
COPY src /sweepboard/src
RUN uv pip install --system --no-cache --torch-backend="${TORCH}" "/sweepboard[${EXTRAS}]"

# Runs belong to whoever starts the container (docker run --user): a home that anyone may write.
ENV HOME=/home/anyone
RUN mkdir -m 1777 /home/anyone
WORKDIR /work
ENTRYPOINT ["sweepboard"]
