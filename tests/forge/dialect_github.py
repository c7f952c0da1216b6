"""The parts used of GitHub's API (docs.github.com/rest)."""

from typing import Any

from aiohttp import web

from tests.forge.world import Pull, RefusedError, World

_SAID = {
    "closed": "Pull Request is not mergeable",
    "draft": "Pull Request is still a draft",
    "base": "Base branch was modified. Review and try the merge again.",
    "behind": "Pull Request is not mergeable",
    "approval": "At least 1 approving review is required by reviewers with write access.",
    "checks": 'Required status check "ci" is expected.',
    "conflict": "Pull Request is not mergeable",
}
_STATE = {"passed": "success", "pending": "pending", "failed": "failure"}


def routes(world: World) -> list[web.RouteDef]:
    root = f"/api/v3/repos/{world.project}"

    def shown(pull: Pull, **more: Any) -> dict[str, Any]:
        return {
            "number": pull.number,
            "node_id": f"PR_{pull.number}",
            "html_url": f"https://forge.example/{world.project}/pull/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": pull.body or None,
            "draft": pull.draft,
            "labels": [{"name": name} for name in pull.labels],
            "head": {"ref": pull.head, "sha": world.sha(pull), "label": f"acme:{pull.head}"},
            "base": {"ref": pull.base},
            "merged_at": "2026-01-01T00:00:00Z" if pull.state == "merged" else None,
            "merge_commit_sha": pull.merge_commit or "f" * 40,  # of an open one: that of a trial merge
            **more,
        }

    async def listed(request: web.Request) -> web.Response:
        query = request.query
        owner, _, head = query["head"].partition(":")
        assert owner == "acme"
        rows = [
            shown(pull)
            for pull in reversed(world.pulls)
            if (pull.head, pull.base, pull.fork) == (head, query["base"], False)  # as "head" names the owner
            and (query["state"] == "all" or (query["state"] == "open") == (pull.state == "open"))
        ]
        return web.json_response(rows)

    async def create(request: web.Request) -> web.Response:
        body = await request.json()
        try:
            pull = world.create(body["head"], body["base"], body["title"], body["body"], body["draft"])
        except RefusedError as error:
            said = {
                "exists": f"A pull request already exists for acme:{body['head']}.",
                "nothing": f"No commits between {body['base']} and {body['head']}",
            }[error.why]
            errors = [{"resource": "PullRequest", "code": "custom", "message": said}]
            return web.json_response({"message": "Validation Failed", "errors": errors}, status=422)
        return web.json_response(shown(pull), status=201)

    def of(request: web.Request) -> Pull:
        return world.pull(int(request.match_info["number"]))

    async def read(request: web.Request) -> web.Response:
        pull = of(request)
        state = "behind" if world.strict and world.is_behind(pull) else "blocked"
        return web.json_response(shown(pull, mergeable_state=state))

    async def edit(request: web.Request) -> web.Response:
        pull, body = of(request), await request.json()
        assert set(body) <= {"title", "body"}  # there is no way to change the draft state here
        pull.title, pull.body = body["title"], body["body"]
        return web.json_response(shown(pull))

    async def graphql(request: web.Request) -> web.Response:
        body = await request.json()
        pull = world.pull(int(body["variables"]["id"].removeprefix("PR_")))
        pull.draft = "convertPullRequestToDraft" in body["query"]
        assert pull.draft or "markPullRequestReadyForReview" in body["query"]
        return web.json_response({"data": {}})

    async def labels(request: web.Request) -> web.Response:
        pull = of(request)
        pull.labels += [name for name in (await request.json())["labels"] if name not in pull.labels]
        return web.json_response([])

    async def comments(request: web.Request) -> web.Response:
        page = int(request.query.get("page", 1))
        return web.json_response(
            [{"user": {"login": "robot"}, "body": text} for text in of(request).comments] if page == 1 else []
        )

    async def say(request: web.Request) -> web.Response:
        of(request).comments.append((await request.json())["body"])
        return web.json_response({}, status=201)

    async def merge(request: web.Request) -> web.Response:
        body = await request.json()
        assert body["merge_method"] == "merge"
        try:
            world.merge(of(request), body["sha"])
        except RefusedError as error:
            if error.why == "head":
                said = "Head branch was modified. Review and try the merge again."
                return web.json_response({"message": said}, status=409)
            return web.json_response({"message": _SAID[error.why]}, status=405)
        return web.json_response({"merged": True})

    async def statuses(request: web.Request) -> web.Response:
        found = world.checks(request.match_info["sha"])
        rows = [{"context": name, "state": _STATE[state]} for name, state in found.items() if name != "ci"]
        return web.json_response({"state": "pending", "statuses": rows if request.query["page"] == "1" else []})

    async def runs(request: web.Request) -> web.Response:
        said = world.checks(request.match_info["sha"]).get("ci")
        done = said in ("passed", "failed")
        conclusion = {"passed": "success", "failed": "timed_out"}.get(said or "")
        row = {"name": "ci", "status": "completed" if done else "queued", "conclusion": conclusion}
        return web.json_response({"check_runs": [row] if said else []})

    async def branch(request: web.Request) -> web.Response:
        return web.json_response({"protection": {"required_status_checks": {"contexts": world.required[:1]}}})

    async def rules(request: web.Request) -> web.Response:
        checks = [{"context": name} for name in world.required[1:]]
        return web.json_response(
            [
                {"type": "deletion"},
                {"type": "required_status_checks", "parameters": {"required_status_checks": checks}},
            ]
        )

    async def repository(request: web.Request) -> web.Response:
        return web.json_response({"allow_merge_commit": True, "allow_rebase_merge": False})

    async def user(request: web.Request) -> web.Response:
        return web.json_response({"login": "robot"})

    number = r"{number:\d+}"
    return [
        web.get("/api/v3/user", user),
        web.get(root, repository),
        web.get(f"{root}/pulls", listed),
        web.post(f"{root}/pulls", create),
        web.get(f"{root}/pulls/{number}", read),
        web.patch(f"{root}/pulls/{number}", edit),
        web.put(f"{root}/pulls/{number}/merge", merge),
        web.post(f"{root}/issues/{number}/labels", labels),
        web.get(f"{root}/issues/{number}/comments", comments),
        web.post(f"{root}/issues/{number}/comments", say),
        web.get(f"{root}/commits/{{sha}}/status", statuses),
        web.get(f"{root}/commits/{{sha}}/check-runs", runs),
        web.get(f"{root}/branches/{{branch:.+}}", branch),
        web.get(f"{root}/rules/branches/{{branch:.+}}", rules),
        web.post("/api/graphql", graphql),
    ]
