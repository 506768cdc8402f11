"""`python -m darkpool mcp`: the sessions on disk for an assistant."""

from __future__ import annotations

import argparse

from ...session.selection import NotThere
from .. import choice
from ..command import DONE, Commands


def add_to(commands: Commands) -> None:
    mcp = commands.add("mcp", _mcp, "the sessions on disk for an assistant (Model Context Protocol), read-only")
    mcp.add_argument(
        "--http", type=int, nargs="?", const=8765, metavar="PORT",
        help="serve on loopback instead of stdin and stdout, for who has the token (default port: 8765; 0: any)",
    )  # fmt: skip


def _mcp(args: argparse.Namespace) -> int:
    try:
        from . import server
    except ModuleNotFoundError as error:
        raise NotThere(f"{error}; make assistant installs what the server needs") from None
    choice.scan_folder(args)
    built = server.build(args.results, args.scan)
    if args.http is None:
        built.run("stdio")
    else:
        server.serve_http(built, args.http)
    return DONE
