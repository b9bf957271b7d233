"""A receiver of pixmill's events with Django: pip install django standardwebhooks.

Copy `pixmill` into your views and its line into your urls; the rest makes this file run alone:
WEBHOOK_SECRET=$(python -m web webhook-secret TENANT URL) python webhook_django.py runserver 8000
"""

import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

handled: set[str] = set()  # in your app: a model with the webhook-id as its key
changes: dict[str, int] = {}  # in your app: a field of the object that the job belongs to


@csrf_exempt
@require_POST
def pixmill(request: HttpRequest) -> HttpResponse:
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        event = Webhook(os.environ["WEBHOOK_SECRET"]).verify(request.body, headers)
    except WebhookVerificationError:
        return HttpResponse(status=401)
    if headers["webhook-id"] not in handled:
        handle(event["data"])
        handled.add(headers["webhook-id"])
    return HttpResponse(status=204)


def handle(job: dict) -> None:
    if job["change"] > changes.get(job["id"], 0):
        changes[job["id"]] = job["change"]
        print(job["id"], job["state"], [picture["url"] for picture in job["renditions"] or []], flush=True)


urlpatterns = [path("hooks/pixmill", pixmill)]

if __name__ == "__main__":
    settings.configure(ROOT_URLCONF=__name__, SECRET_KEY=os.urandom(16).hex(), ALLOWED_HOSTS=["*"])
    execute_from_command_line(sys.argv)
