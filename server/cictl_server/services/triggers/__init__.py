"""What starts runs by itself: pushes that a look at a project's repository finds, and the success of other runs."""

from __future__ import annotations

import msgspec

from cictl_server.services.core import Core
from cictl_server.services.pipelines import Pipelines
from cictl_server.services.projects import Projects
from cictl_server.services.projects.git_places import GitPlaces
from cictl_server.services.projects.remotes import Remotes
from cictl_server.services.secrets import Secrets
from cictl_server.services.triggers.checks import CheckService
from cictl_server.services.triggers.followers import Followers
from cictl_server.services.triggers.hooks import HookService
from cictl_server.services.triggers.lanes import GIT_PLACES
from cictl_server.services.triggers.plan import Planner
from cictl_server.services.triggers.rounds import Rounds
from cictl_server.services.triggers.starter import Starter
from cictl_server.services.triggers.watcher import Watcher


class Triggers(msgspec.Struct, frozen=True, kw_only=True):
    rounds: Rounds
    checks: CheckService
    followers: Followers
    hooks: HookService
    own_places: GitPlaces

    @classmethod
    def build(
        cls,
        core: Core,
        secrets: Secrets,
        projects: Projects,
        pipelines: Pipelines,
        *,
        poll_seconds: int,
        public_url: str,
    ) -> Triggers:
        """Put the room together. What requests look at, and what the server looks at by itself, take no place from each other."""
        own_places = GitPlaces(places=GIT_PLACES)

        def checks(remotes: Remotes) -> CheckService:
            planner = Planner(
                store=core.store,
                remotes=remotes,
                preparer=pipelines.preparer,
                runs=pipelines.runs,
                numbers=core.ids,
            )
            starter = Starter(
                store=core.store,
                remotes=remotes,
                planner=planner,
                projects=projects.projects,
                runs=pipelines.runs,
            )
            watcher = Watcher(store=core.store, remotes=remotes, starter=starter, clock=core.clock)
            return CheckService(
                store=core.store,
                watcher=watcher,
                looks=projects.looks,
                events=core.events,
                clock=core.clock,
                poll_seconds=poll_seconds,
            )

        rounds = Rounds(
            store=core.store,
            checks=checks(Remotes(places=own_places, scratch=core.scratch)),
            looks=projects.looks,
            hub=core.hub,
            clock=core.clock,
        )
        hooks = HookService(
            store=core.store,
            secrets=secrets.own,
            looks=projects.looks,
            hub=core.hub,
            clock=core.clock,
            public_url=public_url,
        )
        followers = Followers(
            store=core.store,
            remotes=Remotes(places=own_places, scratch=core.scratch),
            preparer=pipelines.preparer,
            runs=pipelines.runs,
            numbers=core.ids,
            clock=core.clock,
        )
        return cls(
            rounds=rounds, checks=checks(projects.remotes), followers=followers, hooks=hooks, own_places=own_places
        )
