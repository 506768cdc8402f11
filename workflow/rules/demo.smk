"""The demo's vendors: simulated answers in the archive's own formats; everything downstream is the same code."""


rule simulate_vendors:
    """What FINRA and Yahoo would have said, drawn from a seed."""
    output:
        f"{ARCHIVES.get('demo', 'resources/demo')}/receipts/finra/{{session}}.json",
        f"{ARCHIVES.get('demo', 'resources/demo')}/receipts/yahoo/{{session}}.json",
    params:
        archive=ARCHIVES.get("demo", "resources/demo"),
        window=lambda wildcards: window_of(wildcards.session),
        seed=20251222,
        code=code("simulate_vendors.py"),
    log:
        "logs/simulate_vendors/{session}.log",
    conda:
        "../envs/workflow.yaml"
    script:
        "../scripts/simulate_vendors.py"
