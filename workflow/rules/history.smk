"""Every session in one DuckDB file, derived from the folders: it can be deleted and rebuilt (`make history`)."""


rule load_history:
    """The tables of the sessions on a page into the scan's store, one transaction each; the output is the receipt."""
    input:
        tables=TABLES,
        features=features_on_page,
        manifest="results/{scan}/{date}/all",
    output:
        "results/{scan}/{date}/.history.json",
    log:
        "logs/{scan}/{date}/load_history.log",
    conda:
        "../envs/workflow.yaml"
    params:
        archive=lambda wildcards: ARCHIVES[wildcards.scan],
        trades=config["history"].get("trades", "view"),
        on_page=lambda wildcards: on_page(wildcards.scan, wildcards.date),
        code=code("load_history.py"),
    script:
        "../scripts/load_history.py"
