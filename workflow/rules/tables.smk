"""From the vendors' answers to the session's tables; each has a contract, checked on every read and write."""


rule build_volumes:
    """Off-exchange and consolidated volume as traded, from the archive into one table per source and their ratio."""
    input:
        answers,
    output:
        finra_trf=TABLE + "finra_trf.parquet",
        yf_volume=TABLE + "yf_volume.parquet",
        merged=TABLE + "merged.parquet",
    params:
        archive=lambda wildcards: ARCHIVES[wildcards.scan],
        window=lambda wildcards: window_of(wildcards.date),
        tickers=tickers_of,
        unmapped=lambda wildcards: universe_of(wildcards.scan, wildcards.date).unmapped,
        prefixes=PREFIXES,
        excluded=config["excluded_finra_tickers"],
        offline=config["offline"],
        code=code("build_volumes.py"),
    log:
        "logs/{scan}/{date}/build_volumes.log",
    conda:
        "../envs/workflow.yaml"
    script:
        "../scripts/build_volumes.py"


rule build_features:
    """How unusual the session is against its window."""
    input:
        merged=TABLE + "merged.parquet",
    output:
        features=TABLE + "features.parquet",
    params:
        history=config["history"],
        weights=config["accum_score"],
        code=code("build_features.py"),
    log:
        "logs/{scan}/{date}/build_features.log",
    conda:
        "../envs/workflow.yaml"
    script:
        "../scripts/build_features.py"
