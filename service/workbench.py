"""One installation opened for work: its data, and the rules and models in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from audit.cache.extraction import KeptExtraction
from audit.cache.matching import KeptMatcher
from audit.cache.store import AnswerStore
from audit.extract.worker import ExtractionWorker
from audit.pictures.reader import PictureReader
from audit.screening import Tools
from crawler.signing import load_signer
from crawler.store import SnapshotStore
from rules.pack import RulePack
from service.config import Config
from service.models import load_candidates, load_classifiers
from service.rulebook import rules_in_force
from service.workspace import open_database


@dataclass(frozen=True, slots=True)
class Workbench:
    """One installation opened for work: its data, and the rules and models in force."""

    config: Config
    engine: Engine
    store: SnapshotStore
    tools: Tools

    @property
    def pack(self) -> RulePack:
        """The rules in force."""
        return self.tools.pack

    def now(self) -> datetime:
        """The time that counts: the clock's, or the rehearsal's."""
        return self.config.clock()

    @property
    def key(self) -> Path:
        """The signing key of this installation."""
        return self.config.home / "keys" / "signing.pem"

    def public_key(self) -> str:
        """The public key that this installation's snapshots are signed with."""
        return load_signer(self.key).public_key


@contextmanager
def open_workbench(config: Config) -> Iterator[Workbench]:
    """Open everything once; the child processes of extraction end with the block."""
    with ExitStack() as stack:
        pack = rules_in_force(config.home)
        answers = stack.enter_context(AnswerStore(config.home / "cache" / "screening.db"))
        worker = stack.enter_context(ExtractionWorker())
        tools = Tools(
            pack=pack,
            matcher=KeptMatcher(pack, answers),
            classifiers=load_classifiers(config.home / "models", config.clock().date()),
            worker=KeptExtraction(worker, answers),
            shadow=load_candidates(config.home / "models"),
            pictures=stack.enter_context(PictureReader(config.home / "pictures")),
            answers=answers,
        )
        engine = open_database(config)
        stack.callback(engine.dispose)
        yield Workbench(config, engine, SnapshotStore(config.store), tools)
