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


rule classify_lit:
    """Lit trades of a part of the universe, signed and added up."""
    input:
        ticks,
    output:
        lit=temp(TABLE + ".parts/{scatteritem}.lit_flow.parquet"),
        trf=temp(TABLE + ".parts/{scatteritem}.trf_flow.parquet"),
    params:
        archive=lambda wildcards: ARCHIVES[wildcards.scan],
        tickers=tickers_of,
        settings=lit_settings(),
        code=code("classify_lit.py"),
    threads: 2
    log:
        "logs/{scan}/{date}/classify_lit.{scatteritem}.log",
    conda:
        "../envs/workflow.yaml"
    script:
        "../scripts/classify_lit.py"


rule build_features:
    """How unusual the session is against its window, and what the lit market says of its direction."""
    input:
        merged=TABLE + "merged.parquet",
        lit=gather.parts(TABLE + ".parts/{scatteritem}.lit_flow.parquet", allow_missing=True),
        trf=gather.parts(TABLE + ".parts/{scatteritem}.trf_flow.parquet", allow_missing=True),
    output:
        **{table: f"{TABLE}{table}.parquet" for table in ("lit_flow", "trf_flow", "dark_flow", "features")},
    params:
        history=config["history"],
        weights=config["accum_score"],
        signal=config["signal"],
        code=code("build_features.py"),
    log:
        "logs/{scan}/{date}/build_features.log",
    conda:
        "../envs/workflow.yaml"
    script:
        "../scripts/build_features.py"
