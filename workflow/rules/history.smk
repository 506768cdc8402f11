"""Every session in one DuckDB file, derived from the folders: it can be deleted and rebuilt (`make history`)."""


rule load_history:
    """A session's tables into the scan's store, in one transaction; the output is the receipt."""
    input:
        tables=TABLES,
        # A manifest made again with the same content is no reason to load again.
        manifest=ancient("results/{scan}/{date}/all"),
    output:
        "results/{scan}/{date}/.history.json",
    log:
        "logs/{scan}/{date}/load_history.log",
    conda:
        "../envs/workflow.yaml"
    params:
        archive=lambda wildcards: ARCHIVES[wildcards.scan],
        trades=config["history"].get("trades", "view"),
        code=code("load_history.py"),
    script:
        "../scripts/load_history.py"
