"""What a person looks at, and the manifest that vouches for it."""


rule publish_table:
    """The session's features as a page, a picture and a spreadsheet."""
    input:
        features=of_session(INPUTS.table_on_page("features")),
        lit=of_session(INPUTS.table_on_page("lit_flow")),
        merged="results/{scan}/{date}/merged.parquet",
        blocks=of_session(INPUTS.table_on_page("trf_blocks")),
        profiles=of_session(INPUTS.table_on_page("trf_profile")),
        market=MARKET_TABLE,
        checks="results/{scan}/{date}/reconciliation.parquet",
        weekly=WEEKLY_TABLE,
    output:
        **{
            kind: report(
                f"results/{{scan}}/{{date}}/{page.path}",
                category="Session",
                subcategory="{date}",
                labels={"what": page.words, "kind": kind},
                caption="../report/table.rst",
            )
            for kind, page in INPUTS.pages.items()
        },
    log:
        "logs/{scan}/{date}/publish_table.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        drawn=of_session(INPUTS.drawn),
        mode=SETTINGS.mode,
        signal=asdict(SETTINGS.signal),
        history=SETTINGS.history.statistics,
        code=code("publish_table.py"),
    script:
        "../scripts/publish_table.py"


rule publish_market:
    """The whole market of the session: the screen, what Yahoo confirms of the names shown, and a page of them."""
    input:
        of_session(INPUTS.confirmations),
        screen="results/{scan}/{date}/market_screen.parquet",
        features="results/{scan}/{date}/features.parquet",
    output:
        table="results/{scan}/{date}/market.parquet",
        csv="results/{scan}/{date}/market.csv",
        html=report(
            "results/{scan}/{date}/market.html",
            category="Session",
            subcategory="{date}",
            labels={"what": "page of the market", "kind": "html"},
            caption="../report/table.rst",
        ),
    log:
        "logs/{scan}/{date}/publish_market.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        archive=archive_of,
        window=lambda wildcards: clean(INPUTS.window)(wildcards.date),
        prefixes=list(SETTINGS.finra.files),
        market=asdict(SETTINGS.market),
        code=code("publish_market.py"),
    script:
        "../scripts/publish_market.py"


# A rule per session asked for, since the plots of a session are those of its universe: a deleted one comes back,
# one process draws them all, and whatever else the scan keeps in plots/ is left alone.
for scan, date in REQUEST.sessions:

    rule:
        name:
            f"draw_plots_{scan}_{date}"
        input:
            merged=f"results/{scan}/{date}/merged.parquet",
            features=clean(INPUTS.table_on_page("features"))(scan, date),
            profile=f"results/{scan}/{date}/trf_profile.parquet",
            blocks=f"results/{scan}/{date}/trf_blocks.parquet",
            weekly=[path.format(scan=scan, date=date) for path in WEEKLY_TABLE],
        output:
            plots=[
                report(
                    path,
                    category="Plots",
                    subcategory=date,
                    labels={"ticker": ticker, "kind": kind},
                    caption="../report/plots.rst",
                )
                for ticker, kind, path in clean(INPUTS.plots)(scan, date)
            ],
            overview=[
                report(
                    path,
                    category="Session",
                    subcategory=date,
                    labels={"what": "overview of the watchlist", "kind": kind},
                    caption="../report/overview.rst",
                )
                for kind, path in INPUTS.overviews(scan, date)
            ],
        log:
            f"logs/{scan}/{date}/draw_plots.log",
        localrule: True
        conda:
            "../envs/workflow.yaml"
        params:
            tickers=INPUTS.tickers(scan, date),
            drawn=INPUTS.drawn(scan, date),
            kinds=INPUTS.pictures,
            folder=lambda wildcards, output: Path(output.overview[0]).parent,
            scan=scan,
            session=date,
            mode=SETTINGS.mode,
            signal=asdict(SETTINGS.signal),
            history=SETTINGS.history.statistics,
            code=code("draw_plots.py"),
        script:
            "../scripts/draw_plots.py"


rule draw_plots:
    """The figures of a session that no target names, because a workflow that imports this one asks for it."""
    input:
        merged="results/{scan}/{date}/merged.parquet",
        features=of_session(INPUTS.table_on_page("features")),
        profile="results/{scan}/{date}/trf_profile.parquet",
        blocks="results/{scan}/{date}/trf_blocks.parquet",
        weekly=WEEKLY_TABLE,
    output:
        touch("results/{scan}/{date}/.figures"),
    log:
        "logs/{scan}/{date}/draw_plots.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        tickers=of_session(INPUTS.tickers),
        drawn=of_session(INPUTS.drawn),
        kinds=INPUTS.pictures,
        folder=lambda wildcards, output: Path(output[0]).parent,
        scan="{scan}",
        session="{date}",
        mode=SETTINGS.mode,
        signal=asdict(SETTINGS.signal),
        history=SETTINGS.history.statistics,
        code=code("draw_plots.py"),
    script:
        "../scripts/draw_plots.py"


rule write_manifest:
    """Every output and input with its hash; refused while FINRA's or Yahoo's answer is not final.

    Written or refused, the same job brings the scan's store, index and latest.json up to what its sessions now hold:
    rules of their own would cost a finished session a job each, and could not follow a manifest that is refused.
    """
    input:
        answers=of_session(INPUTS.answers),
        ticks=of_session(INPUTS.ticks),
        grouped=of_session(INPUTS.grouped),
        features=of_session(INPUTS.table_on_page("features")),
        tables=TABLES,
        published=of_session(INPUTS.to_publish),
    output:
        "results/{scan}/{date}/all",
    log:
        "logs/{scan}/{date}/write_manifest.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        published=of_session(INPUTS.published),
        archive=archive_of,
        window=lambda wildcards: clean(INPUTS.window)(wildcards.date),
        tickers=of_session(INPUTS.tickers),
        on_page=of_session(INPUTS.on_page),
        trades=SETTINGS.history.trades,
        config=config,
        code=code("write_manifest.py"),
    script:
        "../scripts/write_manifest.py"


# The folders on disk are what the index is made of. As inputs Snakemake would want to make them again, so a digest of
# them stands in params: a folder that changed makes the index anew. Only what the same command makes is waited for.
rule publish_index:
    """Every session of a scan on one page: calendar, movers, streaks, watchlist."""
    input:
        lambda wildcards: INPUTS.manifests(wildcards.scan),
    output:
        report(
            "results/{scan}/index.html",
            category="Every session",
            labels={"what": "index of {scan}", "kind": "html"},
            caption="../report/index.rst",
        ),
    log:
        "logs/{scan}/publish_index.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    params:
        folders=lambda wildcards: manifest.folders_id(Path("results", wildcards.scan)),
        code=code("publish_index.py"),
    script:
        "../scripts/publish_index.py"
