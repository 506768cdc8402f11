"""Every session in one DuckDB file, derived from the folders: it can be deleted and rebuilt (`make history`)."""


rule load_history:
    """The tables of the sessions on a page into the scan's store, one transaction each; the output is the receipt."""
    input:
        tables=TABLES,
        features=of_session(INPUTS.table_on_page("features")),
        manifest="results/{scan}/{date}/all",
    output:
        "results/{scan}/{date}/.history.json",
    log:
        "logs/{scan}/{date}/load_history.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=archive_of,
        trades=SETTINGS.history.trades,
        on_page=of_session(INPUTS.on_page),
        code=code("load_history.py"),
    script:
        "../scripts/load_history.py"
