"""The only rules with a network. Their output is a receipt; the vendors' answers lie beside it in the archive.

They carry no code hash, and what they ask for depends on their output: neither edited code nor another command line asks a
vendor again, only a receipt that leaves something open. They succeed also when a vendor has nothing.
"""


rule fetch_regsho:
    """FINRA's daily files of the session and its window."""
    output:
        update("{archive}/receipts/finra/{session}.json"),
    log:
        "{archive}/receipts/finra/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        window=lambda wildcards, output: clean(INPUTS.window)(wildcards.session),
        prefixes=lambda wildcards, output: list(SETTINGS.finra.files),
    script:
        "../scripts/fetch_regsho.py"


rule fetch_yahoo:
    """Yahoo's daily volumes and splits of the universe over the session's window."""
    output:
        update("{archive}/receipts/yahoo/{session}.json"),
    log:
        "{archive}/receipts/yahoo/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        wanted=wanted,
    script:
        "../scripts/fetch_yahoo.py"


rule fetch_market:
    """Yahoo's volumes and splits of the market's names that will be shown."""
    input:
        lambda wildcards: clean(INPUTS.screens)(wildcards.archive, wildcards.session),
    output:
        update("{archive}/receipts/yahoo_market/{session}.json"),
    log:
        "{archive}/receipts/yahoo_market/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        window=lambda wildcards, output: clean(INPUTS.window)(wildcards.session),
        confirm=lambda wildcards, output: SETTINGS.market.confirm,
    script:
        "../scripts/fetch_market.py"


rule fetch_ticks:
    """Trades, quotes or minute bars of the universe, whatever the key at hand buys."""
    output:
        update("{archive}/receipts/polygon/{session}.json"),
    log:
        "{archive}/receipts/polygon/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        wanted=wanted,
        source=lambda wildcards, output: SETTINGS.lit.source,
        flat=lambda wildcards, output: asdict(SETTINGS.lit.flat),
        calls_per_minute=lambda wildcards, output: SETTINGS.lit.calls_per_minute,
    script:
        "../scripts/fetch_ticks.py"


rule fetch_grouped:
    """Polygon's prices of every name on the session, for the study of the whole market."""
    output:
        update("{archive}/receipts/polygon_grouped/{session}.json"),
    log:
        "{archive}/receipts/polygon_grouped/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        calls_per_minute=lambda wildcards, output: SETTINGS.lit.calls_per_minute,
    script:
        "../scripts/fetch_grouped.py"


rule fetch_weekly:
    """FINRA's weekly data that the session may see, tier by tier as it is published."""
    output:
        update("{archive}/receipts/finra_weekly/{session}.json"),
    log:
        "{archive}/receipts/finra_weekly/{session}.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        wanted=wanted,
        weeks=lambda wildcards, output: INPUTS.weeks_shown,
        auth=lambda wildcards, output: SETTINGS.finra.auth,
        firms=lambda wildcards, output: SETTINGS.finra.firms,
        again=lambda wildcards, output: SETTINGS.finra.weeks_again,
        late=lambda wildcards, output: all(
            INPUTS.is_late(scan, wildcards.session)
            for scan in wanted(wildcards, output)[wildcards.session]["followed"]
        ),
    script:
        "../scripts/fetch_weekly.py"
