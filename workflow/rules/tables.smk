"""From the vendors' answers to the session's tables; each has a contract, checked on every read and write."""


rule build_volumes:
    """Off-exchange and consolidated volume as traded, from the archive into one table per source and their ratio."""
    input:
        of_session(INPUTS.answers),
    output:
        finra_trf="results/{scan}/{date}/finra_trf.parquet",
        yf_volume="results/{scan}/{date}/yf_volume.parquet",
        merged="results/{scan}/{date}/merged.parquet",
    log:
        "logs/{scan}/{date}/build_volumes.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=archive_of,
        window=lambda wildcards: clean(INPUTS.window)(wildcards.date),
        tickers=of_session(INPUTS.tickers),
        unmapped=lambda wildcards: INPUTS.universe(wildcards.scan, wildcards.date).unmapped,
        prefixes=list(SETTINGS.finra.files),
        excluded=list(SETTINGS.excluded_finra_tickers),
        offline=SETTINGS.offline,
        flags=of_session(INPUTS.flags),
        code=code("build_volumes.py"),
    script:
        "../scripts/build_volumes.py"


rule screen_market:
    """What is unusual in the whole market, from FINRA's files alone: every symbol against its own sessions."""
    input:
        of_session(INPUTS.answers),
        merged="results/{scan}/{date}/merged.parquet",
    output:
        "results/{scan}/{date}/market_screen.parquet",
    log:
        "logs/{scan}/{date}/screen_market.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=archive_of,
        window=lambda wildcards: clean(INPUTS.window)(wildcards.date),
        tickers=of_session(INPUTS.tickers),
        prefixes=list(SETTINGS.finra.files),
        excluded=list(SETTINGS.excluded_finra_tickers),
        code=code("screen_market.py"),
    script:
        "../scripts/screen_market.py"


rule classify_lit:
    """Lit trades of a part of the universe, signed and added up: the one rule that an executor sends to a node.

    Every other one asks a vendor, writes a store that is locked, or is over sooner than a node has started.
    """
    input:
        of_session(INPUTS.ticks),
    output:
        lit_flow=temp("results/{scan}/{date}/.parts/{scatteritem}.lit_flow.parquet"),
        trf_flow=temp("results/{scan}/{date}/.parts/{scatteritem}.trf_flow.parquet"),
        trf_blocks=temp("results/{scan}/{date}/.parts/{scatteritem}.trf_blocks.parquet"),
        trf_profile=temp("results/{scan}/{date}/.parts/{scatteritem}.trf_profile.parquet"),
    log:
        "logs/{scan}/{date}/classify_lit.{scatteritem}.log",
    conda:
        "../envs/workflow.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        archive=archive_of,
        tickers=of_session(INPUTS.tickers),
        settings=SETTINGS.lit.signing,
        code=code("classify_lit.py"),
    script:
        "../scripts/classify_lit.py"


rule gather_lit:
    """The parts of a session's flows put together."""
    input:
        lit_flow=of_session(INPUTS.parts("lit_flow")),
        trf_flow=of_session(INPUTS.parts("trf_flow")),
        trf_blocks=of_session(INPUTS.parts("trf_blocks")),
        trf_profile=of_session(INPUTS.parts("trf_profile")),
        merged="results/{scan}/{date}/merged.parquet",
    output:
        lit_flow="results/{scan}/{date}/lit_flow.parquet",
        trf_flow="results/{scan}/{date}/trf_flow.parquet",
        trf_blocks="results/{scan}/{date}/trf_blocks.parquet",
        trf_profile="results/{scan}/{date}/trf_profile.parquet",
    log:
        "logs/{scan}/{date}/gather_lit.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=archive_of,
        offline=SETTINGS.offline,
        code=code("gather_lit.py"),
    script:
        "../scripts/gather_lit.py"


rule build_features:
    """How unusual the session is, what the lit market says of its direction, and its newest FINRA week."""
    input:
        unpack(of_session(INPUTS.weeks)),
        screen=of_session(INPUTS.screen),
        merged="results/{scan}/{date}/merged.parquet",
        lit_flow="results/{scan}/{date}/lit_flow.parquet",
        trf_flow="results/{scan}/{date}/trf_flow.parquet",
        trf_profile="results/{scan}/{date}/trf_profile.parquet",
    output:
        dark_flow="results/{scan}/{date}/dark_flow.parquet",
        otc_weekly="results/{scan}/{date}/otc_weekly.parquet",
        features="results/{scan}/{date}/features.parquet",
    log:
        "logs/{scan}/{date}/build_features.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        history=SETTINGS.history.statistics,
        weights=asdict(SETTINGS.accum_score),
        signal=asdict(SETTINGS.signal),
        transfer_sd=SETTINGS.lit.transfer_sd,
        archive=archive_of,
        weekly_tickers=of_session(INPUTS.weekly_tickers),
        offline=SETTINGS.offline,
        code=code("build_features.py"),
    script:
        "../scripts/build_features.py"


rule reconcile_sources:
    """Every two sources that say the same thing, compared."""
    input:
        unpack(of_session(INPUTS.weeks)),
        of_session(INPUTS.ticks),
        merged="results/{scan}/{date}/merged.parquet",
    output:
        "results/{scan}/{date}/reconciliation.parquet",
    log:
        "logs/{scan}/{date}/reconcile_sources.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=archive_of,
        tickers=of_session(INPUTS.weekly_tickers),
        prefixes=list(SETTINGS.finra.files),
        source=SETTINGS.lit.source,
        code=code("reconcile_sources.py"),
    script:
        "../scripts/reconcile_sources.py"


rule build_weekly:
    """The newest weeks that the session sees, split by the lit buy ratio of their sessions."""
    input:
        unpack(of_session(INPUTS.weeks)),
        flows=of_session(INPUTS.flows_of_weeks),
    output:
        "results/{scan}/{date}/weekly.parquet",
    log:
        "logs/{scan}/{date}/build_weekly.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=archive_of,
        tickers=of_session(INPUTS.weekly_tickers),
        weeks=INPUTS.weeks_shown,
        signal=asdict(SETTINGS.signal),
        min_lit_volume=SETTINGS.lit.min_lit_volume,
        transfer_sd=SETTINGS.lit.transfer_sd,
        code=code("build_weekly.py"),
    script:
        "../scripts/build_weekly.py"
