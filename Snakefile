"""Off-exchange volume of yesterday's session: how much, how unusual, and an estimate of bought and sold.

    snakemake --cores 4 results/emps2/2025-12-22/all     that session
    snakemake --cores 4 results/demo/2025-12-22/all      the same on simulated vendors
    snakemake --cores 4 latest                           the last-marked date of emps2

A session's folder holds, each made from the ones before it:

    receipts of FINRA and Yahoo        what the vendors said                   acquire.smk, demo.smk
    finra_trf, yf_volume, merged       volumes as traded, off-exchange ratio   tables.smk
    features                           spike, percentile, accumulation score   tables.smk
    table.html|png|csv, plots/         what a person looks at                  publish.smk
    all                                the manifest, once answers are final    publish.smk
    ../history.duckdb                  every session, to be queried            history.smk

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.
"""


include: "workflow/rules/common.smk"
include: "workflow/rules/acquire.smk"
include: "workflow/rules/demo.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/history.smk"


rule latest:
    default_target: not IS_IMPORTED  # a workflow that imports this one has its own
    input:
        lambda wildcards: INPUTS.marked_manifest(),
