"""Those who start runs and follow logs through a balancer, whatever happens behind it."""

from __future__ import annotations

import threading

from cictl_client import Client, ClientError


class Follower(threading.Thread):
    """Follows one log from its beginning to its end.

    Attributes:
        data: What came, in its order.
        failure: Why it gave up; None if it did not.
    """

    def __init__(self, url: str, job_id: str, *, token: str) -> None:
        super().__init__(name=f"follower of {job_id}")
        self.job_id = job_id
        self.data = b""
        self.failure: ClientError | None = None
        self._url = url
        self._token = token

    def run(self) -> None:
        with Client(self._url, token=self._token) as client:
            try:
                for chunk in client.follow_log(self.job_id):
                    self.data += chunk.data
            except ClientError as error:
                self.failure = error


class Submitter(threading.Thread):
    """Starts runs of some pipelines in turn until it is told to finish, and lets some of them be followed.

    Attributes:
        acknowledged: The executions that a server said are there, each with its pipeline.
        followers: One for every so many.
        failures: What a client that repeats what it may could not get done.
    """

    def __init__(self, url: str, pipelines: list[str], *, token: str, most_active: int, follow_each: int) -> None:
        super().__init__(name="submitter")
        self.acknowledged: dict[str, str] = {}
        self.followers: list[Follower] = []
        self.failures: list[ClientError] = []
        self._url = url
        self._pipelines = pipelines
        self._token = token
        self._most_active = most_active
        self._follow_each = follow_each
        self._is_over = threading.Event()

    def run(self) -> None:
        with Client(self._url, token=self._token) as client:
            number = 0
            while not self._is_over.wait(0.05):
                try:
                    if len(client.list_jobs(status="active").job_executions) >= self._most_active:
                        continue
                    number += 1
                    self._start(client, self._pipelines[number % len(self._pipelines)])
                except ClientError as error:
                    self.failures.append(error)  # so nothing was acknowledged

    def finish(self) -> None:
        """Start no further runs, and wait until all that are followed are over."""
        self._is_over.set()
        self.join()

    def _start(self, client: Client, pipeline: str) -> None:
        for job_id in client.run(pipeline).job_execution_ids:
            self.acknowledged[job_id] = pipeline
            if len(self.acknowledged) % self._follow_each == 0:
                self.followers.append(Follower(self._url, job_id, token=self._token))
                self.followers[-1].start()
