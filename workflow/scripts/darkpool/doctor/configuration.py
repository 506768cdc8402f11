"""Checks of what a person has set: the configuration, keys, addresses of the message."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from .. import clock, credentials, listing, settings
from ..project import PROJECT
from .finding import Check, Place


def config(place: Place, config: dict[str, Any]) -> Iterator[Check]:
    """Checks the configuration, and fills `config` with it where it can be used."""
    from ..market import finra_files, sessions
    from ..plan import configuration

    todo = "workflow/schemas/config.schema.yaml describes every key"
    try:
        read = settings.load(place.config)
        found = configuration.settled(read, configuration.schema(PROJECT))
        finra_files.require_whole(found.finra.files, sessions.last_completed(clock.now()))
    except FileNotFoundError:
        yield Check("config", "fault", f"{place.config} is not there", "run from the project's root")
        return
    except (settings.ConfigError, finra_files.FilesError) as error:
        yield Check("config", "fault", str(error), todo)
        return
    except Exception as error:
        yield Check("config", "fault", f"{place.config} is no YAML: {' '.join(str(error).split())}", todo)
        return
    config |= read
    if place.scan not in found.scans:
        yield Check("config", "fault", f"no scan {place.scan}", f"the scans are {', '.join(found.scans)}")
        return
    entry = found.scans[place.scan]
    said = f"scan {place.scan}: {len(entry.tickers)} tickers and {len(entry.universe)} files, mode {found.mode}"
    if not entry.tickers and not entry.universe and place.scan != settings.DEMO:
        yield Check("config", "fault", said, f"put tickers into scans.{place.scan}.tickers")
    else:
        yield Check("config", "ok", said)


def keys() -> Iterator[Check]:
    from ..vendors.finra import client as finra

    try:
        odd = credentials.check()
    except ValueError as error:
        yield Check("keys", "fault", str(error))
        return
    for fault in listing.few(odd):
        yield Check("keys", "warn", fault, f"correct the line in {credentials.FILE}, or remove it")
    pair = (finra.KEY, finra.SECRET)
    held = []
    store = (*credentials.S3_ID, *credentials.S3_SECRET)
    for name in (*credentials.POLYGON, *store, *pair):
        where = "the environment" if os.environ.get(name, "").strip() else str(credentials.FILE)
        if credentials.which([name]):
            try:
                credentials.read(name)
            except ValueError as error:
                yield Check("keys", "fault", str(error))
                return
            held.append(f"{name} from {where}")
    for names in (((pair[0],), (pair[1],)), (credentials.S3_ID, credentials.S3_SECRET)):
        found = [credentials.which(either) for either in names]
        if any(found) and not all(found):
            lacking = names[found.index(None)][0]
            yield Check(
                "keys", "warn", f"{found[0] or found[1]} is set and {lacking} is not", "set both, or remove both"
            )
            return
    if not credentials.which(credentials.POLYGON) and not credentials.which(credentials.S3_ID):
        said = "; ".join([*held, "no key of Polygon: bought and sold come from Yahoo's minute bars (30 days)"])
        yield Check("keys", "ok", said)
    else:
        yield Check("keys", "ok", "; ".join(held))


def message() -> Iterator[Check]:
    from ..message import delivery

    addresses = credentials.listed(delivery.ADDRESSES)
    if not addresses:
        yield Check("message", "ok", f"off: {delivery.ADDRESSES} is not set")
        return
    wrong = [f"address {label}: {reason}" for label, reason in delivery.unusable(addresses).items()]
    if wrong:
        todo = f"correct {delivery.ADDRESSES}; the forms are in apprise's documentation, the services"
        yield Check("message", "fault", "; ".join(wrong), todo)
    else:
        yield Check("message", "ok", f"{len(addresses)} addresses; digest --send tries them")
