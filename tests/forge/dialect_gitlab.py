"""The parts used of GitLab's API (docs.gitlab.com, "Merge requests API")."""

import re
from typing import Any
from urllib.parse import quote

from aiohttp import web

from tests.forge.world import Pull, RefusedError, World

_STATUS = {"base": 409, "head": 409, "conflict": 422}
_PIPELINE = {"passed": "success", "pending": "running", "failed": "failed"}
_DETAIL = {"behind": "need_rebase", "approval": "not_approved", "checks": "ci_must_pass", "conflict": "conflict"}


def routes(world: World) -> list[web.RouteDef]:
    root = f"/api/v4/projects/{quote(world.project, safe='')}"
    refused: dict[int, str] = {}

    def shown(pull: Pull) -> dict[str, Any]:
        sha = world.sha(pull)
        said = world.ci(sha)
        return {
            "iid": pull.number,
            "web_url": f"https://forge.example/{world.project}/-/merge_requests/{pull.number}",
            "state": {"open": "opened"}.get(pull.state, pull.state),
            "title": pull.title,
            "description": pull.body or None,
            "draft": bool(re.match(r"draft:", pull.title, re.IGNORECASE)),
            "labels": pull.labels,
            "source_branch": pull.head,
            "target_branch": pull.base,
            "source_project_id": 8 if pull.fork else 7,
            "target_project_id": 7,
            "sha": sha or None,
            "merge_commit_sha": pull.merge_commit,
            "squash_commit_sha": None,
            "detailed_merge_status": _DETAIL.get(refused.get(pull.number, ""), "checking"),
            "head_pipeline": {"sha": sha, "ref": pull.head, "status": _PIPELINE[said]} if said else None,
        }

    def of(request: web.Request) -> Pull:
        return world.pull(int(request.match_info["number"]))

    async def listed(request: web.Request) -> web.Response:
        query = request.query
        rows = [
            shown(pull)
            for pull in reversed(world.pulls)
            if (pull.head, pull.base) == (query["source_branch"], query["target_branch"])
            and query["state"] in ("all", {"open": "opened"}.get(pull.state, pull.state))
        ]
        return web.json_response(rows)

    def name(pull: Pull, title: str) -> None:
        pull.title, pull.draft = title.strip(), title.lower().startswith("draft:")

    async def create(request: web.Request) -> web.Response:
        body = await request.json()
        try:
            pull = world.create(
                body["source_branch"], body["target_branch"], "", body["description"], False, empty=True
            )
        except RefusedError:
            said = "Another open merge request already exists for this source branch: !1"
            return web.json_response({"message": [said]}, status=409)
        name(pull, body["title"])
        return web.json_response(shown(pull), status=201)

    async def read(request: web.Request) -> web.Response:
        return web.json_response(shown(of(request)))

    async def edit(request: web.Request) -> web.Response:
        pull, body = of(request), await request.json()
        name(pull, body.pop("title", pull.title))
        pull.body = body.pop("description", pull.body)
        pull.labels += [label for label in body.pop("add_labels", "").split(",") if label]
        assert not body
        return web.json_response(shown(pull))

    async def merge(request: web.Request) -> web.Response:
        pull, body = of(request), await request.json()
        try:
            world.merge(pull, body["sha"])
        except RefusedError as error:
            refused[pull.number] = error.why
            status = _STATUS.get(error.why, 405)
            return web.json_response({"message": f"{status} refused"}, status=status)
        return web.json_response(shown(pull))

    async def notes(request: web.Request) -> web.Response:
        page = int(request.query.get("page", 1))
        return web.json_response(
            [{"author": {"id": 3, "username": "robot"}, "body": text} for text in of(request).comments]
            if page == 1
            else []
        )

    async def say(request: web.Request) -> web.Response:
        of(request).comments.append((await request.json())["body"])
        return web.json_response({}, status=201)

    async def statuses(request: web.Request) -> web.Response:
        found = world.statuses.get(request.match_info["sha"], {})
        rows = [{"name": name, "status": _PIPELINE[state], "allow_failure": False} for name, state in found.items()]
        return web.json_response(rows if request.query["page"] == "1" else [])

    async def user(request: web.Request) -> web.Response:
        return web.json_response({"username": "robot"})

    number = r"{number:\d+}"
    return [
        web.get("/api/v4/user", user),
        web.get(f"{root}/merge_requests", listed),
        web.post(f"{root}/merge_requests", create),
        web.get(f"{root}/merge_requests/{number}", read),
        web.put(f"{root}/merge_requests/{number}", edit),
        web.put(f"{root}/merge_requests/{number}/merge", merge),
        web.get(f"{root}/merge_requests/{number}/notes", notes),
        web.post(f"{root}/merge_requests/{number}/notes", say),
        web.get(f"{root}/repository/commits/{{sha}}/statuses", statuses),
    ]
