"""A receiver of pixmill's events with FastAPI: pip install fastapi uvicorn standardwebhooks.

WEBHOOK_SECRET=$(python -m web webhook-secret TENANT URL) uvicorn webhook_fastapi:app
"""

import os

from fastapi import FastAPI, Request, Response
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

app = FastAPI()
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
handled: set[str] = set()  # in your app: a table with the webhook-id as its key
changes: dict[str, int] = {}  # in your app: a column of the row that the job belongs to


@app.post("/hooks/pixmill")
async def pixmill(request: Request) -> Response:
    try:
        event = webhook.verify(await request.body(), dict(request.headers))
    except WebhookVerificationError:
        return Response(status_code=401)
    if request.headers["webhook-id"] not in handled:
        handle(event["data"])
        handled.add(request.headers["webhook-id"])
    return Response(status_code=204)


def handle(job: dict) -> None:
    if job["change"] > changes.get(job["id"], 0):
        changes[job["id"]] = job["change"]
        print(job["id"], job["state"], [picture["url"] for picture in job["renditions"] or []], flush=True)
