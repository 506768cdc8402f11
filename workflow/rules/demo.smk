"""The demo's vendors: simulated answers in the archive's own formats; everything downstream is the same code.

What a receipt says of a file is its proof: Snakemake must not remove one before it is written anew.
"""


rule simulate_vendors:
    """What FINRA and Yahoo would have said, drawn from a seed."""
    output:
        update(f"{ARCHIVES['demo']}/receipts/finra/{{session}}.json"),
        update(f"{ARCHIVES['demo']}/receipts/yahoo/{{session}}.json"),
    log:
        "logs/simulate_vendors/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=lambda wildcards: ARCHIVES["demo"],
        window=lambda wildcards: clean(INPUTS.window)(wildcards.session),
        seed=20251222,
        code=code("simulate_vendors.py"),
    script:
        "../scripts/simulate_vendors.py"


rule simulate_market:
    """What Yahoo would have said of the market's names that will be shown."""
    input:
        "results/demo/{session}/market_screen.parquet",
    output:
        update(f"{ARCHIVES['demo']}/receipts/yahoo_market/{{session}}.json"),
    log:
        "logs/simulate_market/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=lambda wildcards: ARCHIVES["demo"],
        window=lambda wildcards: clean(INPUTS.window)(wildcards.session),
        confirm=SETTINGS.market.confirm,
        seed=20251222,
        code=code("simulate_market.py"),
    script:
        "../scripts/simulate_market.py"


rule simulate_ticks:
    """What Polygon would have said of the session, with the aggressor known."""
    output:
        update(f"{ARCHIVES['demo']}/receipts/polygon/{{session}}.json"),
    log:
        "logs/simulate_ticks/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=lambda wildcards: ARCHIVES["demo"],
        seed=20251222,
        code=code("simulate_ticks.py"),
    script:
        "../scripts/simulate_ticks.py"


rule simulate_weekly:
    """What FINRA would have published of the weeks that the session can see."""
    output:
        update(f"{ARCHIVES['demo']}/receipts/finra_weekly/{{session}}.json"),
    log:
        "logs/simulate_weekly/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=lambda wildcards: ARCHIVES["demo"],
        weeks=INPUTS.weeks_shown,
        seed=20251222,
        code=code("simulate_weekly.py"),
    script:
        "../scripts/simulate_weekly.py"
