"""The parts used of Gitea's API, as routers/api/v1/repo/pull.go and services/convert/pull.go have it."""

from typing import Any

from aiohttp import web

from tests.forge.world import Pull, RefusedError, World

_SAID = {
    "merged": (405, "The PR is already merged"),
    "closed": (404, "The target couldn't be found."),
    "draft": (405, "Work in progress PRs cannot be merged"),
    "base": (409, "merge push out of date"),
    "head": (409, "head out of date"),
    "behind": (405, "The head branch is behind the base branch"),
    "approval": (405, "Does not have enough approvals"),
    "checks": (405, "Not all required status checks successful"),
    "conflict": (405, "Please try again later"),
}
_STATE = {"passed": "success", "pending": "pending", "failed": "failure"}
_PAGE = 2  # far fewer rows than are asked for


def routes(world: World) -> list[web.RouteDef]:
    root = f"/api/v1/repos/{world.project}"

    def shown(pull: Pull) -> dict[str, Any]:
        # Of one that has ended, too, it shows the branch's tip, as long as there is a branch.
        tip = world.tip(pull.head)
        return {
            "number": pull.number,
            "html_url": f"https://forge.example/{world.project}/pulls/{pull.number}",
            "state": "open" if pull.state == "open" else "closed",
            "merged": pull.state == "merged",
            "title": pull.title,
            "body": pull.body,
            "labels": [{"name": name} for name in pull.labels],
            "head": {
                "label": pull.head,
                "ref": pull.head if tip else f"refs/pull/{pull.number}/head",
                "sha": world.sha(pull) if pull.state == "open" else tip or pull.last,
                "repo_id": -1 if pull.fork else 7,  # of a fork that was deleted
            },
            "base": {"label": pull.base, "ref": pull.base, "repo_id": 7},
            "merge_commit_sha": pull.merge_commit,
        }

    def of(request: web.Request) -> Pull:
        return world.pull(int(request.match_info["number"]))

    def page(request: web.Request, rows: list[Any]) -> list[Any]:
        at = (int(request.query["page"]) - 1) * _PAGE
        return rows[at : at + _PAGE]

    async def listed(request: web.Request) -> web.Response:
        rows = [
            shown(pull)
            for pull in reversed(world.pulls)
            if (request.query["state"] == "open") == (pull.state == "open")
        ]
        return web.json_response(page(request, rows))

    async def by_names(request: web.Request) -> web.Response:
        names = (request.match_info["head"], request.match_info["base"])
        found = [pull for pull in world.pulls if (pull.head, pull.base) == names and not pull.fork]
        return web.json_response(shown(found[0])) if found else web.json_response({"message": "not found"}, status=404)

    def name(pull: Pull, title: str) -> None:
        pull.title, pull.draft = title, title.startswith("WIP:")

    async def create(request: web.Request) -> web.Response:
        body = await request.json()
        try:
            pull = world.create(body["head"], body["base"], "", body["body"], False)
        except RefusedError as error:
            said = f"pull request already exists for these targets ({error.why})"
            return web.json_response({"message": said}, status=409 if error.why == "exists" else 422)
        name(pull, body["title"])
        return web.json_response(shown(pull), status=201)

    async def read(request: web.Request) -> web.Response:
        return web.json_response(shown(of(request)))

    async def edit(request: web.Request) -> web.Response:
        pull, body = of(request), await request.json()
        name(pull, body.pop("title", pull.title))
        pull.body = body.pop("body", pull.body)
        assert not body
        return web.json_response(shown(pull), status=201)

    async def labels(request: web.Request) -> web.Response:
        rows = [{"id": i, "name": name} for i, name in enumerate(world.labels, 1)]
        return web.json_response(page(request, rows))

    async def make_label(request: web.Request) -> web.Response:
        world.labels.append((await request.json())["name"])  # a second one of the same name is no error
        return web.json_response({"id": len(world.labels), "name": world.labels[-1]}, status=201)

    async def add_labels(request: web.Request) -> web.Response:
        pull = of(request)
        named = [world.labels[i - 1] for i in (await request.json())["labels"]]
        pull.labels += [name for name in named if name not in pull.labels]
        return web.json_response([])

    async def merge(request: web.Request) -> web.Response:
        body = await request.json()
        assert body["Do"] == "merge"
        try:
            world.merge(of(request), body["head_commit_id"])
        except RefusedError as error:
            status, said = _SAID["merged" if of(request).state == "merged" else error.why]
            return web.json_response({"message": said}, status=status)
        return web.Response()

    async def comments(request: web.Request) -> web.Response:
        return web.json_response([{"user": {"login": "robot"}, "body": text} for text in of(request).comments])

    async def say(request: web.Request) -> web.Response:
        of(request).comments.append((await request.json())["body"])
        return web.json_response({}, status=201)

    async def statuses(request: web.Request) -> web.Response:
        found = world.checks(request.match_info["sha"])
        rows = page(request, [{"context": name, "status": _STATE[state]} for name, state in found.items()])
        return web.json_response({"state": "", "statuses": rows or None})

    async def branch(request: web.Request) -> web.Response:
        patterns = [f"{name[:-1]}?" for name in world.required]
        return web.json_response({"enable_status_check": bool(patterns), "status_check_contexts": patterns})

    async def ref(request: web.Request) -> web.Response:
        pull = of(request)
        found = {"ref": f"refs/pull/{pull.number}/head", "object": {"sha": pull.last or world.sha(pull)}}
        return web.json_response([{"ref": f"refs/pull/{pull.number}/header", "object": {"sha": "0"}}, found])

    async def repository(request: web.Request) -> web.Response:
        return web.json_response({"allow_merge_commits": True, "allow_rebase": True})

    async def user(request: web.Request) -> web.Response:
        return web.json_response({"login": "robot"})

    number = r"{number:\d+}"
    return [
        web.get("/api/v1/user", user),
        web.get(root, repository),
        web.get(f"{root}/pulls", listed),
        web.post(f"{root}/pulls", create),
        web.get(f"{root}/pulls/{number}", read),
        web.get(f"{root}/pulls/{{base}}/{{head:.+}}", by_names),
        web.patch(f"{root}/pulls/{number}", edit),
        web.post(f"{root}/pulls/{number}/merge", merge),
        web.get(f"{root}/labels", labels),
        web.post(f"{root}/labels", make_label),
        web.post(f"{root}/issues/{number}/labels", add_labels),
        web.get(f"{root}/issues/{number}/comments", comments),
        web.post(f"{root}/issues/{number}/comments", say),
        web.get(f"{root}/commits/{{sha}}/status", statuses),
        web.get(f"{root}/branches/{{branch:.+}}", branch),
        web.get(f"{root}/git/refs/pull/{number}/head", ref),
    ]
